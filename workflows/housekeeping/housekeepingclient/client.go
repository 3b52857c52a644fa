// Package housekeepingclient is how the API and the set-up reach housekeeping.
package housekeepingclient

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

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/housekeeping"
)

// Client reaches housekeeping of one namespace and task queue.
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

// Start begins housekeeping, or joins what somebody else asked for and is under way. It
// returns the run's ID. CodeUnavailable when Temporal cannot be reached.
func (c *Client) Start(ctx context.Context) (id string, joined bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	run, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: housekeeping.WorkflowID(c.queue), TaskQueue: c.queue,
		// Any number, one after the other; a second one at a time is the first.
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowExecutionTimeout:                 housekeeping.MostTime,
		StaticSummary:                            "Remove rows that nobody needs any more",
	}, housekeeping.WorkflowName, housekeeping.Input{Trigger: domain.ByPerson})
	var running *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &running) {
		return running.RunId, true, nil
	}
	if err != nil {
		return "", false, fault(err)
	}
	return run.GetRunID(), false, nil
}

// EnsureSchedule makes housekeeping run every so often, whether the schedule is there
// already or not. One that somebody has paused stays paused.
func (c *Client) EnsureSchedule(ctx context.Context, every time.Duration) error {
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: every}}}
	action := &client.ScheduleWorkflowAction{
		ID: housekeeping.ScheduleID(c.queue) + "-scheduled", Workflow: housekeeping.WorkflowName, TaskQueue: c.queue,
		Args: []any{housekeeping.Input{Trigger: domain.BySchedule}}, WorkflowExecutionTimeout: housekeeping.MostTime,
	}
	// One that comes while the last is under way is left out; one that was missed while
	// Temporal was down is made up for within the hour.
	const overlap = enumspb.SCHEDULE_OVERLAP_POLICY_SKIP
	_, err := c.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: housekeeping.ScheduleID(c.queue), Spec: spec, Action: action, Overlap: overlap, CatchupWindow: time.Hour,
		Note: "Removes rows that nobody needs any more. Kept up to date by careflow temporal-setup.",
	})
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return wrap(err)
	}
	handle := c.temporal.ScheduleClient().GetHandle(ctx, housekeeping.ScheduleID(c.queue))
	return wrap(handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			s := in.Description.Schedule
			s.Spec, s.Action = &spec, action
			if s.Policy == nil {
				s.Policy = &client.SchedulePolicies{}
			}
			s.Policy.Overlap, s.Policy.CatchupWindow = overlap, time.Hour
			return &client.ScheduleUpdate{Schedule: &s}, nil
		},
	}))
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("the schedule of housekeeping: %w", err)
	}
	return nil
}

// fault maps what Temporal says to the domain's codes.
func fault(err error) error {
	var busy *serviceerror.ResourceExhausted
	if errors.As(err, &busy) {
		return domain.Errorf(domain.CodeTooMany, "too much at once: try again soon").Because(err)
	}
	var down *serviceerror.Unavailable
	if errors.As(err, &down) || status.Code(err) == codes.Unavailable || errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded {
		return domain.Errorf(domain.CodeUnavailable, "housekeeping cannot be started at the moment: try again later").Because(err)
	}
	return err
}
