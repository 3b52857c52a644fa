package clinic

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/searchattr"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/workflows/appointment"
)

// BringForward lets a visit that was booked for later take place soon, before its process
// has begun: what the process does from then on it does by itself. The doctor's time stays
// where it was booked, so that several visits can be brought to one moment.
func (c *Clinic) BringForward(id string, start time.Time, length time.Duration) {
	c.t.Helper()
	done, err := c.DB.Exec(context.Background(), `UPDATE appointments SET starts_at = $2, ends_at = $3
		WHERE id = $1 AND process_run_id IS NULL`, id, start, start.Add(length))
	require.NoError(c.t, err)
	require.EqualValues(c.t, 1, done.RowsAffected(), "the process of %s has not begun", id)
}

// WaitUntil waits until the clock says so.
func (c *Clinic) WaitUntil(t time.Time) {
	c.t.Helper()
	testkit.Eventually(c.t, func() bool { return !time.Now().Before(t) }, "it is %s", t)
}

// Letter returns the text of the newest letter of a kind about a visit, once it has left.
func (c *Clinic) Letter(appointmentID string, kind domain.MessageKind) string {
	c.t.Helper()
	var text string
	testkit.Eventually(c.t, func() bool {
		var id string
		err := c.DB.QueryRow(context.Background(), `SELECT id FROM messages WHERE appointment_id = $1 AND kind = $2
			AND recipient = 'patient' AND status = 'sent' ORDER BY seq DESC LIMIT 1`, appointmentID, kind).Scan(&id)
		if err != nil {
			return false
		}
		for _, m := range c.Sandbox.Mailbox() {
			if m.MessageID == id {
				text = m.Text
			}
		}
		return text != ""
	}, "the letter %s of %s arrives", kind, appointmentID)
	return text
}

// NextStep is what people see in Temporal UI that a process waits for.
func (c *Clinic) NextStep(temporal client.Client, appointmentID string) string {
	c.t.Helper()
	d, err := temporal.DescribeWorkflow(testkit.Context(c.t), appointment.WorkflowID(appointmentID), "")
	require.NoError(c.t, err)
	next, _ := d.TypedSearchAttributes.GetKeyword(searchattr.NextStep)
	return next
}
