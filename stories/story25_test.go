package stories_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// A command on a visit whose process has not been started yet, because the relay is
// behind, is carried out, not answered 404.
func TestStory25_TheCommandComesBeforeTheProcess(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	patient := c.Login("patient")
	c.Exec(`ALTER TABLE outbox ALTER not_before SET DEFAULT now() + interval '1 hour'`)
	b := clinic.Booking(clinic.InMinutes(24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	a := patient.Book(b)

	cancelled := patient.Command(a.ID, "cancel", map[string]string{"reason_code": "patient_request"}, "k")
	require.Equal(t, http.StatusOK, cancelled.Status, cancelled)
	require.Equal(t, string(domain.StatusCancelled), string(patient.Appointment(a.ID).Status))

	c.Exec(`ALTER TABLE outbox ALTER not_before SET DEFAULT now()`)
	c.Exec(`UPDATE outbox SET not_before = now()`)
	testkit.Eventually(t, func() bool { return c.Count(`SELECT count(*) FROM outbox WHERE done_at IS NULL`) == 0 }, "the relay catches up")
	require.Equal(t, []string{"booked", "cancelled"}, kindsWithout(patient.Kinds(a.ID), "payment_opened", "payment_voided"))
	patient.Book(b)
}

// With no worker at all the command is kept: 202 says so, and it is carried out as soon
// as there is one.
func TestStory25_TheCommandComesBeforeAnyWorker(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true, Env: []string{"CAREFLOW_COMMAND_WAIT=500ms"}})
	patient := c.Login("patient")
	b := clinic.Booking(clinic.InMinutes(24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	a := patient.Book(b)

	kept := patient.Command(a.ID, "cancel", map[string]string{"reason_code": "patient_request"}, "k")
	require.Equal(t, http.StatusAccepted, kept.Status, kept)
	require.Equal(t, "/v1/appointments/"+a.ID, kept.Header.Get("Location"))
	require.Equal(t, string(domain.StatusRequested), string(patient.Appointment(a.ID).Status))

	c.StartWorker()
	patient.Await(a.ID, domain.StatusCancelled)
	testkit.Eventually(t, func() bool {
		return patient.Command(a.ID, "cancel", map[string]string{"reason_code": "patient_request"}, "k").Status == http.StatusOK
	}, "asked again, the caller is told the outcome")
}

func kindsWithout(kinds []string, without ...string) []string {
	var kept []string
	for _, k := range kinds {
		drop := false
		for _, w := range without {
			drop = drop || k == w
		}
		if !drop {
			kept = append(kept, k)
		}
	}
	return kept
}
