package stories_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/historycost"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// What a whole paid life may cost: a clinic's load on Temporal is its visits times this.
const (
	eventBudget  = 150
	actionBudget = 45
)

func TestAPaidLifecycleWithThreeRemindersFitsItsBudget(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	patient, doctor, desk := c.Login("patient"), c.Login("doctor.demo"), c.Login("staff")

	// The first slot that leaves the doctor time to answer (70 s) is a minute's start away.
	a := c.BookAndPay(patient, clinic.Booking(time.Now().Add(75*time.Second+59*time.Second).Truncate(time.Minute)))
	doctor.Must(a.ID, "confirm", nil)
	patient.Await(a.ID, domain.StatusConfirmed)
	require.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM messages WHERE appointment_id = $1 AND kind = 'reminder' AND status = 'sent'`, a.ID) == 3
	}, time.Until(a.StartsAt)+testkit.Patience, 100*time.Millisecond, "all three reminders of %s are sent", a.ID)
	desk.Must(a.ID, "check-in", nil)
	doctor.Must(a.ID, "complete", nil)
	patient.Await(a.ID, domain.StatusArchived)

	temporal := c.Temporal()
	testkit.Eventually(t, func() bool {
		events := c.History(temporal, a.ID).GetEvents()
		return events[len(events)-1].GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
	}, "the process of %s ends", a.ID)
	c.Record(a.ID, "paid_and_completed")
	cost := historycost.Of(c.History(temporal, a.ID).GetEvents())
	var table bytes.Buffer
	require.NoError(t, cost.WriteTable(&table))
	t.Logf("%d events, %d actions, %d bytes\n%s", cost.Events, cost.Actions, cost.Bytes, table.String())
	require.LessOrEqual(t, cost.Events, eventBudget, "history events from booking to archive")
	require.LessOrEqual(t, cost.Actions, actionBudget, "billable actions from booking to archive")
}
