package stories_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// The worker is killed right after Stripe accepted. One charge; the same for capture,
// void and refund.
func TestStory07_CrashBetweenChargeAndRecord(t *testing.T) {
	t.Parallel()
	cancel := map[string]string{"reason_code": "patient_request"}
	for _, tt := range []struct {
		name, request string
		before        func(c *clinic.Clinic, patient, doctor *clinic.User, id string) // up to the step
		step          func(c *clinic.Clinic, patient, doctor *clinic.User, id string)
		ends          domain.Status
		captured      int64
		refunded      int64
		voided        int64
	}{
		{
			name: "opening", request: "POST /v1/payment_intents",
			ends: domain.StatusRequested,
		},
		{
			name: "capture", request: "POST /v1/payment_intents/*/capture",
			before: pay,
			step:   func(_ *clinic.Clinic, _, doctor *clinic.User, id string) { doctor.Must(id, "confirm", nil) },
			ends:   domain.StatusConfirmed, captured: 8000,
		},
		{
			name: "void", request: "POST /v1/payment_intents/*/cancel",
			before: pay,
			step:   func(_ *clinic.Clinic, patient, _ *clinic.User, id string) { patient.Must(id, "cancel", cancel) },
			ends:   domain.StatusCancelled, voided: 8000,
		},
		{
			name: "refund", request: "POST /v1/refunds",
			before: func(c *clinic.Clinic, patient, doctor *clinic.User, id string) {
				pay(c, patient, doctor, id)
				doctor.Must(id, "confirm", nil)
				patient.Await(id, domain.StatusConfirmed)
			},
			step: func(_ *clinic.Clinic, patient, _ *clinic.User, id string) { patient.Must(id, "cancel", cancel) },
			ends: domain.StatusCancelled, captured: 8000, refunded: 8000,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := clinic.New(t, clinic.Options{})
			patient, doctor := c.Login("patient"), c.Login("doctor.demo")
			b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
			b.TypeID = c.NewType(30, `{}`)
			crash := func() *sandbox.Injected {
				return c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: tt.request, Mode: "hold_after", Count: 1})
			}
			var held *sandbox.Injected
			if tt.before == nil {
				held = crash()
			}
			a := patient.Book(b)
			if tt.before != nil {
				tt.before(c, patient, doctor, a.ID)
				held = crash()
				tt.step(c, patient, doctor, a.ID)
			}
			require.NoError(t, held.WaitHeld(testkit.Context(t)))
			c.WorkerProcess.Kill()
			held.Release()
			c.StartWorker()

			patient.Await(a.ID, tt.ends)
			testkit.Eventually(t, func() bool {
				p := c.Sandbox.Ledger().Payments[0]
				row := patient.Appointment(a.ID).Payment
				return p.Captured == tt.captured && row.Captured.Minor == tt.captured &&
					p.Refunded == tt.refunded && row.Refunded.Minor == tt.refunded && p.Voided == tt.voided
			}, "money and record agree")
			ledger := c.Sandbox.Ledger()
			require.Len(t, ledger.Payments, 1, "one charge")
			require.LessOrEqual(t, ledger.Payments[0].Captures, 1)
			require.LessOrEqual(t, ledger.Payments[0].Refunds, 1)
			if tt.ends == domain.StatusRequested {
				require.NoError(t, c.Sandbox.Pay(c.Intent(patient, a.ID)))
				patient.Await(a.ID, domain.StatusPending)
			}
		})
	}
}

func pay(c *clinic.Clinic, patient, _ *clinic.User, id string) {
	_ = c.Sandbox.Pay(c.Intent(patient, id))
	patient.Await(id, domain.StatusPending)
}
