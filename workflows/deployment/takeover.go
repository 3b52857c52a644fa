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

// takeOver gives the release its requests, in steps, and watches how it does.
func (b *blueGreen) takeOver(ctx workflow.Context) error {
	for _, share := range b.plan.Steps {
		if err := b.switchTo(ctx, share); err != nil {
			return err
		}
		if share == 100 {
			if err := b.confirm(ctx, b.Release.Digest); err != nil {
				return err
			}
		}
		if err := b.watch(ctx, share); err != nil {
			return err
		}
	}
	return nil
}

// switchTo gives the release its share. A switch that somebody has changed meanwhile is
// left alone until a person has looked.
func (b *blueGreen) switchTo(ctx workflow.Context, share int) error {
	for {
		err := b.step(ctx, fmt.Sprintf("switch %d %%", share), func(ctx workflow.Context) (domain.StepOutcome, error) {
			in := acts.SwitchInput{Plan: b.plan, To: b.idle, Share: share, Revision: b.revision}
			err := workflow.ExecuteActivity(doing(ctx, fmt.Sprintf("Give %s %d %% of the requests", b.idle, share)), acts.Switch, in).Get(ctx, &b.revision)
			return domain.StepOutcome{}, err
		})
		if code, _, _ := reason(err); err == nil || code != domain.CodeStale {
			return err
		}
		if err := b.drifted(ctx, "the switch was changed since it was looked at"); err != nil {
			return err
		}
	}
}

// drifted pauses until a person has looked at what somebody did to the switch. To resume
// is to let the deployment go on from what is there now.
func (b *blueGreen) drifted(ctx workflow.Context, what string) error {
	if err := b.pause(ctx, drift("%s: look at what is live, then resume, or end the deployment", what)); err != nil {
		return err
	}
	return b.step(ctx, "inspect", func(ctx workflow.Context) (domain.StepOutcome, error) {
		var s domain.ColoursState
		err := workflow.ExecuteActivity(doing(ctx, "Inspect"), acts.Inspect, b.plan).Get(ctx, &s)
		b.revision = s.Revision
		return domain.StepOutcome{Output: fmt.Sprintf("%s is live, %s has %d %%", s.Live, s.Live.Other(), s.Share)}, err
	})
}

func drift(format string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(format, args...), string(domain.CodeDrift), nil)
}

// confirm asks at the front door what everybody gets.
func (b *blueGreen) confirm(ctx workflow.Context, digest string) error {
	return b.step(ctx, "confirm", func(ctx workflow.Context) (outcome domain.StepOutcome, err error) {
		err = workflow.ExecuteActivity(doing(ctx, "Confirm at the front door"), acts.Confirm, acts.ConfirmInput{Plan: b.plan, Digest: digest}).Get(ctx, &outcome)
		return outcome, err
	})
}

// watch compares the release with the one before it for as long as its share is watched.
// Worse figures end it at once; good ones must hold until the end.
func (b *blueGreen) watch(ctx workflow.Context, share int) error {
	if b.plan.Watch.For <= 0 {
		return nil
	}
	var verdict domain.WatchVerdict
	err := b.step(ctx, fmt.Sprintf("watch %d %%", share), func(ctx workflow.Context) (domain.StepOutcome, error) {
		until := workflow.Now(ctx).Add(b.plan.Watch.For)
		for {
			if err := b.wait(ctx, min(b.plan.Watch.Every, max(until.Sub(workflow.Now(ctx)), 0))); err != nil {
				return told(verdict), err
			}
			look, err := b.look(ctx, share)
			if err != nil {
				return told(verdict), err
			}
			if verdict = b.judge(look); verdict.Outcome == domain.WatchFailed {
				return told(verdict), temporal.NewNonRetryableApplicationError(verdict.Reason, string(domain.CodeWatchFailed), nil, told(verdict).Output)
			}
			if !workflow.Now(ctx).Before(until) {
				return told(verdict), nil
			}
		}
	})
	if err != nil || verdict.Outcome == domain.WatchPassed || (verdict.Outcome == domain.WatchInconclusive && b.plan.Watch.PassInconclusive) {
		return err
	}
	// To resume is to take it as passed.
	return b.pause(ctx, temporal.NewNonRetryableApplicationError("the watch is "+string(verdict.Outcome)+": "+verdict.Reason, "watch_"+string(verdict.Outcome), nil))
}

func told(v domain.WatchVerdict) domain.StepOutcome {
	return domain.StepOutcome{Output: fmt.Sprintf("%s: %s\nold: %s\nnew: %s\n", v.Outcome, v.Reason, v.Old, v.New)}
}

// look sees to it that the switch is still as we left it.
func (b *blueGreen) look(ctx workflow.Context, share int) (acts.Look, error) {
	for {
		var look acts.Look
		err := workflow.ExecuteActivity(doing(ctx, "Look at both colours"), acts.Sample, b.plan).Get(ctx, &look)
		if err != nil || look.State.Revision == b.revision {
			return look, err
		}
		if err := b.drifted(ctx, fmt.Sprintf("the switch was changed by hand: %s is live, %s has %d %%", look.State.Live, look.State.Live.Other(), look.State.Share)); err != nil {
			return look, err
		}
		if err := b.switchTo(ctx, share); err != nil {
			return look, err
		}
	}
}

