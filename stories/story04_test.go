package stories_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// Paid in the moment between our look at the provider and the void: the hold is let go like
// any late payment, and the patient is told.
func TestStory04_PaymentWhileItIsVoided(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	patient, staff := c.Login("patient"), c.Login("staff")
	b := clinic.Booking(clinic.InMinutes(24 * 60))
	b.TypeID = c.NewType(30, quickPay)
	voiding := c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: "POST /v1/payment_intents/*/cancel", Mode: "hold"})
	a := patient.Book(b)
	intent := c.Intent(patient, a.ID)
	require.NoError(t, voiding.WaitHeld(testkit.Context(t)))
	require.NoError(t, c.Sandbox.Pay(intent))
	voiding.Release()

	done := staff.AwaitCase(a.ID, closed, "ends")
	require.Equal(t, domain.OutcomeVoided, string(done.Outcome))
	require.Equal(t, string(domain.CaseLatePayment), string(done.Kind))
	testkit.Eventually(t, func() bool {
		return slices.Contains(c.Messages(a.ID), "payment_released patient")
	}, "the patient is told")
	require.Equal(t, 1, c.Mails(a.ID, domain.MessagePaymentReleased), "once")
	require.Equal(t, domain.StatusExpired, domain.Status(patient.Appointment(a.ID).Status))
}

func closed(c openapi.PaymentCase) bool { return domain.CaseState(c.State) == domain.CaseClosed }

// The hold died while the provider could not be told, the slot is someone else's, and then
// the first patient pays. Nothing is revived, the money goes back once, the patient is
// told, staff see the case. The worker dies on the way, too.
func TestStory04_PaymentAfterTheHoldDied(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		// handed: the provider stays away until the case has the money.
		handed bool
		// killed: the worker dies between the void and its record.
		killed bool
	}{{name: "at once"}, {name: "after a long outage", handed: true}, {name: "with a crash", killed: true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := clinic.New(t, clinic.Options{})
			patient, other, staff := c.Login("patient"), c.Login("caregiver"), c.Login("staff")
			b := clinic.Booking(clinic.InMinutes(24 * 60))
			b.TypeID = c.NewType(30, quickPay)
			deaf := c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: "POST /v1/payment_intents/*/cancel", Mode: "fail", Status: 503})
			a := patient.Book(b)
			intent := c.Intent(patient, a.ID)
			patient.Await(a.ID, domain.StatusExpired)
			theirs := b
			theirs.PatientID, theirs.TypeID = seed.ChildID, c.NewType(30, `{}`)
			taken := other.Book(theirs)
			if tt.handed {
				shown := staff.AwaitCase(a.ID, func(c openapi.PaymentCase) bool { return domain.CaseState(c.State) == domain.CaseRetrying }, "shows the outage")
				require.Equal(t, string(domain.CaseUnsettled), string(shown.Kind))
				require.Equal(t, shown.ID, staff.Appointment(a.ID).PaymentCaseID)
				require.Empty(t, patient.Appointment(a.ID).PaymentCaseID, "for staff")
			}
			require.NoError(t, c.Sandbox.Pay(intent), "a payment that nobody could stop")
			var held *sandbox.Injected
			if tt.killed {
				held = c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: "POST /v1/payment_intents/*/cancel", Mode: "hold_after", Count: 1})
			}
			deaf.Release()
			if tt.killed {
				require.NoError(t, held.WaitHeld(testkit.Context(t)))
				c.WorkerProcess.Kill()
				held.Release()
				c.StartWorker()
			}

			done := staff.AwaitCase(a.ID, closed, "ends")
			require.Equal(t, domain.OutcomeVoided, string(done.Outcome))
			require.Equal(t, string(domain.CaseLatePayment), string(done.Kind))
			p, _ := c.Sandbox.Payment(intent)
			require.Equal(t, "canceled", p.Status)
			require.EqualValues(t, 8000, p.Voided)
			require.Zero(t, p.Captured)
			require.Equal(t, domain.StatusExpired, domain.Status(patient.Appointment(a.ID).Status), "not revived")
			require.Equal(t, domain.StatusRequested, domain.Status(other.Appointment(taken.ID).Status), "the slot stays theirs")
			// The visit's own look may open it once more, find nothing left to do, and close it.
			testkit.Eventually(t, func() bool { return staff.Appointment(a.ID).PaymentCaseID == "" }, "no case is left open")
			testkit.Eventually(t, func() bool {
				return slices.Contains(c.Messages(a.ID), "payment_released patient")
			}, "the patient is told")
			require.Equal(t, 1, c.Mails(a.ID, domain.MessagePaymentReleased), "once")
			require.Equal(t, 1, c.Count(`SELECT count(*) FROM appointment_events WHERE appointment_id = $1 AND kind = 'payment_voided'`, a.ID))
		})
	}
}
