package housekeeping

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/housekeeping"
	"github.com/careflow/careflow/internal/domain"
)

// sweepsEach bounds one kind's sweeps in a run, and so the run's history.
const sweepsEach = 50

// Workflow removes each kind of row in turn and reports what it came to. A kind that
// cannot be removed does not keep the others from it; the run then fails, once it has
// reported.
func Workflow(ctx workflow.Context, in Input) (Result, error) {
	done := Result{RunID: workflow.GetInfo(ctx).WorkflowExecution.RunID, Removed: map[domain.Litter]int{}}
	var failed error
	for _, what := range domain.Litters() {
		if err := sweep(ctx, in, what, &done); err != nil {
			workflow.GetLogger(ctx).Warn("old rows were not removed", "what", what, "error", err)
			failed = err
		}
		show(ctx, done)
	}
	err := workflow.ExecuteActivity(closing(ctx), acts.Close, acts.CloseInput{RunID: done.RunID, Removed: done.Removed}).Get(ctx, nil)
	if err == nil {
		err = failed
	}
	return done, err
}

func sweep(ctx workflow.Context, in Input, what domain.Litter, done *Result) error {
	for range sweepsEach {
		var swept acts.SweepResult
		err := workflow.ExecuteActivity(sweeping(ctx, what), acts.Sweep, acts.SweepInput{
			RunID: done.RunID, Trigger: in.Trigger, What: what,
		}).Get(ctx, &swept)
		if err != nil {
			return err
		}
		done.Removed[what] += swept.Removed
		if !swept.More {
			return nil
		}
	}
	return nil // the rest is the next run's
}

// show is what people read in Temporal UI.
func show(ctx workflow.Context, done Result) {
	text := "Removed:\n"
	for _, what := range domain.Litters() {
		if n, begun := done.Removed[what]; begun {
			text += fmt.Sprintf("\n- %s: %d", what, n)
		}
	}
	workflow.SetCurrentDetails(ctx, text)
}

// sweeping: batches of some ten milliseconds each, a heartbeat after each.
func sweeping(ctx workflow.Context, what domain.Litter) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: time.Hour,
		StartToCloseTimeout:    30 * time.Minute,
		HeartbeatTimeout:       time.Minute,
		RetryPolicy:            retry,
		Summary:                "Remove old rows: " + string(what),
	})
}

func closing(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: time.Hour,
		StartToCloseTimeout:    30 * time.Second,
		RetryPolicy:            retry,
		Summary:                "Note what was removed",
	})
}

var retry = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute}
