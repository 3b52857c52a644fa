package deployment

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// blueGreen brings a release up beside the live one and moves the switch to it.
type blueGreen struct {
	*deployment
	old, idle domain.Colour
	// before is the live release, to which we go back.
	before domain.Release
	// revision is that of the switch as we left it: another one is somebody else's.
	revision  string
	broughtUp bool
	base      acts.Look // what the colours had answered before the release got requests
}

// run is the story. Until the switch is moved, what fails is taken away again and nothing
// has changed. From then on the way out leads back to the old release.
func (b *blueGreen) run(ctx workflow.Context) error {
	err := b.prepare(ctx)
	if errors.Is(err, errLive) {
		b.end(ctx, domain.DeploymentSucceeded, "deployment_succeeded", nil)
		return nil
	}
	if err != nil {
		return b.giveUp(ctx, err)
	}
	if err := b.takeOver(ctx); err != nil {
		return b.goBack(ctx, err)
	}
	b.live = b.Release.Digest
	b.to(ctx, domain.DeploymentWarm, "warm", "", fmt.Sprintf("the old release is kept ready for %s", b.plan.Warm))
	if err := b.onTrain(ctx); err != nil {
		return b.goBack(ctx, err)
	}
	if err := b.keepWarm(ctx); err != nil {
		return b.goBack(ctx, err)
	}
	b.words.deaf = true
	b.retire(ctx, b.old, b.before)
	b.end(ctx, domain.DeploymentSucceeded, "deployment_succeeded", nil)
	return nil
}

// errLive ends a deployment of what is live already.
var errLive = errors.New("the release is live already")

// prepare brings the release up in the idle colour, tries it there and asks for approval.
func (b *blueGreen) prepare(ctx workflow.Context) error {
	for _, phase := range []func(workflow.Context) error{
		b.inspect, b.preflight, b.gate, b.migrate, b.bringUp, b.await, b.smoke, b.approval,
	} {
		if err := phase(ctx); err != nil {
			return err
		}
	}
	return nil
}

// inspect takes down what is there: that is what we compare with, and go back to.
func (b *blueGreen) inspect(ctx workflow.Context) error {
	err := b.step(ctx, "inspect", func(ctx workflow.Context) (domain.StepOutcome, error) {
		var s domain.ColoursState
		if err := workflow.ExecuteActivity(doing(ctx, "Inspect"), acts.Inspect, b.plan).Get(ctx, &s); err != nil {
			return domain.StepOutcome{}, err
		}
		b.old, b.idle, b.revision = s.Live, s.Live.Other(), s.Revision
		b.before = s.Colours[b.old].Release()
		b.previous, b.live = b.before.Digest, b.before.Digest
		text := fmt.Sprintf("%s is live and holds %s %s", b.old, b.before.Version, b.before.Digest)
		if b.before.Digest == "" {
			text = "nothing was ever deployed"
		}
		if s.Share != 0 {
			return domain.StepOutcome{}, drift("%d %% of the requests go to %s: somebody has left the switch halfway; move it to one side first", s.Share, b.idle)
		}
		return domain.StepOutcome{Output: text}, nil
	})
	if err == nil && b.before.Digest == b.Release.Digest {
		return errLive
	}
	return err
}

func (b *blueGreen) colour() acts.ColourInput {
	return acts.ColourInput{Plan: b.plan, Colour: b.idle, Release: b.Release}
}

func (b *blueGreen) preflight(ctx workflow.Context) error {
	return b.do(ctx, "preflight", "Preflight", acts.Preflight, b.colour())
}

// gate lets a release change the database only where it can be had back as it was.
func (d *deployment) gate(ctx workflow.Context) error {
	if d.Release.Schema != domain.SchemaExpands {
		return nil
	}
	return d.step(ctx, "database gate", func(ctx workflow.Context) (domain.StepOutcome, error) {
		if d.plan.Database == "" {
			return domain.StepOutcome{}, refusal(domain.Errorf(domain.CodeGateClosed,
				"the release changes the database, and the file of services names no backup of %s: write its database", d.Service))
		}
		var point time.Time
		err := workflow.ExecuteActivity(noting(ctx), acts.Gate, acts.GateInput{Database: d.plan.Database, Within: d.plan.BackupWithin}).Get(ctx, &point)
		return domain.StepOutcome{Output: "proven restore point " + point.Format(time.RFC3339)}, err
	})
}

func (b *blueGreen) migrate(ctx workflow.Context) error {
	if b.Release.Schema != domain.SchemaExpands {
		return nil
	}
	return b.step(ctx, "migrate", func(ctx workflow.Context) (outcome domain.StepOutcome, err error) {
		err = workflow.ExecuteActivity(migrating(ctx), acts.Migrate, b.colour()).Get(ctx, &outcome)
		return outcome, err
	})
}

