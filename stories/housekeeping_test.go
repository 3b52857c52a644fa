package stories_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// Housekeeping removes what nobody needs any more; a client that asks again with a key that
// is gone by then neither books nor moves money twice.
func TestHousekeepingAndTheClientThatAsksAgainLater(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	patient, doctor := c.Login("patient"), c.Login("doctor.demo")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	book := func() clinic.Answer {
		return patient.Do(http.MethodPost, "/v1/appointments", b, "Idempotency-Key", "the-booking")
	}
	first := book()
	require.Equal(t, http.StatusCreated, first.Status, first)
	var a openapi.Appointment
	require.NoError(t, json.Unmarshal(first.Body, &a))
	require.NoError(t, c.Sandbox.Pay(c.Intent(patient, a.ID)))
	patient.Await(a.ID, domain.StatusPending)
	require.Equal(t, http.StatusOK, doctor.Command(a.ID, "confirm", nil, "the-yes").Status)
	patient.Await(a.ID, domain.StatusConfirmed)
	c.Messages(a.ID)
	testkit.Eventually(t, func() bool { return c.Count(`SELECT count(*) FROM outbox WHERE done_at IS NULL`) == 0 }, "all is handed over")
	reads := c.Count(`SELECT count(*) FROM record_accesses`)
	lines := c.Count(`SELECT count(*) FROM appointment_events`)

	handed := c.Count(`SELECT count(*) FROM outbox`)
	c.Exec(`UPDATE outbox SET done_at = done_at - interval '8 days'`)
	c.Exec(`UPDATE idempotency_keys SET created_at = created_at - interval '31 days'`)
	tokens := c.Count(`SELECT count(*) FROM refresh_tokens`)
	c.Exec(`UPDATE refresh_tokens SET expires_at = now() - interval '2 days'`)
	var list openapi.HousekeepingList
	require.NoError(t, json.Unmarshal([]byte(c.Careflow("ops", "housekeeping", "--json")), &list))
	require.Len(t, list.Items, 1)
	require.Equal(t, openapi.HousekeepingTrigger(domain.ByPerson), list.Items[0].Trigger)
	removed := list.Items[0].Removed
	require.Equal(t, map[string]int{
		"outbox": handed, "idempotency_keys": 2, "refresh_tokens": tokens, "sessions": 0, "login_attempts": 0, "housekeeping_runs": 0,
	}, removed)
	require.Contains(t, c.Careflow("admin", "housekeeping", "--last", "5"), "person")
	require.Equal(t, http.StatusForbidden, doctor.Do(http.MethodPost, "/v1/ops/housekeeping", nil).Status)

	again := book()
	require.Contains(t, []string{string(domain.CodePatientOverlap), string(domain.CodeSlotTaken)}, again.Problem(), again)
	require.Equal(t, http.StatusOK, doctor.Command(a.ID, "confirm", nil, "the-yes").Status, "the process knows the command")
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM appointments`))
	require.Equal(t, lines, c.Count(`SELECT count(*) FROM appointment_events`), "nothing happened twice")
	require.GreaterOrEqual(t, c.Count(`SELECT count(*) FROM record_accesses`), reads, "who read what is kept")
	require.Len(t, c.Sandbox.Ledger().Payments, 1)
	require.Equal(t, 1, c.Sandbox.Ledger().Payments[0].Captures)
}
