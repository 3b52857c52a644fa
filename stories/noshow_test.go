package stories_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// soonOver is a visit that is confirmed at once, of whose EUR 80 a no-show costs half.
const soonOver = `{"instant_confirm": true, "reminders": [], "no_show_fee_share": 50, `

// soon brings visits of several patients, each with terms of its own, to one moment, pays
// them and waits until they are confirmed.
func soon(t *testing.T, c *clinic.Clinic, in time.Duration, terms ...string) (users []*clinic.User, visits []openapi.Appointment) {
	t.Helper()
	users, patients := c.NewPatients(len(terms))
	for i, own := range terms {
		b := clinic.Booking(clinic.InMinutes(24*60 + 30*i))
		b.PatientID, b.TypeID = patients[i], c.NewType(30, soonOver+own+`}`)
		visits = append(visits, users[i].Book(b))
	}
	start := time.Now().Add(in)
	for _, a := range visits {
		c.BringForward(a.ID, start, time.Second)
	}
	c.StartWorker()
	for i, a := range visits {
		require.NoError(t, c.Sandbox.Pay(c.Intent(users[i], a.ID)))
	}
	for i, a := range visits {
		visits[i] = users[i].Await(a.ID, domain.StatusConfirmed)
	}
	c.WaitUntil(start)
	return users, visits
}

// balance says that books, provider and receipts agree on what stays with the clinic of
// the EUR 80 of a visit.
func balance(t *testing.T, c *clinic.Clinic, u *clinic.User, id string, kept int64) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		p := u.Appointment(id).Payment
		return p.Captured.Minor-p.Refunded.Minor == kept
	}, "the books of %s say that %d is kept", id, kept)
	for _, p := range c.Sandbox.Ledger().Payments {
		if p.AppointmentID == id {
			require.Equal(t, kept, p.Captured-p.Refunded, "the provider's books")
			require.Equal(t, 1, p.Captures, "money is taken once")
		}
	}
	require.Equal(t, kept, int64(c.Count(`SELECT coalesce(sum(CASE kind WHEN 'payment' THEN amount_minor ELSE -amount_minor END), 0)
		FROM receipts WHERE appointment_id = $1`, id)), "the receipts add up to it")
}

// A person's mark keeps the fee after notice and a time to object; staff decide about an
// objection; nobody's mark costs nothing; what was recorded wrongly is put right.
func TestANoShowIsNoticedDisputedDecidedAndCorrected(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true})
	desk := c.Login("staff")
	users, visits := soon(t, c, 40*time.Second,
		`"dispute_period": "6s"`, `"dispute_period": "10m"`, `"dispute_period": "10m"`, `"no_show_grace": "1s"`)
	silent, objecting, mistaken, unmarked := visits[0].ID, visits[1].ID, visits[2].ID, visits[3].ID

	for i, id := range []string{silent, objecting, mistaken} {
		desk.Must(id, "no-show", nil)
		fee := users[i].Await(id, domain.StatusNoShow).NoShowFee
		require.Equal(t, openapi.FeeStatus("noticed"), fee.Status)
		require.Equal(t, int64(4000), fee.Amount.Minor)
		require.False(t, fee.DisputeBy.IsZero())
	}
	require.Contains(t, c.Letter(silent, domain.MessageFeeNotice), "EUR 40.00")

	nobodyObjects(t, c, users[0], silent)
	thePatientObjects(t, c, users[1], users[0], objecting)
	itTookPlaceAfterAll(t, c, users[2], mistaken)
	nobodyMarkedIt(t, c, users[3], unmarked)
}

func nobodyObjects(t *testing.T, c *clinic.Clinic, patient *clinic.User, id string) {
	t.Helper()
	testkit.Eventually(t, func() bool { return patient.Appointment(id).NoShowFee.Status == "kept" }, "the fee is kept")
	balance(t, c, patient, id, 4000)
	require.Contains(t, c.Letter(id, domain.MessageFeeKept), "EUR 40.00")
	late := patient.Command(id, "dispute", map[string]string{"reason_code": "was_there"}, "k")
	require.Equal(t, string(domain.CodeWrongStatus), late.Problem(), late)
}