// judge is failed where the release is not whole any more, and otherwise what the figures
// say. The old one's window begins before the switch.
func (b *blueGreen) judge(look acts.Look) domain.WatchVerdict {
	idle := look.State.Colours[b.idle]
	if !idle.Whole(b.Release.Digest) {
		return domain.WatchVerdict{Outcome: domain.WatchFailed, Reason: fmt.Sprintf("%d of %d instances of the release are ready", idle.Ready, idle.Wanted)}
	}
	if why, ok := look.Unmeasured[b.idle]; ok {
		return domain.WatchVerdict{Outcome: domain.WatchError, Reason: "the release's figures cannot be read: " + why}
	}
	return b.plan.Watch.Judge(
		domain.TrafficWindow{From: b.base.Traffic[b.old], To: look.Traffic[b.old]},
		domain.TrafficWindow{From: b.base.Traffic[b.idle], To: look.Traffic[b.idle]})
}

// keepWarm keeps the old release ready for a while; a person's word to go back ends it.
func (b *blueGreen) keepWarm(ctx workflow.Context) error {
	until := workflow.Now(ctx).Add(b.plan.Warm)
	for {
		left := until.Sub(workflow.Now(ctx))
		if left <= 0 {
			return nil
		}
		if err := b.wait(ctx, min(left, warmLook)); err != nil {
			return err
		}
		err := b.heeding(ctx, func(ctx workflow.Context) error {
			_, err := b.look(ctx, 100)
			return err
		})
		if err != nil && !away(err) {
			return err
		}
	}
}

// warmLook is the pause between two looks at the switch while the old release is kept.
const warmLook = time.Minute

// away reports a place that cannot be reached: no reason to leave a release that was good.
func away(err error) bool {
	code, _, _ := reason(err)
	return !errors.Is(err, errCalledOff) && (code == domain.CodeUnavailable || code == domain.CodeDeployAccess || code == domain.CodeNoDeployer || code == domain.CodeInternal)
}

// goBack gives the old release all requests again, whatever it takes.
func (b *blueGreen) goBack(ctx workflow.Context, cause error) error {
	byPerson := errors.Is(cause, errCalledOff) || ctx.Err() != nil
	if byPerson {
		cause = b.calledOff()
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	b.words.deaf = true
	_, why, _ := reason(cause)
	b.to(ctx, domain.DeploymentRolling, "roll back", "", why)
	if b.before.Digest == "" {
		// There is nothing to go back to: what is there stays, and people decide.
		return b.fail(ctx, cause)
	}
	in := acts.ColourInput{Plan: b.plan, Colour: b.old, Release: b.before}
	b.insist(ctx, "go back", acts.GoBack, in)
	b.live = b.before.Digest
	b.insist(ctx, "confirm", acts.Confirm, acts.ConfirmInput{Plan: b.plan, Digest: b.before.Digest, Insist: true})
	b.retire(ctx, b.idle, b.Release)
	kind := "deployment_rolled_back"
	if byPerson {
		kind = "deployment_rolled_back_by_hand"
	}
	b.end(ctx, domain.DeploymentRolledBack, kind, cause)
	return nil
}

// insist repeats an activity until it succeeds, and pages while it does not.
func (b *blueGreen) insist(ctx workflow.Context, name, activity string, in any) {
	b.keepTrying(ctx, name, b.before.Digest, goingBack(ctx, b.plan, name), activity, in)
}

// keepTrying repeats an activity, with the options of trying, until it succeeds, and pages
// while it does not.
func (d *deployment) keepTrying(ctx workflow.Context, name, digest string, trying workflow.Context, activity string, in any) {
	options := workflow.GetActivityOptions(trying)
	_ = d.record(ctx, domain.DeploymentStep{Name: name, Digest: digest}, func(ctx workflow.Context) (domain.StepOutcome, error) {
		var outcome domain.StepOutcome
		succeeded := false
		workflow.Go(ctx, func(ctx workflow.Context) {
			for !succeeded { // Temporal repeats it by itself; should that have ended, we begin again
				if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activity, in).Get(ctx, nil); err == nil {
					succeeded = true
				} else if sleeping := workflow.Sleep(ctx, beginAgain); sleeping != nil {
					return
				}
			}
		})
		for pause := firstPage; ; pause = nextPage {
			if _, err := workflow.AwaitWithTimeout(ctx, pause, func() bool { return succeeded }); err != nil {
				return outcome, err
			}
			if succeeded {
				return outcome, nil
			}
			d.alarm(ctx, "deployment_rollback_stuck", temporal.NewApplicationError(name+" has not succeeded yet and is tried again", string(domain.CodeUnavailable)))
		}
	})
}

// firstPage is when people hear that going back takes long, nextPage how often after that.
// beginAgain is the pause before what Temporal has given up on.
const (
	firstPage  = 30 * time.Second
	nextPage   = 30 * time.Minute
	beginAgain = 10 * time.Second
)
