package stories_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// Same key, same body: the first answer again, from any replica, also after a restart.
// Same key, other body: 422. Same key on another operation: its own command.
func TestStory17_TheClientRetries(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	replica := c.StartReplica()
	patient, doctor := c.Login("patient"), c.Login("doctor.demo")
	b := clinic.Booking(clinic.InMinutes(24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	const key = "the-same-key"
	book := func(u *clinic.User) clinic.Answer {
		return u.Do(http.MethodPost, "/v1/appointments", b, "Idempotency-Key", key)
	}

	first := book(patient)
	require.Equal(t, http.StatusCreated, first.Status, first)
	same := func(a clinic.Answer) {
		t.Helper()
		require.Equal(t, http.StatusCreated, a.Status, a)
		require.Equal(t, string(first.Body), string(a.Body))
		require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"))
		require.Equal(t, first.Header.Get("Location"), a.Header.Get("Location"))
	}
	same(book(patient))
	same(book(patient.At(replica)))
	c.APIProcess.Kill()
	c.APIProcess.Start()
	c.WaitReady()
	same(book(patient))
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM appointments`))

	other := b
	other.StartsAt = b.StartsAt.Add(2 * time.Hour)
	changed := patient.Do(http.MethodPost, "/v1/appointments", other, "Idempotency-Key", key)
	require.Equal(t, http.StatusUnprocessableEntity, changed.Status, changed)
	require.Equal(t, string(domain.CodeIdempotencyReused), changed.Problem())

	id := first.Header.Get("Location")[len("/v1/appointments/"):]
	require.NoError(t, c.Sandbox.Pay(c.Intent(patient, id)))
	patient.Await(id, domain.StatusPending)
	confirmed := doctor.Command(id, "confirm", nil, key)
	require.Equal(t, http.StatusOK, confirmed.Status, confirmed)
	patient.Await(id, domain.StatusConfirmed)
	again := doctor.At(replica).Command(id, "confirm", nil, key)
	require.Equal(t, string(confirmed.Body), string(again.Body), "the first answer, though the visit has moved on")

	cancelled := patient.Command(id, "cancel", map[string]string{"reason_code": "patient_request"}, key)
	require.Equal(t, http.StatusOK, cancelled.Status, "the same key on another operation is a command of its own: %s", cancelled)
	patient.Await(id, domain.StatusCancelled)
	testkit.Eventually(t, func() bool { return c.Sandbox.Ledger().Payments[0].Refunds == 1 }, "the money goes back")
}
