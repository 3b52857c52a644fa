package stories_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

const captures = "POST /v1/payment_intents/*/capture"

// For a while: the visit shows as capturing, then is confirmed.
func TestStory24_TheCaptureFailsForAWhile(t *testing.T) {
	t.Parallel()
	c, patient, doctor, id := pendingVisit(t)
	fault := c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: captures, Mode: "fail", Status: 503})
	doctor.Must(id, "confirm", nil)
	testkit.Eventually(t, func() bool { return fault.Hits() >= 2 }, "the capture is tried again")
	require.Equal(t, string(domain.StatusCapturing), string(patient.Appointment(id).Status))
	c.Sandbox.ClearFaults()
	patient.Await(id, domain.StatusConfirmed)
	require.Equal(t, 1, c.Sandbox.Ledger().Payments[0].Captures)
}

// For good: the patient gets a new window, pays again, and is charged once.
func TestStory24_TheCaptureFailsForGood(t *testing.T) {
	t.Parallel()
	c, patient, doctor, id := pendingVisit(t)
	first := c.Sandbox.Ledger().Payments[0].IntentID
	c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: captures, Mode: "fail", Status: 402, Code: "card_declined", Count: 1})
	doctor.Must(id, "confirm", nil)
	patient.Await(id, domain.StatusRequested)
	testkit.Eventually(t, func() bool { return len(c.Sandbox.Ledger().Payments) == 2 }, "a new payment opens")
	var second string
	for _, p := range c.Sandbox.Ledger().Payments {
		if p.IntentID != first {
			second = p.IntentID
		}
	}
	testkit.Eventually(t, func() bool { return patient.Appointment(id).Payment.ClientSecret != "" }, "the patient can pay")
	require.NoError(t, c.Sandbox.Pay(second))
	patient.Await(id, domain.StatusPending)
	doctor.Must(id, "confirm", nil)
	patient.Await(id, domain.StatusConfirmed)

	require.Equal(t, int64(8000), c.Sandbox.Ledger().Totals[0].Captured, "charged once")
	patient.Must(id, "cancel", map[string]string{"reason_code": "patient_request"})
	testkit.Eventually(t, func() bool {
		total := c.Sandbox.Ledger().Totals[0]
		return total.Held == 0 && total.Refunded == total.Captured
	}, "nothing is held or kept of either payment")
}

// A cancel in between ends in one clean state.
func TestStory24_ACancelWhileTheCaptureFails(t *testing.T) {
	t.Parallel()
	c, patient, doctor, id := pendingVisit(t)
	fault := c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: captures, Mode: "fail", Status: 503})
	doctor.Must(id, "confirm", nil)
	testkit.Eventually(t, func() bool { return fault.Hits() >= 1 }, "the capture fails")
	waiting := patient.Command(id, "cancel", map[string]string{"reason_code": "patient_request"}, "the-cancel")
	require.Equal(t, http.StatusAccepted, waiting.Status, "it waits for the capture's result: %s", waiting)
	c.Sandbox.ClearFaults()
	patient.Await(id, domain.StatusCancelled)
	testkit.Eventually(t, func() bool {
		p := c.Sandbox.Ledger().Payments[0]
		return p.Held == 0 && p.Captured == p.Refunded
	}, "the money is back")
	require.Equal(t, []string{"captured", "cancelled"}, kindsWithout(patient.Kinds(id),
		"booked", "payment_opened", "authorised", "accepted", "payment_refunded"))
}

func pendingVisit(t *testing.T) (c *clinic.Clinic, patient, doctor *clinic.User, id string) {
	t.Helper()
	c = clinic.New(t, clinic.Options{Env: []string{"CAREFLOW_COMMAND_WAIT=1s"}})
	patient, doctor = c.Login("patient"), c.Login("doctor.demo")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	return c, patient, doctor, c.BookAndPay(patient, b).ID
}
