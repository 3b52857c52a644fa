// Package job is what the clients of all jobs do alike: start one or join the one under
// way, keep its schedule, and say in the domain's codes what Temporal says.
package job

import (
	"cmp"
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
)

// Job is a workflow of which there is one at a time.
type Job struct {
	// ID is the workflow ID: a second one at a time is the first.
	ID string
	// Workflow is the registered name, and Queue the task queue.
	Workflow, Queue string
	// MostTime bounds it: one that hangs must not keep the next from beginning for longer.
	MostTime time.Duration
	// Summary is what people read in Temporal UI.
	Summary string
}

// startTimeout bounds a start: with Temporal away a caller is told so.
const startTimeout = 10 * time.Second

// Start begins the job, or joins the one under way, and returns the ID of its first run: a
// job that continues as new is known by that. Errors are as from Fault.
func Start(ctx context.Context, c client.Client, j Job, input any) (firstRunID string, joined bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	id, joined, err := Begin(ctx, c, j, input)
	if err != nil || !joined {
		return id, joined, err
	}
	d, err := c.DescribeWorkflowExecution(ctx, j.ID, "")
	if err != nil {
		return "", false, Fault(err)
	}
	return d.GetWorkflowExecutionInfo().GetFirstRunId(), true, nil
}

// Begin is Start for who knows a job by its present run, and bounds the time itself.
func Begin(ctx context.Context, c client.Client, j Job, input any) (runID string, joined bool, err error) {
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: j.ID, TaskQueue: j.Queue,
		// Any number, one after the other; a second one at a time is the first.
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowExecutionTimeout:                 j.MostTime,
		StaticSummary:                            j.Summary,
	}, j.Workflow, input)
	var running *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &running) {
		return running.RunId, true, nil
	}
	if err != nil {
		return "", false, Fault(err)
	}
	return run.GetRunID(), false, nil
}

// Schedule begins a workflow at set times. One that comes while the last is under way is
// left out.
type Schedule struct {
	ID   string
	Spec client.ScheduleSpec
	// Action is what is started; its ID gets the time added by Temporal.
	Action *client.ScheduleWorkflowAction
	// CatchUp is for how long a time that was missed, since Temporal was down, is made up for.
	CatchUp time.Duration
	Note    string
}

// EnsureSchedule makes the schedule what it is to be, whether it is there already or not.
// One that somebody has paused stays paused.
func EnsureSchedule(ctx context.Context, c client.Client, s Schedule) error {
	const overlap = enumspb.SCHEDULE_OVERLAP_POLICY_SKIP
	_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: s.ID, Spec: s.Spec, Action: s.Action, Overlap: overlap, CatchupWindow: s.CatchUp,
		Note: s.Note + " Kept up to date by careflow temporal-setup.",
	})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		err = c.ScheduleClient().GetHandle(ctx, s.ID).Update(ctx, client.ScheduleUpdateOptions{
			DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
				there := in.Description.Schedule
				there.Spec, there.Action = &s.Spec, s.Action
				if there.Policy == nil {
					there.Policy = &client.SchedulePolicies{}
				}
				there.Policy.Overlap, there.Policy.CatchupWindow = overlap, s.CatchUp
				return &client.ScheduleUpdate{Schedule: &there}, nil
			},
		})
	}
	if err != nil {
		return fmt.Errorf("the schedule %s: %w", s.ID, err)
	}
	return nil
}

// Say carries an update out and fills in what it returned, and says it again, until ctx ends,
// where the process had no ear: it was ending, or moved to another worker. An update that
// has an ID is never carried out twice.
func Say(ctx context.Context, c client.Client, o client.UpdateWorkflowOptions, result any) error {
	o.UpdateID = cmp.Or(o.UpdateID, domain.NewID())
	o.WaitForStage = client.WorkflowUpdateStageCompleted
	for {
		handle, err := c.UpdateWorkflow(ctx, o)
		if err == nil {
			err = handle.Get(ctx, result)
		}
		var unheard *serviceerror.WorkflowNotReady
		if !errors.As(err, &unheard) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(sayAgainAfter):
		}
	}
}

const sayAgainAfter = 100 * time.Millisecond

// Fault maps what Temporal says to the domain's codes: CodeTooMany, and CodeUnavailable
// when it cannot be reached, has not answered in time, or refuses this process.
func Fault(err error) error {
	var busy *serviceerror.ResourceExhausted
	if errors.As(err, &busy) {
		return domain.Errorf(domain.CodeTooMany, "too much at once: try again soon").Because(err)
	}
	// A process that ended, or was moved to another worker, while it was spoken to.
	var unheard *serviceerror.WorkflowNotReady
	if errors.As(err, &unheard) {
		return domain.Errorf(domain.CodeUnavailable, "the process has not heard this: say it again with the same Idempotency-Key").Because(err)
	}
	var denied *serviceerror.PermissionDenied // our token's fault, never the caller's: it passes when that is renewed
	if errors.As(err, &denied) {
		return domain.Errorf(domain.CodeUnavailable, "Temporal refuses the API: its token has to be renewed").Because(err)
	}
	var down *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded // the SDK's own, which is neither the context's nor gRPC's
	if errors.As(err, &down) || errors.As(err, &late) || errors.Is(err, context.DeadlineExceeded) ||
		status.Code(err) == codes.Unavailable || status.Code(err) == codes.DeadlineExceeded {
		return domain.Errorf(domain.CodeUnavailable, "Temporal has not answered in time: what it was asked for goes on where it was reached; look again soon").Because(err)
	}
	return err
}
