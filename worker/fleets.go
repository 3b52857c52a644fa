package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	sdk "go.temporal.io/sdk/worker"

	deployacts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/searchattr"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/workflows/deployment"
)

// Fleets are the worker fleets of a namespace, as deployments see them.
type Fleets struct {
	temporal client.Client
	fleets   *temporalx.Fleets
}

// NewFleets returns the fleets of a namespace.
func NewFleets(c client.Client, namespace string) *Fleets {
	return &Fleets{temporal: c, fleets: temporalx.NewFleets(c, namespace)}
}

// Look reads the route and counts what the versions have taken on.
func (f *Fleets) Look(ctx context.Context, in deployacts.FleetInput) (look domain.FleetLook, err error) {
	if look.Route, _, err = f.fleets.Route(ctx, in.Fleet); err != nil {
		return look, err
	}
	if in.Old == "" {
		in.Old = look.Route.Current
	}
	const running, failed = " AND ExecutionStatus = 'Running'", " AND ExecutionStatus IN ('Failed', 'TimedOut')"
	queue := temporalx.OnQueue(in.Queue)
	onOld, onNew := queue+" AND "+temporalx.OnVersion(in.Fleet, in.Old), queue+" AND "+temporalx.OnVersion(in.Fleet, in.New)
	pinned := onOld + running + " AND TemporalWorkflowVersioningBehavior = 'Pinned'"
	deployments := fmt.Sprintf(" AND WorkflowType IN ('%s', '%s', '%s')", deployment.WorkflowName, deployment.HostName, deployment.TrainName)
	var counted [8]int
	for i, query := range []string{
		queue + running + " AND TemporalReportedProblems IN ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')",
		queue + running + " AND " + searchattr.Stuck.GetName() + " IS NOT NULL",
		onOld, onOld + failed, onNew, onNew + failed, pinned, pinned + deployments,
	} {
		if counted[i], err = f.fleets.Count(ctx, query); err != nil {
			return look, err
		}
	}
	now := time.Now().UTC()
	look.Troubled, look.Stuck = counted[0], counted[1]
	look.Old = domain.TrafficSample{At: now, Requests: float64(counted[2]), Errors: float64(counted[3])}
	look.New = domain.TrafficSample{At: now, Requests: float64(counted[4]), Errors: float64(counted[5])}
	look.Pinned, look.Deployments = counted[6]-counted[7], counted[7]
	return look, nil
}

// Polling compares what the new version's live workers poll with what the old one's serve.
func (f *Fleets) Polling(ctx context.Context, in deployacts.FleetInput) (missing []string, err error) {
	queues := []string{in.Queue}
	if in.Old != "" {
		if queues, err = f.fleets.Queues(ctx, in.Fleet, in.Old); err != nil {
			return nil, err
		}
	}
	for _, queue := range queues {
		polled, err := f.fleets.Polled(ctx, in.Fleet, in.New, queue)
		if err != nil {
			return nil, err
		}
		if !polled {
			missing = append(missing, queue)
		}
	}
	return missing, nil
}

// Route gives the work of a fleet to its versions.
func (f *Fleets) Route(ctx context.Context, in deployacts.FleetRouteInput) error {
	now, token, err := f.fleets.Route(ctx, in.Fleet)
	switch {
	case err != nil || now == in.To:
		return err
	case now != in.From && !in.Insist:
		return domain.Errorf(domain.CodeDrift, "the work of %s goes to %s, not to %s any more: somebody has changed that", in.Fleet, now, in.From)
	}
	return f.fleets.SetRoute(ctx, in.Fleet, in.To, token)
}

// replayPatience bounds the replay on the new version's workers.
const replayPatience = 20 * time.Minute

// replayed is how many open histories are replayed before a release.
const replayed = 200

// Replay begins a job that is pinned to the new version, which has no work yet: so its own
// workers try its own code.
func (f *Fleets) Replay(ctx context.Context, in deployacts.FleetInput) (domain.StepOutcome, error) {
	run, err := f.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: deployment.ReplayID(in.Fleet, in.New), TaskQueue: in.Queue,
		// One at a time; a second try of this activity waits for the first one's.
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowExecutionTimeout: replayPatience,
		StaticSummary:            "Replay a sample of open processes on " + in.New,
		VersioningOverride:       &client.PinnedVersioningOverride{Version: sdk.WorkerDeploymentVersion{DeploymentName: in.Fleet, BuildID: in.New}},
	}, deployment.ReplayName, deployacts.ReplayInput{Queue: in.Queue, Sample: replayed})
	if err != nil {
		return domain.StepOutcome{}, domain.Errorf(domain.CodeUnavailable, "the replay could not be begun").Because(err)
	}
	var outcome domain.StepOutcome
	err = run.Get(ctx, &outcome)
	var app *temporal.ApplicationError
	var late *temporal.TimeoutError
	switch {
	case errors.As(err, &app) && app.Type() == string(domain.CodeSmokeFailed):
		if app.HasDetails() {
			_ = app.Details(&outcome.Output) // of another form: nothing was printed
		}
		return outcome, domain.Errorf(domain.CodeSmokeFailed, "%s", app.Message())
	case errors.As(err, &late):
		return outcome, domain.Errorf(domain.CodeNotAvailable, "the workers of %s have not replayed the sample within %s", in.New, replayPatience)
	case err != nil:
		return outcome, domain.Errorf(domain.CodeUnavailable, "the replay broke off").Because(err)
	}
	return outcome, nil
}