func thePatientObjects(t *testing.T, c *clinic.Clinic, patient, other *clinic.User, id string) {
	t.Helper()
	temporal := c.Temporal()
	balance(t, c, patient, id, 4000) // what exceeds the fee went back at once
	require.Equal(t, "patient_may_object", c.NextStep(temporal, id))
	theirs := other.Command(id, "dispute", map[string]string{"reason_code": "was_there"}, "k2")
	require.Equal(t, http.StatusNotFound, theirs.Status, "somebody else's fee")
	patient.Must(id, "dispute", map[string]string{"reason_code": "was_there"})
	testkit.Eventually(t, func() bool { return c.NextStep(temporal, id) == "staff_decide_fee" }, "people see who acts")
	require.Contains(t, c.Careflow("staff", "appointments", "list", "--fee", "disputed"), id)
	c.Careflow("staff", "appointments", "waive-fee", id, "--reason", "arrival_confirmed")
	balance(t, c, patient, id, 0)
	require.Contains(t, c.Letter(id, domain.MessageFeeWaived), "EUR 40.00")
	require.Contains(t, c.Messages(id), "no_show_fee_waived patient")
	require.Contains(t, c.Letter(id, domain.MessageRefunded), "We have sent EUR 40.00", "each refund's letter names its own amount")
	require.Equal(t, []string{"not_attended", "fee_disputed", "fee_waived"}, kindsWithout(patient.Kinds(id),
		"booked", "payment_opened", "authorised", "accepted", "captured", "payment_refunded"))
}

func itTookPlaceAfterAll(t *testing.T, c *clinic.Clinic, patient *clinic.User, id string) {
	t.Helper()
	desk := c.Login("staff")
	balance(t, c, patient, id, 4000)
	c.Careflow("staff", "appointments", "correct", id, "--to", "completed", "--reason", "recorded_by_mistake")
	a := patient.Await(id, domain.StatusCompleted)
	require.Equal(t, openapi.FeeStatus("withdrawn"), a.NoShowFee.Status)
	require.Contains(t, c.Letter(id, domain.MessageCorrected), "mistake of ours")
	balance(t, c, patient, id, 4000) // what went back is not taken again
	correct(t, desk, id, domain.StatusNoShow)
	require.Equal(t, openapi.FeeStatus("noticed"), patient.Await(id, domain.StatusNoShow).NoShowFee.Status)
	desk.Must(id, "waive-fee", map[string]string{"reason_code": "goodwill"})
	balance(t, c, patient, id, 0)
	require.Equal(t, 3, c.Count(`SELECT count(*) FROM receipts WHERE appointment_id = $1`, id), "taken once, given back twice")
}

func nobodyMarkedIt(t *testing.T, c *clinic.Clinic, patient *clinic.User, id string) {
	t.Helper()
	a := patient.Await(id, domain.StatusNoShow)
	require.Empty(t, a.NoShowFee.Status)
	balance(t, c, patient, id, 0)
	correct(t, c.Login("staff"), id, domain.StatusCompleted)
	patient.Await(id, domain.StatusCompleted)
	balance(t, c, patient, id, 0)
	refused := patient.Command(id, "correct", map[string]string{"status": "no_show", "reason_code": "other"}, "k3")
	require.Equal(t, http.StatusForbidden, refused.Status, "only staff correct")
}

// correct waits for money that is on its way back, as its answer asks for.
func correct(t *testing.T, desk *clinic.User, id string, to domain.Status) {
	t.Helper()
	body := map[string]string{"status": string(to), "reason_code": "recorded_by_mistake"}
	testkit.Eventually(t, func() bool {
		return desk.Command(id, "correct", body, domain.NewID()).Status < http.StatusMultipleChoices
	}, "%s is corrected", id)
}
