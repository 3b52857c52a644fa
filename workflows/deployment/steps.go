package deployment

import (
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/searchattr"
	"github.com/careflow/careflow/workflows/alarm"
)

// logbook counts the transitions of a deployment.
type logbook struct {
	seq    int
	alarms int
	shown  []string // the newest lines of what people read in Temporal UI
}

// step is a part of a deployment that is kept from its beginning to its end. work may tell
// what it printed; its error ends the step. It does not begin while the deployment is
// paused, and is called off by a word that ends it: then the error is errCalledOff.
func (d *deployment) step(ctx workflow.Context, name string, work func(workflow.Context) (domain.StepOutcome, error)) error {
	if err := d.goOn(ctx); err != nil {
		return err
	}
	return d.heeding(ctx, func(ctx workflow.Context) error {
		return d.record(ctx, domain.DeploymentStep{Name: name, Digest: d.Release.Digest}, work)
	})
}

// record keeps a step from its beginning to its end, whatever people say meanwhile.
func (d *deployment) record(ctx workflow.Context, s domain.DeploymentStep, work func(workflow.Context) (domain.StepOutcome, error)) error {
	keep, _ := workflow.NewDisconnectedContext(ctx) // one that was called off is kept as well
	d.log.seq++
	s.DeploymentID, s.Seq, s.State, s.Started = d.id, d.log.seq, d.state, workflow.Now(ctx).UTC()
	d.note(keep, s)
	outcome, err := work(ctx)
	s.StepOutcome, s.State, s.Ended = outcome, d.state, workflow.Now(ctx).UTC()
	s.Previous = d.previous
	if err != nil {
		var printed string
		s.Error, s.Detail, printed = reason(err)
		if s.Output == "" {
			s.Output = printed
		}
		if s.ExitCode == 0 {
			s.ExitCode = 1
		}
	}
	s.Output = tail(s.Output)
	d.note(keep, s)
	return err
}

// to moves the deployment to a state, and keeps who said so and why.
func (d *deployment) to(ctx workflow.Context, state domain.DeploymentState, name, by, why string) {
	d.state = state
	d.said(ctx, name, by, why)
}

// said keeps a transition that takes no time: a word of a person, or a decision of ours.
func (d *deployment) said(ctx workflow.Context, name, by, why string) {
	at := workflow.Now(ctx).UTC()
	d.log.seq++
	d.note(ctx, domain.DeploymentStep{
		DeploymentID: d.id, Seq: d.log.seq, Name: name, Digest: d.Release.Digest, State: d.state, By: by, Reason: why, Started: at, Ended: at,
	})
}

// end tells the people who run this what a deployment came to, and keeps it: that is last,
// as the workers that carry it may be stopped once it is to be seen.
func (d *deployment) end(ctx workflow.Context, state domain.DeploymentState, kind string, cause error) {
	d.state = state
	at := workflow.Now(ctx).UTC()
	d.log.seq++
	s := domain.DeploymentStep{
		DeploymentID: d.id, Seq: d.log.seq, Name: string(state), Digest: d.Release.Digest, State: state, Started: at, Ended: at, Previous: d.previous,
	}
	if cause != nil {
		s.Error, s.Detail, _ = reason(cause)
	}
	d.alarm(ctx, kind, cause)
	d.note(ctx, s)
}

// note writes a step into the database and shows it. A database that is away for a day
// keeps no deployment from going on.
func (d *deployment) note(ctx workflow.Context, s domain.DeploymentStep) {
	d.show(ctx, s)
	if err := workflow.ExecuteActivity(noting(ctx), acts.Note, s).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("the database does not show a step of the deployment", "deployment_id", d.id, "step", s.Name, "error", err)
	}
}

// shownLines is how many steps people see in Temporal UI.
const shownLines = 12

func (d *deployment) show(ctx workflow.Context, s domain.DeploymentStep) {
	d.log.show(ctx, fmt.Sprintf("**%s** of %s %s\n\n- deployment: %s\n- release: %s",
		d.state, d.Service, d.Release.Version, d.id, d.Release.Digest), s)
}

// show adds a step to what people read, below a heading.
func (l *logbook) show(ctx workflow.Context, heading string, s domain.DeploymentStep) {
	line := fmt.Sprintf("- %s %s", s.Started.Format(time.TimeOnly), s.Name)
	if s.Host != "" {
		line += " on " + s.Host
	}
	switch {
	case s.Error != "":
		line += fmt.Sprintf(": **%s** %s", s.Error, s.Detail)
	case s.Ended.IsZero():
		line += " …"
	case s.Ended.After(s.Started):
		line += fmt.Sprintf(" (%s)", s.Ended.Sub(s.Started).Round(time.Millisecond))
	}
	if s.Reason != "" {
		line += ": " + s.Reason
	}
	l.shown = append(l.shown, line)
	l.shown = l.shown[max(0, len(l.shown)-shownLines):]
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("%s\n\n%s\n", heading, strings.Join(l.shown, "\n")))
	err := workflow.UpsertTypedSearchAttributes(ctx, searchattr.Status.ValueSet(string(s.State)), searchattr.NextStep.ValueSet(s.Name))
	if err != nil {
		workflow.GetLogger(ctx).Warn("the search attributes were not set", "error", err)
	}
}

// alarm tells the people who run this.
func (d *deployment) alarm(ctx workflow.Context, kind string, cause error) {
	d.log.alarms++
	a := domain.Alarm{
		Key: fmt.Sprintf("%s-%s-%d", kind, d.id, d.log.alarms), Kind: kind, Subject: d.Environment + "/" + d.Service, Ref: d.id,
		Detail: fmt.Sprintf("release %s, %s", d.Release.Version, d.Release.Digest),
	}
	if cause != nil {
		var why string
		a.Code, why, _ = reason(cause)
		a.Detail += ": " + why
	}
	alarm.Raise(ctx, a)
}

// reason is the code of a fault, what it says, and what was printed.
func reason(err error) (code domain.Code, detail, printed string) {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		if app.HasDetails() {
			_ = app.Details(&printed) // of another form: nothing was printed
		}
		return domain.Code(app.Type()), app.Message(), printed
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
		return domain.CodeNoDeployer, "no host with the rights to deploy took the job: start `careflow deploy-worker` on one", ""
	}
	if errors.As(err, &timeout) {
		return domain.CodeUnavailable, "it took too long: " + timeout.TimeoutType().String(), ""
	}
	if temporal.IsCanceledError(err) || errors.Is(err, errCalledOff) {
		return "called_off", "it was called off", ""
	}
	return domain.CodeInternal, "see the log of the worker", ""
}

// refusal is an error of the domain as a workflow returns it: with its code as its type.
func refusal(err error) error {
	var e *domain.Error
	if errors.As(err, &e) {
		return temporal.NewNonRetryableApplicationError(e.Message, string(e.Code), nil)
	}
	return err
}

// tail is the last of what was printed, as much as is kept.
func tail(output string) string {
	return strings.ToValidUTF8(output[max(0, len(output)-domain.MostOutput):], "")
}
