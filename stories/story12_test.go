package stories_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// No letter for the old time leaves after a move, and none after a cancel; the new time
// has its full set. The letters are held back meanwhile, as a slow vendor would.
func TestStory12_NoMessageForTheOldTime(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	patient, doctor := c.Login("patient"), c.Login("doctor.demo")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	a := c.BookAndPay(patient, b)
	c.Messages(a.ID)
	c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.SendGrid, Mode: "fail", Status: 503})
	doctor.Must(a.ID, "confirm", nil)
	patient.Await(a.ID, domain.StatusConfirmed)
	moved := a.StartsAt.Add(4 * time.Hour)
	patient.Must(a.ID, "reschedule", map[string]any{"starts_at": moved})
	testkit.Eventually(t, func() bool { return patient.Appointment(a.ID).StartsAt.Equal(moved) }, "the visit is moved")
	c.Sandbox.ClearFaults()

	require.Equal(t, []string{
		"request_received patient", "request_to_doctor doctor", "receipt patient", "moved patient", "moved doctor",
	}, c.Messages(a.ID))
	for _, m := range c.Sandbox.Mailbox()[2:] {
		require.NotContains(t, m.Text, a.StartsAt.Format("15:04"), "nothing says the old time any more: %s", m.Subject)
		for _, attachment := range m.Attachments {
			require.Contains(t, attachment.Filename, ".ics")
		}
	}
	events := patient.Kinds(a.ID)
	require.Equal(t, "rescheduled", events[len(events)-1])
	require.Equal(t, 1, c.Count(`SELECT sequence FROM appointments WHERE id = $1`, a.ID))
}
