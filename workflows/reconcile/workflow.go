package reconcile

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/reconcile"
	"github.com/careflow/careflow/internal/domain"
)

// pagesPerRun bounds a run's history: each page is three events.
const pagesPerRun = 100

// shownFindings is how many findings people see in Temporal UI.
const shownFindings = 50

// Workflow examines all rows, page by page, then what is left over beside them.
func Workflow(ctx workflow.Context, in Input) (Result, error) {
	r := reconciliation{Input: in}
	if r.ReconciliationID == "" {
		r.ReconciliationID = workflow.GetInfo(ctx).FirstRunID
	}
	return r.run(ctx)
}

// reconciliation is the state of a run; it is what continue-as-new carries on.
type reconciliation struct{ Input }

func (r *reconciliation) run(ctx workflow.Context) (Result, error) {
	r.show(ctx, "examining")
	for page := 0; ; page++ {
		if page == pagesPerRun {
			return Result{}, workflow.NewContinueAsNewError(ctx, WorkflowName, r.Input)
		}
		var done acts.PageResult
		err := workflow.ExecuteActivity(examining(ctx), acts.Page, acts.PageInput{
			ReconciliationID: r.ReconciliationID, Trigger: r.Trigger, After: r.After,
		}).Get(ctx, &done)
		if err != nil {
			return Result{}, err
		}
		r.After = done.Next
		r.add(done.Counts, done.Findings)
		r.show(ctx, "examining")
		if r.After == "" {
			break
		}
	}
	var end acts.CloseResult
	err := workflow.ExecuteActivity(closing(ctx), acts.Close, acts.CloseInput{
		ReconciliationID: r.ReconciliationID, Counts: r.Counts,
	}).Get(ctx, &end)
	if err != nil {
		return Result{}, err
	}
	r.Counts = domain.ReconcileCounts{}
	r.add(end.Counts, end.Findings)
	r.show(ctx, "done")
	return Result{ReconciliationID: r.ReconciliationID, Counts: r.Counts, Findings: r.Findings}, nil
}

func (r *reconciliation) add(counts domain.ReconcileCounts, findings []domain.Finding) {
	r.Counts = r.Counts.Add(counts)
	room := max(0, shownFindings-len(r.Findings))
	r.Findings = append(r.Findings, findings[:min(room, len(findings))]...)
}

// show is what people read in Temporal UI.
func (r *reconciliation) show(ctx workflow.Context, state string) {
	text := fmt.Sprintf("**%s**: %d examined, %d replaced, %d need a person\n", state, r.Counts.Checked, r.Counts.Replaced, r.Counts.Reported)
	for _, f := range r.Findings {
		text += fmt.Sprintf("\n- %s: %s (%s)", f.Subject, f.Code, f.Detail)
	}
	workflow.SetCurrentDetails(ctx, text)
}

// Scheduled starts the one reconciliation, or finds that one is under way already, and
// waits for its own.
func Scheduled(ctx workflow.Context) error {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:               WorkflowID(workflow.GetInfo(ctx).TaskQueueName),
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionTimeout: MostTime,
		// One that has begun goes on when somebody ends this.
		ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:     "Compare all visits with their processes",
	})
	err := workflow.ExecuteChildWorkflow(ctx, WorkflowName, Input{Trigger: domain.BySchedule}).Get(ctx, nil)
	var running *temporal.ChildWorkflowExecutionAlreadyStartedError
	if errors.As(err, &running) {
		return nil
	}
	return err
}

// Visit puts one visit's process right on a person's word.
func Visit(ctx workflow.Context, in acts.VisitInput) (acts.VisitResult, error) {
	var result acts.VisitResult
	err := workflow.ExecuteActivity(closing(ctx), acts.Visit, in).Get(ctx, &result)
	return result, err
}

// examining: up to a page of processes at the bounded rate; a heartbeat after each says how
// far it came, so that another worker goes on there.
func examining(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: time.Hour,
		StartToCloseTimeout:    15 * time.Minute,
		HeartbeatTimeout:       time.Minute,
		RetryPolicy:            retry,
		Summary:                "Compare a page of visits with their processes",
	})
}

// closing: a few statements and calls.
func closing(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: 30 * time.Minute,
		StartToCloseTimeout:    time.Minute,
		RetryPolicy:            retry,
	})
}

var retry = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second}
