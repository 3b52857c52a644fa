package clinic

import (
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/workflows/appointment"
	"github.com/careflow/careflow/workflows/appointment/appointmentclient"
	"github.com/careflow/careflow/workflows/reconcile"
	"github.com/careflow/careflow/workflows/reconcile/reconcileclient"
)

// Reconcile runs the reconciler once and returns what it came to.
func (c *Clinic) Reconcile(temporal client.Client) reconcile.Result {
	c.t.Helper()
	ctx := testkit.Context(c.t)
	id, _, err := reconcileclient.New(temporal, c.Queue).Start(ctx)
	require.NoError(c.t, err)
	var result reconcile.Result
	require.NoError(c.t, temporal.GetWorkflow(ctx, reconcile.WorkflowID(c.Queue), id).Get(ctx, &result))
	return result
}

// ReconcileUntil runs the reconciler until the condition holds: what it looks at must have
// stood still first.
func (c *Clinic) ReconcileUntil(temporal client.Client, condition func(reconcile.Result) bool, what string) reconcile.Result {
	c.t.Helper()
	var last reconcile.Result
	testkit.Eventually(c.t, func() bool {
		last = c.Reconcile(temporal)
		return condition(last)
	}, what)
	return last
}

// Terminate ends an appointment's process as somebody in Temporal UI would.
func (c *Clinic) Terminate(temporal client.Client, appointmentID string) {
	c.t.Helper()
	require.NoError(c.t, temporal.TerminateWorkflow(testkit.Context(c.t), appointment.WorkflowID(appointmentID), "", "a story"))
}

// Reset resets an appointment's process to its nth completed workflow task, from 1, as
// somebody in Temporal UI would, and returns the new run.
func (c *Clinic) Reset(temporal client.Client, appointmentID string, nth int) string {
	c.t.Helper()
	var task int64
	for _, e := range c.History(temporal, appointmentID).Events {
		if e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			if nth--; nth == 0 {
				task = e.EventId
			}
		}
	}
	require.NotZero(c.t, task)
	reset, err := temporal.WorkflowService().ResetWorkflowExecution(testkit.Context(c.t), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "careflow", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: appointment.WorkflowID(appointmentID)},
		Reason: "a story", WorkflowTaskFinishEventId: task, RequestId: domain.NewID(),
	})
	require.NoError(c.t, err)
	return reset.GetRunId()
}

// RunOf returns the run that has claimed an appointment.
func (c *Clinic) RunOf(appointmentID string) string {
	c.t.Helper()
	var run string
	require.NoError(c.t, c.DB.QueryRow(testkit.Context(c.t), `SELECT coalesce(process_run_id, '') FROM appointments WHERE id = $1`, appointmentID).Scan(&run))
	return run
}

// SoonStill lets the reconciler act on what has stood still for a second.
var SoonStill = []string{"CAREFLOW_RECONCILE_STILL=1s"}

// Shown is how an appointment's process stands in Temporal.
func (c *Clinic) Shown(temporal client.Client, appointmentID string) domain.Process {
	c.t.Helper()
	p, err := appointmentclient.New(temporal, c.Queue).Inspect(testkit.Context(c.t), appointmentID, c.RunOf(appointmentID))
	require.NoError(c.t, err)
	return p
}
