package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/searchattr"
)

// The bare workflow: as many workflow tasks, activities, timers, updates and changes of
// search attributes as a paid visit, with payloads of the same size, on queues like the
// product's; each activity is one trivial statement. What the engine needs for that is
// the least a visit can cost.

const (
	bareLifeName  = "bench-life"
	bareEmptyName = "bench-empty"
	bareStepName  = "bench.step"
	// Steps that are waited for: at rest before the payment, and the end.
	stepAtRest, stepEnded = 2, 9
)

// shape is what a visit's history is made of; sizes are in bytes.
type shape struct {
	Events, Tasks, Activities, Upserts, Timers, Updates int
	Input, ActivityInput, ActivityResult                int
}

// shapeOf measures a history.
func shapeOf(events []*historypb.HistoryEvent) shape {
	s := shape{Events: len(events)}
	inputs, results := 0, 0
	for _, e := range events {
		switch e.GetEventType() { //nolint:exhaustive // the others are not asked for
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
			for _, p := range e.GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads() {
				s.Input += len(p.GetData())
			}
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			s.Tasks++
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			s.Activities++
			for _, p := range e.GetActivityTaskScheduledEventAttributes().GetInput().GetPayloads() {
				inputs += len(p.GetData())
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			for _, p := range e.GetActivityTaskCompletedEventAttributes().GetResult().GetPayloads() {
				results += len(p.GetData())
			}
		case enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
			s.Upserts++
		case enumspb.EVENT_TYPE_TIMER_STARTED:
			s.Timers++
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
			s.Updates++
		}
	}
	if s.Activities > 0 {
		s.ActivityInput, s.ActivityResult = inputs/s.Activities, results/s.Activities
	}
	return s
}

func historyOf(ctx context.Context, c client.Client, workflowID string) ([]*historypb.HistoryEvent, error) {
	var events []*historypb.HistoryEvent
	pages := c.GetWorkflowHistory(ctx, workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for pages.HasNext() {
		e, err := pages.Next()
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// enginePlan is where the bare workflows run.
type enginePlan struct{ Temporal, Queue, URL string }

func (p enginePlan) dial(ctx context.Context) (client.Client, error) {
	return client.DialContext(ctx, client.Options{HostPort: p.Temporal, Namespace: namespace, Logger: quiet{}})
}

// runEngine is a worker like the product's, without the product.
func runEngine(ctx context.Context, p enginePlan) (string, func(), error) {
	c, err := p.dial(ctx)
	if err != nil {
		return "", nil, err
	}
	pool, err := barePool(ctx, p.URL, bareConnections)
	if err != nil {
		return "", nil, err
	}
	sdk.SetStickyWorkflowCacheSize(2000)
	steps := &bareSteps{pool: pool}
	var workers []sdk.Worker
	for _, suffix := range []string{"", "-stripe", "-sendgrid"} {
		w := sdk.New(c, p.Queue+suffix, sdk.Options{WorkerStopTimeout: 5 * time.Second, DeadlockDetectionTimeout: 10 * time.Second})
		w.RegisterActivityWithOptions(steps.Step, activity.RegisterOptions{Name: bareStepName})
		if suffix == "" {
			w.RegisterWorkflowWithOptions(bareLife, workflow.RegisterOptions{Name: bareLifeName})
			w.RegisterWorkflowWithOptions(bareEmpty, workflow.RegisterOptions{Name: bareEmptyName})
		}
		if err := w.Start(); err != nil {
			return "", nil, err
		}
		workers = append(workers, w)
	}
	return "ready", func() {
		for _, w := range workers {
			w.Stop()
		}
		pool.Close()
		c.Close()
	}, nil
}

type bareSteps struct{ pool *pgxpool.Pool }

type bareStep struct {
	ID     string
	Step   int
	Result int
	Filler string
}

// Step is one trivial statement.
func (s *bareSteps) Step(ctx context.Context, in bareStep) (string, error) {
	_, err := s.pool.Exec(ctx, `UPDATE bare.work SET step = greatest(step, $2), at = now() WHERE id = $1`, in.ID, in.Step)
	return strings.Repeat("x", max(in.Result-2, 0)), err
}

type bareInput struct {
	ID    string
	Shape shape
	// Extra workflow tasks, each by a timer of a millisecond, make up for those that a
	// visit has and the bare workflow would merge.
	Extra  int
	Filler string
}

func newBareInput(id string, s shape, extra int) bareInput {
	return bareInput{ID: id, Shape: s, Extra: extra, Filler: strings.Repeat("x", max(s.Input-250, 0))}
}

// bareRun is the state of a bare workflow.
type bareRun struct {
	in         bareInput
	at         int // how far the visit is
	paid       bool
	owed       bool
	closing    bool
	delivering bool
}

// The states a bare visit goes through.
const (
	bareRequested = iota
	barePending
	bareCapturing
	bareConfirmed
	bareCheckedIn
	bareCompleted
)

func bareLife(ctx workflow.Context, in bareInput) error {
	b := &bareRun{in: in, delivering: true}
	if err := b.handle(ctx); err != nil {
		return err
	}
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 5 * time.Second})
	if err := workflow.ExecuteLocalActivity(local, bareStepName, bareStep{ID: in.ID}).Get(ctx, nil); err != nil {
		return err
	}
	workflow.Go(ctx, b.mail)
	if err := b.step(ctx, "-stripe", 1); err != nil {
		return err
	}
	b.show(ctx)
	b.owed = true
	b.until(ctx, 15*time.Minute, func() bool { return b.paid })
	if err := errors.Join(b.step(ctx, "-stripe", 3), b.step(ctx, "", 4)); err != nil {
		return err
	}
	b.at, b.owed = barePending, true
	b.show(ctx)
	b.until(ctx, 24*time.Hour, func() bool { return b.at == bareCapturing })
	if err := b.step(ctx, "-stripe", 5); err != nil {
		return err
	}
	b.at, b.owed = bareConfirmed, true
	b.show(ctx)
	b.until(ctx, 24*time.Hour, func() bool { return b.at == bareCompleted })
	b.until(ctx, time.Second, func() bool { return false })
	for range in.Extra {
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	if err := b.step(ctx, "", stepEnded); err != nil {
		return err
	}
	b.show(ctx)
	b.closing = true
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && !b.delivering })
}

// handle registers the commands: each is one activity and a change of attributes.
func (b *bareRun) handle(ctx workflow.Context) error {
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, "paid").Receive(ctx, nil)
		b.paid = true
	})
	for name, move := range map[string]struct{ from, to int }{
		"confirm": {barePending, bareCapturing}, "check_in": {bareConfirmed, bareCheckedIn}, "complete": {bareCheckedIn, bareCompleted},
	} {
		err := workflow.SetUpdateHandler(ctx, name, func(ctx workflow.Context, _ string) (string, error) {
			if err := workflow.Await(ctx, func() bool { return b.at == move.from }); err != nil {
				return "", err
			}
			if err := b.step(ctx, "", 5); err != nil {
				return "", err
			}
			b.at = move.to
			b.show(ctx)
			return "done", nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bareRun) step(ctx workflow.Context, suffix string, n int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: workflow.GetInfo(ctx).TaskQueueName + suffix, ScheduleToCloseTimeout: time.Hour, StartToCloseTimeout: 30 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second}, Summary: "A step of the bare workflow",
	})
	return workflow.ExecuteActivity(ctx, bareStepName, bareStep{
		ID: b.in.ID, Step: n, Result: b.in.Shape.ActivityResult, Filler: strings.Repeat("x", max(b.in.Shape.ActivityInput-100, 0)),
	}).Get(ctx, nil)
}

