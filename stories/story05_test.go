package stories_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/stories/clinic"
)

// Our endpoint was down. At the hold deadline the process asks Stripe and goes on.
func TestStory05_PaidButTheWebhookIsLost(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Webhook, Mode: "lost"})
	patient := c.Login("patient")
	b := clinic.Booking(clinic.InMinutes(24 * 60))
	b.TypeID = c.NewType(30, quickPay)
	a := patient.Book(b)
	require.NoError(t, c.Sandbox.Pay(c.Intent(patient, a.ID)))
	payBy := patient.Appointment(a.ID).PayBy

	patient.Await(a.ID, domain.StatusPending)

	at := c.Count(`SELECT extract(epoch FROM at)::int FROM appointment_events WHERE appointment_id = $1 AND kind = 'authorised'`, a.ID)
	require.GreaterOrEqual(t, int64(at), payBy.Unix(), "nobody told it before the deadline")
	require.Zero(t, c.Count(`SELECT count(*) FROM outbox WHERE topic <> 'start'`), "no webhook came in")
}
