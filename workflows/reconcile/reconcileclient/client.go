// Package reconcileclient is how the API and the set-up reach the reconciler.
package reconcileclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	acts "github.com/careflow/careflow/activities/reconcile"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/reconcile"
)

// Client reaches the reconciler of one namespace and task queue.
type Client struct {
	temporal client.Client
	queue    string
}

// New returns a client whose workflows run on the task queue.
func New(temporal client.Client, queue string) *Client {
	return &Client{temporal: temporal, queue: queue}
}

// startTimeout bounds a start: with Temporal away a caller is told so.
const startTimeout = 10 * time.Second

// Start begins a reconciliation, or joins the one that is under way. It returns its ID.
// CodeUnavailable when Temporal cannot be reached.
func (c *Client) Start(ctx context.Context) (id string, joined bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	run, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: reconcile.WorkflowID(c.queue), TaskQueue: c.queue,
		// Any number, one after the other; a second one at a time is the first.
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowExecutionTimeout:                 reconcile.MostTime,
		StaticSummary:                            "Compare all visits with their processes",
	}, reconcile.WorkflowName, reconcile.Input{Trigger: domain.ByPerson})
	var running *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &running) {
		// It may have continued as new: it is known by its first run.
		d, err := c.temporal.DescribeWorkflowExecution(ctx, reconcile.WorkflowID(c.queue), "")
		if err != nil {
			return "", false, fault(err)
		}
		return d.GetWorkflowExecutionInfo().GetFirstRunId(), true, nil
	}
	if err != nil {
		return "", false, fault(err)
	}
	return run.GetRunID(), false, nil
}

// Visit puts one visit's process right and waits up to wait for what came of it.
// CodeNotFound for no such visit; CodeUnavailable when Temporal cannot be reached or there
// is no outcome in time: the retry goes on all the same.
func (c *Client) Visit(ctx context.Context, in acts.VisitInput, wait time.Duration) (acts.VisitResult, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var result acts.VisitResult
	run, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: reconcile.VisitWorkflowID(in.AppointmentID), TaskQueue: c.queue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowExecutionTimeout: reconcile.VisitTime,
		StaticSummary:            "Put one visit's process right",
	}, reconcile.VisitName, in)
	if err == nil {
		err = run.Get(ctx, &result)
	}
	return result, fault(err)
}

// EnsureSchedule makes the reconciler run every so often, whether the schedule is there
// already or not. One that somebody has paused stays paused.
func (c *Client) EnsureSchedule(ctx context.Context, every time.Duration) error {
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: every}}}
	action := &client.ScheduleWorkflowAction{
		ID: reconcile.ScheduleID(c.queue) + "-scheduled", Workflow: reconcile.ScheduledName, TaskQueue: c.queue,
		WorkflowExecutionTimeout: reconcile.MostTime,
	}
	// One that comes while the last is under way is left out; so is one that was missed
	// while Temporal was down.
	const overlap = enumspb.SCHEDULE_OVERLAP_POLICY_SKIP
	_, err := c.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: reconcile.ScheduleID(c.queue), Spec: spec, Action: action, Overlap: overlap, CatchupWindow: time.Minute,
		Note: "Compares all visits with their processes. Kept up to date by careflow temporal-setup.",
	})
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return wrap(err)
	}
	handle := c.temporal.ScheduleClient().GetHandle(ctx, reconcile.ScheduleID(c.queue))
	return wrap(handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			s := in.Description.Schedule
			s.Spec, s.Action = &spec, action
			if s.Policy == nil {
				s.Policy = &client.SchedulePolicies{}
			}
			s.Policy.Overlap, s.Policy.CatchupWindow = overlap, time.Minute
			return &client.ScheduleUpdate{Schedule: &s}, nil
		},
	}))
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("the reconciler's schedule: %w", err)
	}
	return nil
}

// fault maps what Temporal says to the domain's codes.
func fault(err error) error {
	if err == nil {
		return nil
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() == string(domain.CodeNotFound) {
		return domain.Errorf(domain.CodeNotFound, "there is no such appointment")
	}
	var busy *serviceerror.ResourceExhausted
	if errors.As(err, &busy) {
		return domain.Errorf(domain.CodeTooMany, "too much at once: try again soon").Because(err)
	}
	var down *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded // the SDK's own, which is neither the context's nor gRPC's
	if errors.As(err, &down) || errors.As(err, &late) || status.Code(err) == codes.Unavailable || errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded {
		return domain.Errorf(domain.CodeUnavailable, "the reconciler has not answered in time: what it was asked for goes on where it was reached; look again soon").Because(err)
	}
	return err
}
