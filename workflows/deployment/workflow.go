package deployment

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// Process makes the workflows of deployments. People's words count when one of its keys
// has signed them.
type Process struct{ keys domain.ApprovalKeys }

// New returns the workflows.
func New(keys domain.ApprovalKeys) *Process { return &Process{keys: keys} }

// Workflow is one deployment of one service. It fails where the release could not be
// brought up; where it was, and went away again, its result says so.
func (p *Process) Workflow(ctx workflow.Context, in Input) (Result, error) {
	d := &deployment{Input: in, keys: p.keys, id: workflow.GetInfo(ctx).FirstRunID, state: domain.DeploymentRunning}
	if err := d.setup(ctx); err != nil {
		return d.result(), err
	}
	err := d.run(ctx)
	// A word that was accepted is answered and kept before the process ends.
	if waiting := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err == nil {
		err = waiting
	}
	return d.result(), err
}

// Services asks a host with the rights to deploy what there is.
func Services(ctx workflow.Context) ([]acts.ServiceState, error) {
	var list []acts.ServiceState
	err := workflow.ExecuteActivity(calling(ctx), acts.Services).Get(ctx, &list)
	return list, err
}

// deployment is the state of one deployment.
type deployment struct {
	Input
	keys  domain.ApprovalKeys
	id    string
	plan  domain.DeploymentService
	state domain.DeploymentState
	// live and previous are the digests that are live, as far as we know, and were before.
	live, previous string

	log   logbook
	words words
}

func (d *deployment) result() Result {
	return Result{DeploymentID: d.id, State: d.state, Digest: d.live}
}

// setup makes the row, listens to people and reads how the service is deployed.
func (d *deployment) setup(ctx workflow.Context) error {
	begin := func(strategy domain.DeploymentStrategy) error {
		return workflow.ExecuteActivity(noting(ctx), acts.Begin, domain.NewDeployment{
			DeploymentID: d.id, Environment: d.Environment, Service: d.Service, Strategy: strategy, Release: d.Release,
			By: d.By, Reason: d.Reason, At: workflow.Now(ctx).UTC(),
		}).Get(ctx, nil)
	}
	if err := d.listen(ctx); err != nil {
		return err
	}
	planned := workflow.ExecuteActivity(calling(ctx), acts.Plan, acts.PlanInput{Environment: d.Environment, Service: d.Service}).Get(ctx, &d.plan)
	if planned == nil && len(d.Smoke) > 0 {
		d.plan.Smoke = d.Smoke
	}
	if err := begin(d.plan.Strategy); err != nil {
		return err
	}
	if planned == nil {
		planned = refusal(d.Release.Validate())
	}
	if planned != nil {
		return d.fail(ctx, planned)
	}
	return nil
}

// run carries the release to where it is meant to be, the way of the service.
func (d *deployment) run(ctx workflow.Context) error {
	switch d.plan.Strategy {
	case domain.BlueGreen:
		return (&blueGreen{deployment: d}).run(ctx)
	case domain.OneAtATime:
		return (&oneAtATime{deployment: d}).run(ctx)
	case domain.WorkerFleet:
		return (&fleet{deployment: d}).run(ctx)
	default:
		return d.fail(ctx, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("the file of services says that %s is deployed by %q, which is not known", d.Service, d.plan.Strategy), string(domain.CodeInvalid), nil))
	}
}

// fail ends a deployment that has changed nothing, or has taken back what it did.
func (d *deployment) fail(ctx workflow.Context, cause error) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	d.end(ctx, domain.DeploymentFailed, "deployment_failed", cause)
	return cause
}

// stop ends a deployment that has changed nothing: it failed, or somebody called it off.
func (d *deployment) stop(ctx workflow.Context, cause error) error {
	called := errors.Is(cause, errCalledOff) || ctx.Err() != nil
	if !called && !errors.Is(cause, errUnapproved) {
		return d.fail(ctx, cause)
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	d.words.deaf = true
	if called {
		cause = d.calledOff()
	}
	d.end(ctx, domain.DeploymentAborted, "deployment_aborted", cause)
	return nil
}