// mail runs beside, as the product's letters do.
func (b *bareRun) mail(ctx workflow.Context) {
	defer func() { b.delivering = false }()
	for {
		if err := workflow.Await(ctx, func() bool { return b.owed || b.closing }); err != nil || !b.owed {
			return
		}
		b.owed = false
		if err := b.step(ctx, "-sendgrid", stepAtRest); err != nil {
			return
		}
	}
}

func (b *bareRun) show(ctx workflow.Context) {
	_ = workflow.UpsertTypedSearchAttributes(ctx, searchattr.Status.ValueSet("confirmed"), searchattr.NextStep.ValueSet("reminder"),
		searchattr.StartsAt.ValueSet(workflow.Now(ctx)), searchattr.NextStepAt.ValueSet(workflow.Now(ctx)))
}

// until waits beside a timer, as each phase of a visit does.
func (b *bareRun) until(ctx workflow.Context, wait time.Duration, condition func() bool) {
	if condition() {
		return
	}
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	_, _ = workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{Timeout: wait, TimerOptions: workflow.TimerOptions{Summary: "A timer"}}, condition)
}

// bareEmpty does nothing but answer an update.
func bareEmpty(ctx workflow.Context) error {
	answered := false
	err := workflow.SetUpdateHandler(ctx, "book", func(workflow.Context) (string, error) {
		answered = true
		return "booked", nil
	})
	if err != nil {
		return err
	}
	return workflow.Await(ctx, func() bool { return answered && workflow.AllHandlersFinished(ctx) })
}

// gone reports whether a process is not there any more.
func gone(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}
