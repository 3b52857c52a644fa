// Package alarm is the durable process of one alarm: it lives until the people who run an
// installation were told, or nobody can be. A process that raises one does not wait for it.
package alarm

import (
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/alarm"
	"github.com/careflow/careflow/internal/domain"
)

// WorkflowName is the registered name. Histories refer to it: never rename it.
const WorkflowName = "alarm"

// WorkflowID is the ID of the alarm with a key: the same alarm twice is one.
func WorkflowID(key string) string { return "alarm-" + key }

// mailQueueSuffix makes the mail vendor's queue of the workflows' own, with its rate limit.
const mailQueueSuffix = "-sendgrid"

// Workflow tells people, through outages of the mail vendor of up to a week.
func Workflow(ctx workflow.Context, a domain.Alarm) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              workflow.GetInfo(ctx).TaskQueueName + mailQueueSuffix,
		ScheduleToCloseTimeout: 7 * 24 * time.Hour,
		StartToCloseTimeout:    time.Minute,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute},
		Summary:                "Tell the people who run this",
	})
	return workflow.ExecuteActivity(ctx, acts.Send, a).Get(ctx, nil)
}

// Raise starts an alarm beside the process that calls it, which goes on as soon as the
// alarm is safe with Temporal. It also works where the caller is being cancelled.
func Raise(ctx workflow.Context, a domain.Alarm) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	a.At = workflow.Now(ctx).UTC()
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: WorkflowID(a.Key),
		// An alarm that was sent is not sent again, for as long as Temporal remembers; after
		// that its key in the database settles it.
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         a.Kind + " " + a.Subject,
	})
	err := workflow.ExecuteChildWorkflow(ctx, WorkflowName, a).GetChildWorkflowExecution().Get(ctx, nil)
	var there *temporal.ChildWorkflowExecutionAlreadyStartedError
	if err != nil && !errors.As(err, &there) {
		workflow.GetLogger(ctx).Error("an alarm was not raised", "kind", a.Kind, "error", err)
	}
}
