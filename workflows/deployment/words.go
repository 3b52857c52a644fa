package deployment

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/domain"
)

// words is what people have said to a deployment.
type words struct {
	approved *domain.Approval
	paused   bool
	// because is why we paused by ourselves; nil when a person did.
	because  error
	abort    *domain.Approval
	rollback *domain.Approval
	// deaf is set once nothing that people say changes the end any more.
	deaf bool
	// callOff ends what is under way.
	callOff workflow.CancelFunc
}

// over reports whether somebody has ended the deployment.
func (w *words) over() bool { return w.abort != nil || w.rollback != nil }

// last is the word that ended it.
func (w *words) last() *domain.Approval {
	if w.rollback != nil {
		return w.rollback
	}
	return w.abort
}

// errCalledOff ends the way of a release when somebody said abort or rollback.
var errCalledOff = errors.New("called off")

// listen takes people's words as updates. Each is checked before it is accepted: who gave
// it, for which run, and whether it fits what the deployment does now.
func (d *deployment) listen(ctx workflow.Context) error {
	for _, w := range []struct {
		word  string
		check func(domain.Approval) error
		heed  func(workflow.Context, domain.Approval)
	}{
		{Approve, d.mayApprove, d.heedApprove},
		{Pause, d.mayPause, d.heedPause},
		{Resume, d.mayResume, d.heedResume},
		{Abort, d.mayAbort, d.heedAbort},
		{Rollback, d.mayRollback, d.heedRollback},
	} {
		err := workflow.SetUpdateHandlerWithOptions(ctx, w.word,
			func(ctx workflow.Context, a domain.Approval) (domain.DeploymentState, error) {
				w.heed(ctx, a)
				return d.state, nil
			},
			workflow.UpdateHandlerOptions{Validator: func(ctx workflow.Context, a domain.Approval) error {
				subject := domain.ApprovalSubject(workflow.GetInfo(ctx).WorkflowExecution.ID, d.id, w.word)
				if err := d.keys.Check(a, subject, workflow.Now(ctx)); err != nil {
					return refusal(err)
				}
				return refusal(w.check(a))
			}},
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func conflict(format string, args ...any) error {
	return domain.Errorf(domain.CodeConflict, format, args...)
}

func (d *deployment) mayApprove(a domain.Approval) error {
	switch {
	case d.state != domain.DeploymentWaiting || d.words.approved != nil || d.words.over():
		return conflict("the deployment is %s: it waits for no approval", d.state)
	case a.By == d.By && !d.plan.AskerMayApprove:
		return domain.Errorf(domain.CodeForbidden, "who began this deployment may not approve it: ask somebody else")
	}
	return nil
}

func (d *deployment) heedApprove(ctx workflow.Context, a domain.Approval) {
	d.words.approved = &a
	d.said(ctx, "approve", a.By, a.Reason)
}

func (d *deployment) mayPause(domain.Approval) error {
	if d.words.paused || d.words.over() || d.words.deaf {
		return conflict("the deployment is %s: there is nothing to pause", d.state)
	}
	return nil
}

func (d *deployment) heedPause(ctx workflow.Context, a domain.Approval) {
	d.words.paused = true
	d.said(ctx, "pause", a.By, a.Reason)
}

func (d *deployment) mayResume(domain.Approval) error {
	if !d.words.paused {
		return conflict("the deployment is %s, not paused", d.state)
	}
	return nil
}

func (d *deployment) heedResume(ctx workflow.Context, a domain.Approval) {
	d.words.paused = false
	d.said(ctx, "resume", a.By, a.Reason)
}

func (d *deployment) mayAbort(domain.Approval) error {
	switch {
	case d.words.over() || d.words.deaf:
		return conflict("the deployment is %s: it is too late to abort", d.state)
	case d.state == domain.DeploymentWarm:
		return conflict("the release is live: say rollback to go back")
	}
	return nil
}

func (d *deployment) heedAbort(ctx workflow.Context, a domain.Approval) {
	d.words.abort = &a
	d.interrupt()
	d.said(ctx, "abort", a.By, a.Reason)
}

// mayRollback is yes at any time: who wants the old release back cannot know whether the
// switch has just moved. Before it has, the deployment ends as if it was aborted.
func (d *deployment) mayRollback(domain.Approval) error {
	if d.words.over() || d.words.deaf {
		return conflict("the deployment is %s: it goes back already, or has ended", d.state)
	}
	return nil
}

func (d *deployment) heedRollback(ctx workflow.Context, a domain.Approval) {
	d.words.rollback = &a
	d.interrupt()
	d.said(ctx, "rollback", a.By, a.Reason)
}

// heeding lets people call off what is under way: it is errCalledOff then.
func (d *deployment) heeding(ctx workflow.Context, work func(workflow.Context) error) error {
	inner, cancel := workflow.WithCancel(ctx)
	outer := d.words.callOff // of what this is a part of
	d.words.callOff = cancel
	err := work(inner)
	d.words.callOff = outer
	if d.words.over() {
		return errCalledOff
	}
	return err
}

// interrupt calls off what is under way.
func (d *deployment) interrupt() {
	d.words.paused = false
	if d.words.callOff != nil {
		d.words.callOff()
	}
}

// goOn waits while the deployment is paused, and is errCalledOff once somebody ended it.
// A pause that nobody remembers is told of again.
func (d *deployment) goOn(ctx workflow.Context) error {
	if d.words.paused && !d.words.over() {
		before := d.state
		d.to(ctx, domain.DeploymentPaused, "paused", "", "")
		d.alarm(ctx, "deployment_paused", d.words.because)
		for d.words.paused && !d.words.over() {
			ok, err := workflow.AwaitWithTimeout(ctx, remindEvery, func() bool { return !d.words.paused || d.words.over() })
			if err != nil {
				return err
			}
			if !ok {
				d.alarm(ctx, "deployment_paused", d.words.because)
			}
		}
		d.words.because = nil
		d.to(ctx, before, "go on", "", "")
	}
	if d.words.over() {
		return errCalledOff
	}
	return ctx.Err()
}

const remindEvery = 4 * time.Hour

// wait lets time pass; a pause and the words that end a deployment are heeded at once.
func (d *deployment) wait(ctx workflow.Context, pause time.Duration) error {
	_, err := workflow.AwaitWithTimeout(ctx, pause, func() bool { return d.words.paused || d.words.over() })
	if err != nil {
		return err
	}
	return d.goOn(ctx)
}

// pause stops and asks people: there is something that we do not decide.
func (d *deployment) pause(ctx workflow.Context, cause error) error {
	d.words.paused, d.words.because = true, cause
	_, why, _ := reason(cause)
	d.said(ctx, "pause", "", why)
	return d.goOn(ctx)
}
