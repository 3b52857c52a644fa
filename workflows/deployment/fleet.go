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

// fleet gives the work of a fleet of workers to the release's, in steps. Its own process is
// pinned: it stays on the old version, which is known to be good, so that a broken release
// cannot take away its own rollback. The old workers are kept until it has ended.
type fleet struct {
	*deployment
	old, new string // build IDs
	route    domain.FleetRoute
	before   domain.FleetLook
}

// run is the story. Until the release gets its first work nothing has changed; from then on
// the way out leads back.
func (f *fleet) run(ctx workflow.Context) error {
	for _, phase := range []func(workflow.Context) error{f.inspect, f.await, f.replay, f.approval} {
		err := phase(ctx)
		if errors.Is(err, errLive) {
			f.end(ctx, domain.DeploymentSucceeded, "deployment_succeeded", nil)
			return nil
		}
		if err != nil {
			return f.stop(ctx, err) // its workers idle, and may go
		}
	}
	if err := f.takeOver(ctx); err != nil {
		return f.goBack(ctx, err)
	}
	f.live = f.Release.Digest
	f.to(ctx, domain.DeploymentWarm, "warm", "", fmt.Sprintf("the old workers are kept for %s, and until their jobs have ended", f.plan.Warm))
	if err := f.onTrain(ctx); err != nil {
		return f.goBack(ctx, err)
	}
	if err := f.wait(ctx, f.plan.Warm); err != nil {
		return f.goBack(ctx, err)
	}
	if err := f.drain(ctx); err != nil {
		return f.goBack(ctx, err)
	}
	f.words.deaf = true
	f.end(ctx, domain.DeploymentSucceeded, "deployment_succeeded", nil)
	return nil
}

func (f *fleet) input(ctx workflow.Context) acts.FleetInput {
	return acts.FleetInput{Fleet: f.plan.Fleet, Queue: workflow.GetInfo(ctx).TaskQueueName, Old: f.old, New: f.new, Within: f.plan.AvailableWithin}
}

// inspect takes down who gets the work, and what the fleet looks like: that is what we
// compare with, and go back to.
func (f *fleet) inspect(ctx workflow.Context) error {
	f.new = f.Release.BuildID()
	err := f.step(ctx, "inspect", func(ctx workflow.Context) (domain.StepOutcome, error) {
		if f.plan.Fleet == "" {
			return domain.StepOutcome{}, refusal(domain.Errorf(domain.CodeInvalid, "the file of services does not name the fleet of %s", f.Service))
		}
		look, err := f.look(ctx)
		if err != nil {
			return domain.StepOutcome{}, err
		}
		f.before, f.route, f.old = look, look.Route, look.Route.Current
		f.previous, f.live = f.old, f.old
		text := "the work goes to " + look.Route.String()
		if look.Route.Ramping != "" {
			return domain.StepOutcome{}, drift("%s: somebody has left the fleet halfway; give its work to one version first", text)
		}
		return domain.StepOutcome{Output: text}, nil
	})
	if err == nil && f.old == f.new {
		return errLive
	}
	return err
}

// await waits for the release's workers, which get nothing to do yet.
func (f *fleet) await(ctx workflow.Context) error {
	return f.step(ctx, "await workers", func(ctx workflow.Context) (domain.StepOutcome, error) {
		return domain.StepOutcome{}, workflow.ExecuteActivity(fleeting(ctx, "Wait for workers of "+f.new, f.plan.AvailableWithin), acts.FleetAwait, f.input(ctx)).Get(ctx, nil)
	})
}

// replay has the release's workers replay a sample of what is open: code that does not fit
// it would strand these processes.
func (f *fleet) replay(ctx workflow.Context) error {
	return f.step(ctx, "replay", func(ctx workflow.Context) (outcome domain.StepOutcome, err error) {
		err = workflow.ExecuteActivity(fleeting(ctx, "Replay open histories on "+f.new, replayPatience), acts.FleetReplay, f.input(ctx)).Get(ctx, &outcome)
		return outcome, err
	})
}

// takeOver gives the release its work in steps, and watches how it does.
func (f *fleet) takeOver(ctx workflow.Context) error {
	for _, share := range f.plan.Steps {
		to := domain.FleetRoute{Current: f.old, Ramping: f.new, Share: share}
		name := fmt.Sprintf("ramp %d %%", share)
		if share == 100 {
			to, name = domain.FleetRoute{Current: f.new}, "promote"
		}
		if err := f.switchTo(ctx, name, to); err != nil {
			return err
		}
		if err := f.watch(ctx, share); err != nil {
			return err
		}
	}
	return nil
}

// switchTo gives the work. Where somebody has changed it meanwhile, a person looks.
func (f *fleet) switchTo(ctx workflow.Context, name string, to domain.FleetRoute) error {
	for {
		err := f.step(ctx, name, func(ctx workflow.Context) (domain.StepOutcome, error) {
			in := acts.FleetRouteInput{Fleet: f.plan.Fleet, From: f.route, To: to}
			err := workflow.ExecuteActivity(fleeting(ctx, "Give the work to "+to.String(), 0), acts.FleetRoute, in).Get(ctx, nil)
			return domain.StepOutcome{Output: to.String()}, err
		})
		if code, _, _ := reason(err); code == domain.CodeDrift {
			if err := f.drifted(ctx, err); err != nil {
				return err
			}
			continue
		}
		if err == nil {
			f.route = to
		}
		return err
	}
}

