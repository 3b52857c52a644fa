package stories_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// SendGrid fails while a visit is booked, confirmed and cancelled: the visit goes on, the
// slot frees at once, and each letter that still holds arrives afterwards, in order.
func TestStory15_SideEffectsFailTheBookingDoesNot(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	fault := c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.SendGrid, Mode: "fail", Status: 500})
	patient, doctor := c.Login("patient"), c.Login("doctor.demo")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	a := c.BookAndPay(patient, b)
	doctor.Must(a.ID, "confirm", nil)
	patient.Await(a.ID, domain.StatusConfirmed)
	patient.Must(a.ID, "cancel", map[string]string{"reason_code": "patient_request"})
	patient.Await(a.ID, domain.StatusCancelled)
	again := patient.Book(b)
	testkit.Eventually(t, func() bool { return fault.Hits() >= 2 }, "the letters are tried")
	require.Empty(t, c.Sandbox.Mailbox())

	c.Sandbox.ClearFaults()
	require.Equal(t, []string{"receipt patient", "cancelled patient", "cancelled doctor", "refunded patient"}, c.Messages(a.ID),
		"what the cancel overtook is skipped, the rest arrives in order")
	require.Equal(t, 3, c.Count(`SELECT count(*) FROM messages WHERE appointment_id = $1 AND status = 'skipped'`, a.ID))
	require.Equal(t, []string{"request_received patient"}, c.Messages(again.ID))
	for _, m := range c.Sandbox.Ledger().Mails {
		require.Equal(t, 1, m.Count, "each letter once: %s", m.Subject)
	}
}
