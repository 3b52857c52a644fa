package stories_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// One recipient cannot be written to: everybody else is, and that letter shows as failed
// with its reason.
func TestStory11_OneBadRecipient(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	c.Exec(`UPDATE users SET email = 'nobody' WHERE email = 'caregiver@careflow.example'`)
	c.Exec(`UPDATE patients SET account_id = (SELECT id FROM users WHERE email = 'nobody')`)
	staff := c.Login("staff")
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	bad := staff.Book(b)
	_, patients := c.NewPatients(5)
	for i, p := range patients {
		b.PatientID, b.StartsAt = p, b.StartsAt.Add(45*time.Minute)
		good := staff.Book(b)
		testkit.Eventually(t, func() bool {
			return c.Count(`SELECT count(*) FROM messages WHERE appointment_id = $1 AND status = 'sent'`, good.ID) == 1
		}, "patient %d is written to", i)
	}
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM messages WHERE appointment_id = $1 AND status = 'failed' AND error_code <> ''`, bad.ID) == 1
	}, "the letter to nobody shows as failed")
	require.Zero(t, c.Count(`SELECT count(*) FROM messages WHERE status IN ('pending', 'sending')`))
}