// drifted pauses until a person has looked. To resume is to go on from what is there now.
func (f *fleet) drifted(ctx workflow.Context, cause error) error {
	if err := f.pause(ctx, cause); err != nil {
		return err
	}
	look, err := f.look(ctx)
	f.route = look.Route
	return err
}

func (f *fleet) look(ctx workflow.Context) (look domain.FleetLook, err error) {
	err = workflow.ExecuteActivity(fleeting(ctx, "Count the fleet's processes", 0), acts.FleetLook, f.input(ctx)).Get(ctx, &look)
	return look, err
}

// watch counts for a while how the processes do that the release has taken on. Worse
// figures end it at once.
func (f *fleet) watch(ctx workflow.Context, share int) error {
	if f.plan.Watch.For <= 0 {
		return nil
	}
	var verdict domain.WatchVerdict
	err := f.step(ctx, fmt.Sprintf("watch %d %%", share), func(ctx workflow.Context) (domain.StepOutcome, error) {
		until := workflow.Now(ctx).Add(f.plan.Watch.For)
		for {
			if err := f.wait(ctx, min(f.plan.Watch.Every, max(until.Sub(workflow.Now(ctx)), 0))); err != nil {
				return told(verdict), err
			}
			look, err := f.look(ctx)
			if err != nil {
				return told(verdict), err
			}
			if verdict = f.plan.Watch.JudgeFleet(f.before, look); verdict.Outcome == domain.WatchFailed {
				return told(verdict), temporal.NewNonRetryableApplicationError(verdict.Reason, string(domain.CodeWatchFailed), nil, told(verdict).Output)
			}
			if look.Route != f.route {
				if err := f.drifted(ctx, drift("the work goes to %s: somebody has changed that", look.Route)); err != nil {
					return told(verdict), err
				}
			}
			if !workflow.Now(ctx).Before(until) {
				return told(verdict), nil
			}
		}
	})
	if err != nil || verdict.Outcome == domain.WatchPassed || (verdict.Outcome == domain.WatchInconclusive && f.plan.Watch.PassInconclusive) {
		return err
	}
	// To resume is to take it as passed.
	return f.pause(ctx, temporal.NewNonRetryableApplicationError("the watch is "+string(verdict.Outcome)+": "+verdict.Reason, "watch_"+string(verdict.Outcome), nil))
}

// drain waits for the jobs that end on the old version. This deployment is one of them, and
// others may be: they are told of.
func (f *fleet) drain(ctx workflow.Context) error {
	return f.step(ctx, "drain", func(ctx workflow.Context) (domain.StepOutcome, error) {
		if f.old == "" {
			return domain.StepOutcome{Output: "the workers before had no version: nothing is pinned to them\n"}, nil
		}
		for until, pause := workflow.Now(ctx).Add(drainPatience), firstDrainLook; ; pause = min(2*pause, lastDrainLook) {
			look, err := f.look(ctx)
			if err != nil {
				return domain.StepOutcome{}, err
			}
			left := fmt.Sprintf("%d jobs and %d deployments, this one among them, end on %s: stop its workers once they have\n", look.Pinned, look.Deployments, f.old)
			if look.Pinned == 0 {
				return domain.StepOutcome{Output: left}, nil
			}
			if !workflow.Now(ctx).Before(until) {
				f.alarm(ctx, "deployment_not_drained", temporal.NewApplicationError(left, "not_drained"))
				return domain.StepOutcome{Output: left}, nil
			}
			if err := f.wait(ctx, pause); err != nil {
				return domain.StepOutcome{}, err
			}
		}
	})
}

const (
	// drainPatience is longer than the longest job, a backup.
	drainPatience = 24 * time.Hour
	// Looks become rarer, since each is kept in the history.
	firstDrainLook = 5 * time.Second
	lastDrainLook  = 10 * time.Minute
)

// goBack gives all work to the old version again, whatever it takes. Processes that follow
// the newest version go on there with their next step; jobs that the release has begun end
// on it, so that its workers stay until they have.
func (f *fleet) goBack(ctx workflow.Context, cause error) error {
	byPerson := errors.Is(cause, errCalledOff) || ctx.Err() != nil
	if byPerson {
		cause = f.calledOff()
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	f.words.deaf = true
	_, why, _ := reason(cause)
	f.to(ctx, domain.DeploymentRolling, "roll back", "", why)
	in := acts.FleetRouteInput{Fleet: f.plan.Fleet, To: domain.FleetRoute{Current: f.old}, Insist: true}
	f.keepTrying(ctx, "go back", f.old, fleetingForEver(ctx, "Give the work back to "+in.To.String()), acts.FleetRoute, in)
	f.live = f.old
	kind := "deployment_rolled_back"
	if byPerson {
		kind = "deployment_rolled_back_by_hand"
	}
	f.end(ctx, domain.DeploymentRolledBack, kind, cause)
	return nil
}
