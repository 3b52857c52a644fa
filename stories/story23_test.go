package stories_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// lateAfter is what counts as an outage in these stories, in seconds instead of minutes.
// It is as long as a busy machine may need for a timer that fires in time.
const (
	lateAfter = 5 * time.Second
	seconds   = `"late_after": "5s", "fresh_grace": "25s"`
)

// outage keeps every worker down over a deadline.
func outage(c *clinic.Clinic, deadline time.Time) {
	c.WorkerProcess.Kill()
	c.WaitUntil(deadline.Add(lateAfter + time.Second))
	c.StartWorker()
}

// The doctor's deadline passes while we are down: it is put off where everybody sees it,
// the answer still counts, and without one the request ends with the new deadline.
func TestStory23_TheDoctorCanStillAnswerAfterAnOutage(t *testing.T) {
	t.Parallel()
	for _, answers := range []bool{true, false} {
		t.Run(map[bool]string{true: "answered", false: "silent"}[answers], func(t *testing.T) {
			t.Parallel()
			c := clinic.New(t, clinic.Options{})
			patient, doctor := c.Login("patient"), c.Login("doctor.demo")
			b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
			b.TypeID = c.NewType(30, `{"answer_deadline": "6s", `+seconds+`}`)
			a := c.BookAndPay(patient, b)
			outage(c, a.AnswerBy)

			var put openapi.Appointment
			testkit.Eventually(t, func() bool {
				put = patient.Appointment(a.ID)
				return put.AnswerBy.After(a.AnswerBy) || put.Status == "expired"
			}, "the deadline is put off")
			require.Equal(t, string(domain.StatusPending), string(put.Status))
			require.WithinDuration(t, time.Now().Add(25*time.Second), put.AnswerBy, 20*time.Second)
			if answers {
				doctor.Must(a.ID, "confirm", nil)
				patient.Await(a.ID, domain.StatusConfirmed)
				return
			}
			ended := patient.Await(a.ID, domain.StatusExpired)
			require.False(t, ended.EndedAt.Before(put.AnswerBy), "not before the new deadline")
			require.Equal(t, []string{"deadline_extended", "expired"}, kindsWithout(patient.Kinds(a.ID),
				"booked", "payment_opened", "authorised", "payment_voided"), "put off once")
		})
	}
}

// A visit ends while we are down: the patient can still be checked in.
func TestStory23_NobodyIsMissingBecauseWeWereDown(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true})
	users, visits := soon(t, c, 40*time.Second, `"no_show_grace": "2s", `+seconds)
	id, over := visits[0].ID, visits[0].CheckInBy
	require.False(t, over.IsZero())
	outage(c, over)
	testkit.Eventually(t, func() bool {
		a := users[0].Appointment(id)
		return a.CheckInBy.After(over) || a.Status != "confirmed"
	}, "the end is put off")
	c.Login("staff").Must(id, "check-in", nil)
	a := users[0].Await(id, domain.StatusCheckedIn, domain.StatusCompleted)
	require.True(t, slices.Contains(users[0].Kinds(id), "deadline_extended"))
	require.Zero(t, a.Payment.Refunded.Minor)
}

// The time to object passes while we are down: the patient can still object.
func TestStory23_ThePatientCanStillObjectAfterAnOutage(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true})
	users, visits := soon(t, c, 40*time.Second, `"dispute_period": "10s", `+seconds)
	id := visits[0].ID
	c.Login("staff").Must(id, "no-show", nil)
	until := users[0].Await(id, domain.StatusNoShow).NoShowFee.DisputeBy
	require.Contains(t, c.Letter(id, domain.MessageFeeNotice), "EUR 40.00") // told before we go down
	outage(c, until)
	testkit.Eventually(t, func() bool {
		fee := users[0].Appointment(id).NoShowFee
		return fee.DisputeBy.After(until) || fee.Status != "noticed"
	}, "the deadline is put off")
	users[0].Must(id, "dispute", map[string]string{"reason_code": "was_there"})
	testkit.Eventually(t, func() bool { return users[0].Appointment(id).NoShowFee.Status == "disputed" }, "staff decide")
}

// Every worker is down from the booking until the hold should have ended: the patient, who
// could never pay, gets a window after all.
func TestStory23_APatientWhoCouldNeverPayGetsAWindow(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true})
	patient := c.Login("patient")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{"payment_window": "2s", "payment_window_max": "3s", `+seconds+`}`)
	a := patient.Book(b)
	c.WaitUntil(a.CreatedAt.Add(3*time.Second + lateAfter + time.Second))
	c.StartWorker()
	require.NoError(t, c.Sandbox.Pay(c.Intent(patient, a.ID)))
	require.True(t, patient.Appointment(a.ID).PayBy.After(a.CreatedAt.Add(3*time.Second)) || patient.Appointment(a.ID).Status == "pending")
	patient.Await(a.ID, domain.StatusPending)
	require.Equal(t, []string{"booked", "deadline_extended", "payment_opened", "authorised"}, patient.Kinds(a.ID))
}
