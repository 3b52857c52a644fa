package stories_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/appointment"
)

// Booking goes on; each booking's process starts when Temporal is back; nothing is lost
// or doubled. Commands that need the process answer 503 with Retry-After.
func TestStory16_TemporalIsDown(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{Env: []string{"CAREFLOW_COMMAND_WAIT=1s"}})
	patient, staff := c.Login("patient"), c.Login("staff")
	visit := c.NewType(30, `{}`)
	c.APIToTemporal.Cut()
	c.WorkerToTemporal.Cut()

	_, patients := c.NewPatients(6)
	var booked []string
	for i, p := range patients {
		b := clinic.Booking(clinic.InMinutes(24*60 + 40*i))
		b.TypeID, b.PatientID = visit, p
		booked = append(booked, staff.Book(b).ID)
	}
	refused := staff.Command(booked[0], "cancel", map[string]string{"reason_code": "clinic_closed"}, "the-cancel")
	require.Equal(t, http.StatusServiceUnavailable, refused.Status, refused)
	require.NotEmpty(t, refused.Header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, patient.Do(http.MethodGet, "/readyz", nil).Status, "bookings are taken")

	c.APIToTemporal.Mend()
	c.WorkerToTemporal.Mend()

	for _, id := range booked {
		testkit.Eventually(t, func() bool {
			return c.Count(`SELECT count(*) FROM payments WHERE appointment_id = $1`, id) == 1
		}, "the process of %s starts and opens its payment", id)
	}
	temporal := c.Temporal()
	for _, id := range booked {
		run, err := temporal.DescribeWorkflowExecution(testkit.Context(t), appointment.WorkflowID(id), "")
		require.NoError(t, err)
		claimed := c.Count(`SELECT count(*) FROM appointments WHERE id = $1 AND process_run_id = $2`, id,
			run.WorkflowExecutionInfo.Execution.RunId)
		require.Equal(t, 1, claimed, "the running process is the one that claimed the row")
	}
	require.Len(t, c.Sandbox.Ledger().Payments, len(booked), "one payment each")

	testkit.Eventually(t, func() bool {
		again := staff.Command(booked[0], "cancel", map[string]string{"reason_code": "clinic_closed"}, "the-cancel")
		return again.Status == http.StatusOK
	}, "the refused command goes through when it is sent again")
	staff.Await(booked[0], domain.StatusCancelled)
}
