package stories_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// quickPay is a visit whose payment window is over in seconds.
const quickPay = `{"payment_window": "8s", "payment_window_max": "20s", "answer_cutoff": "1m"}`

// The slot stays held until the deadline and is free seconds after it.
func TestStory03_AbandonedCheckout(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	abandonCheckout(t, c, func(time.Time) {})
}

// ... also when every worker was down over the deadline and came back later.
func TestStory03_AbandonedCheckoutWhileEveryWorkerIsDown(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	abandonCheckout(t, c, func(payBy time.Time) {
		c.WorkerProcess.Kill()
		testkit.Eventually(t, func() bool { return time.Now().After(payBy.Add(2 * time.Second)) }, "the deadline passes")
		require.Equal(t, 1, c.Count(`SELECT count(*) FROM appointments WHERE status = 'requested'`), "held while nobody can look")
		c.StartWorker()
	})
}

// ... and when the worker died before it could report that the checkout is open: what was
// opened is found again, and closed or believed.
func TestStory03_TheOpenCheckoutIsNeverReported(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		paid bool
		ends domain.Status
	}{{"abandoned", false, domain.StatusExpired}, {"paid", true, domain.StatusPending}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := clinic.New(t, clinic.Options{})
			patient := c.Login("patient")
			held := c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: "POST /v1/payment_intents", Mode: "hold", Count: 1})
			b := clinic.Booking(clinic.InMinutes(24 * 60))
			b.TypeID = c.NewType(30, quickPay)
			a := patient.Book(b)
			require.NoError(t, held.WaitHeld(testkit.Context(t)))
			c.WorkerToTemporal.Mute() // what the worker says from here on is never heard
			held.Release()
			intent := c.Intent(patient, a.ID)
			c.WorkerProcess.Kill()
			c.WorkerToTemporal.Unmute()
			if tt.paid {
				require.NoError(t, c.Sandbox.Pay(intent))
			}
			testkit.Eventually(t, func() bool { return time.Now().After(a.CreatedAt.Add(21 * time.Second)) }, "the longest window passes")
			c.StartWorker()
			patient.Await(a.ID, tt.ends)
			testkit.Eventually(t, func() bool {
				p, _ := c.Sandbox.Payment(intent)
				return tt.paid == (p.Held > 0) && (tt.paid || p.Status == "canceled")
			}, "the money is where it belongs")
		})
	}
}

func abandonCheckout(t *testing.T, c *clinic.Clinic, meanwhile func(payBy time.Time)) {
	t.Helper()
	patient, other := c.Login("patient"), c.Login("caregiver")
	b := clinic.Booking(clinic.InMinutes(24 * 60))
	b.TypeID = c.NewType(30, quickPay)
	a := patient.Book(b)
	intent := c.Intent(patient, a.ID)
	payBy := patient.Appointment(a.ID).PayBy

	theirs := b
	theirs.PatientID = seed.ChildID
	refused := other.Do(http.MethodPost, "/v1/appointments", theirs, "Idempotency-Key", domain.NewID())
	require.Equal(t, string(domain.CodeSlotTaken), refused.Problem(), refused)

	meanwhile(payBy)

	ended := patient.Await(a.ID, domain.StatusExpired)
	require.False(t, ended.EndedAt.Before(payBy), "held until the deadline")
	other.Book(theirs)
	testkit.Eventually(t, func() bool {
		p, _ := c.Sandbox.Payment(intent)
		return p.Status == "canceled"
	}, "the payment is closed")
	require.Error(t, c.Sandbox.Pay(intent), "a dead payment cannot be paid")
}
