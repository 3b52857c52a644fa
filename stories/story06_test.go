package stories_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// One set of effects and the right final state, whatever the events do on their way.
func TestStory06_SameEventTwiceOrOutOfOrder(t *testing.T) {
	t.Parallel()
	for _, mode := range []sandbox.Mode{"doubled", "reordered", "late"} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			c := clinic.New(t, clinic.Options{})
			c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Webhook, Mode: mode, Latency: domain.Duration(500e6)})
			patient, doctor := c.Login("patient"), c.Login("doctor.demo")
			b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
			b.TypeID = c.NewType(30, quickPay)
			a := patient.Book(b)
			require.NoError(t, c.Sandbox.Pay(c.Intent(patient, a.ID)))
			patient.Await(a.ID, domain.StatusPending)
			doctor.Must(a.ID, "confirm", nil)
			patient.Await(a.ID, domain.StatusConfirmed)
			patient.Must(a.ID, "cancel", map[string]string{"reason_code": "patient_request"})
			c.Sandbox.ResendWebhooks()
			testkit.Eventually(t, func() bool { return c.Sandbox.Ledger().Payments[0].Refunded == 8000 }, "the money is back")
			testkit.Eventually(t, func() bool {
				return c.Count(`SELECT count(*) FROM outbox WHERE done_at IS NULL AND topic <> 'unmatched'`) == 0
			}, "every event is looked at")

			p := c.Sandbox.Ledger().Payments[0]
			require.Equal(t, []int{1, 1}, []int{p.Captures, p.Refunds})
			require.Equal(t, string(domain.StatusCancelled), string(patient.Appointment(a.ID).Status))
			c.Messages(a.ID)
			for _, m := range c.Sandbox.Ledger().Mails {
				require.Equal(t, 1, m.Count, "each letter once: %s", m.Subject)
			}
			require.Zero(t, c.Count(`SELECT count(*) - count(DISTINCT transition_id) FROM appointment_events WHERE appointment_id = $1`, a.ID))
		})
	}
}