func (b *blueGreen) bringUp(ctx workflow.Context) error {
	b.broughtUp = true // also where we do not hear of it
	return b.do(ctx, "bring up", "Bring up "+string(b.idle), acts.BringUp, b.colour())
}

func (b *blueGreen) await(ctx workflow.Context) error {
	return b.step(ctx, "await", func(ctx workflow.Context) (domain.StepOutcome, error) {
		ctx = lasting(ctx, "Wait until every instance is ready", b.plan.AvailableWithin)
		return domain.StepOutcome{}, workflow.ExecuteActivity(ctx, acts.Await, b.colour()).Get(ctx, nil)
	})
}

// smoke tries the release where nobody else reaches it.
func (b *blueGreen) smoke(ctx workflow.Context) error {
	return b.step(ctx, "smoke tests", func(ctx workflow.Context) (outcome domain.StepOutcome, err error) {
		var look acts.Look
		if err := workflow.ExecuteActivity(doing(ctx, "Look at both colours"), acts.Sample, b.plan).Get(ctx, &look); err != nil {
			return outcome, err
		}
		b.base = look
		in := acts.SmokeInput{Plan: b.plan, Preview: look.State.Colours[b.idle].Preview, Digest: b.Release.Digest}
		err = workflow.ExecuteActivity(doing(ctx, "Smoke tests"), acts.Smoke, in).Get(ctx, &outcome)
		return outcome, err
	})
}

// approval waits for a person's word, where the service asks for one.
func (d *deployment) approval(ctx workflow.Context) error {
	if !d.plan.Approval || d.approvedByTrain(ctx) {
		return nil
	}
	d.to(ctx, domain.DeploymentWaiting, "waiting for approval", "", fmt.Sprintf("until %s", workflow.Now(ctx).UTC().Add(d.plan.ApprovalWithin).Format(time.RFC3339)))
	d.alarm(ctx, "deployment_waiting", nil)
	came, err := workflow.AwaitWithTimeout(ctx, d.plan.ApprovalWithin, func() bool { return d.words.approved != nil || d.words.over() })
	switch {
	case err != nil:
		return err
	case d.words.over():
		return errCalledOff
	case !came:
		return errUnapproved
	}
	d.state = domain.DeploymentRunning
	return nil
}

// errUnapproved ends a deployment that nobody approved in time.
var errUnapproved = temporal.NewNonRetryableApplicationError("nobody approved it in time", "not_approved", nil)

// do is a step that is one activity and prints nothing.
func (b *blueGreen) do(ctx workflow.Context, name, summary, activity string, in any) error {
	return b.step(ctx, name, func(ctx workflow.Context) (domain.StepOutcome, error) {
		return domain.StepOutcome{}, workflow.ExecuteActivity(doing(ctx, summary), activity, in).Get(ctx, nil)
	})
}

// giveUp ends a deployment before anything was switched: what was brought up goes again.
func (b *blueGreen) giveUp(ctx workflow.Context, cause error) error {
	called := errors.Is(cause, errCalledOff) || errors.Is(cause, errUnapproved) || ctx.Err() != nil
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	b.words.deaf = true
	if b.broughtUp {
		b.retire(ctx, b.idle, b.Release)
	}
	if !called {
		return b.fail(ctx, cause)
	}
	if errors.Is(cause, errUnapproved) {
		b.end(ctx, domain.DeploymentAborted, "deployment_aborted", cause)
		return nil
	}
	b.end(ctx, domain.DeploymentAborted, "deployment_aborted", b.calledOff())
	return nil
}

// calledOff is a person's word as a cause.
func (d *deployment) calledOff() error {
	if w := d.words.last(); w != nil {
		return temporal.NewNonRetryableApplicationError(w.Reason, "called_off", nil)
	}
	return temporal.NewNonRetryableApplicationError("its process was cancelled", "called_off", nil)
}

// retire stops a colour that nobody needs, with what it holds. What stays running is told of, and harms nobody.
func (b *blueGreen) retire(ctx workflow.Context, colour domain.Colour, holds domain.Release) {
	err := b.record(ctx, domain.DeploymentStep{Name: "retire " + string(colour), Digest: holds.Digest}, func(ctx workflow.Context) (domain.StepOutcome, error) {
		return domain.StepOutcome{}, workflow.ExecuteActivity(doing(ctx, "Retire "+string(colour)), acts.Retire, acts.RetireInput{Plan: b.plan, Colour: colour}).Get(ctx, nil)
	})
	if err != nil {
		b.alarm(ctx, "deployment_not_retired", err)
	}
}
