package deployment

import (
	"errors"
	"fmt"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// HostInput is what shall become of one host.
type HostInput struct {
	DeploymentID string                   `json:"deployment_id"`
	Plan         domain.DeploymentService `json:"plan"`
	Host         string                   `json:"host"`
	// Release comes; Previous goes, and knows how it is stopped. Either may be empty.
	Release  domain.Release `json:"release"`
	Previous domain.Release `json:"previous"`
	// PassOldScripts goes on where a script of Previous fails.
	PassOldScripts bool `json:"pass_old_scripts,omitempty"`
	// Seq is the number of the first step, State the deployment's.
	Seq   int                    `json:"seq"`
	State domain.DeploymentState `json:"state"`
}

// Host carries out the thirteen events on one host, until one fails. Its error names the
// event as the third detail.
func Host(ctx workflow.Context, in HostInput) error {
	h := &host{HostInput: in}
	for _, event := range h.events() {
		if err := h.carryOut(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

// host is the state of one host.
type host struct {
	HostInput
	log logbook
}

// events are all of them. Where no release comes, the one that is there goes and nothing
// begins to serve.
func (h *host) events() []domain.LifecycleEvent {
	all := domain.LifecycleEvents()
	if h.Release.Digest == "" {
		return all[:slices.Index(all, domain.Install)+1]
	}
	return all
}

// carryOut does one event and keeps it.
func (h *host) carryOut(ctx workflow.Context, event domain.LifecycleEvent) error {
	keep, _ := workflow.NewDisconnectedContext(ctx)
	s := domain.DeploymentStep{
		DeploymentID: h.DeploymentID, Seq: h.Seq + h.log.seq, Name: string(event), Host: h.Host, Digest: h.Release.Digest,
		State: h.State, Started: workflow.Now(ctx).UTC(),
	}
	if event.OfThePrevious() {
		s.Digest = h.Previous.Digest
	}
	h.log.seq++
	begun := workflow.ExecuteActivity(noting(keep), acts.Note, s)
	outcome, err := h.do(ctx, event)
	s.StepOutcome, s.Ended = outcome, workflow.Now(ctx).UTC()
	passed := false
	if err != nil {
		s.Error, s.Detail, s.Output, s.ExitCode = happened(err)
		passed = h.PassOldScripts && event.OfThePrevious() && s.Error == domain.CodeHookFailed
	}
	if passed {
		s.Reason = "passed over, as was asked for"
	}
	s.Output = tail(s.Output)
	h.note(keep, s, begun)
	if err == nil || passed {
		return nil
	}
	if temporal.IsCanceledError(err) {
		return err
	}
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf("%s on %s: %s", event, h.Host, s.Detail), string(s.Error), nil, s.Output, s.ExitCode, event)
}

// do asks whoever does the event: the host's agent, or the balancer's.
func (h *host) do(ctx workflow.Context, event domain.LifecycleEvent) (outcome domain.StepOutcome, err error) {
	if !event.Traffic() {
		job := domain.HostJob{
			DeploymentID: h.DeploymentID, Environment: h.Plan.Environment, Service: h.Plan.Service, Host: h.Host,
			Event: event, Release: h.Release, Previous: h.Previous.Digest,
		}
		err = workflow.ExecuteActivity(onHost(ctx, h.Host, string(event)), acts.HostEvent, job).Get(ctx, &outcome)
		return outcome, agentFault(h.Host, err)
	}
	if h.Plan.Balancer == "" {
		return domain.StepOutcome{Output: "no load balancer is named\n"}, nil
	}
	if event == domain.BlockTraffic {
		return traffic(ctx, h.Plan, h.Host, acts.TrafficBlock)
	}
	return traffic(ctx, h.Plan, h.Host, acts.TrafficAllow)
}

// traffic moves requests to or away from a host, by the agent that reaches the balancer.
func traffic(ctx workflow.Context, plan domain.DeploymentService, name string, move acts.TrafficMove) (outcome domain.StepOutcome, err error) {
	in := acts.TrafficInput{Environment: plan.Environment, Service: plan.Service, Host: name, Move: move}
	for _, other := range plan.Hosts {
		if other != name {
			in.Others = append(in.Others, other)
		}
	}
	err = workflow.ExecuteActivity(onHost(ctx, plan.Balancer, fmt.Sprintf("Requests to %s: %s", name, move)), acts.HostTraffic, in).Get(ctx, &outcome)
	return outcome, agentFault(plan.Balancer, err)
}

// note keeps the end of a step, after its beginning was.
func (h *host) note(ctx workflow.Context, s domain.DeploymentStep, begun workflow.Future) {
	h.log.show(ctx, fmt.Sprintf("**%s** on %s, %s %s\n\n- deployment: %s", h.Plan.Service, h.Host, h.State, h.Release.Version, h.DeploymentID), s)
	err := begun.Get(ctx, nil)
	if err == nil {
		err = workflow.ExecuteActivity(noting(ctx), acts.Note, s).Get(ctx, nil)
	}
	if err != nil {
		workflow.GetLogger(ctx).Error("the database does not show a step of the deployment", "deployment_id", h.DeploymentID, "step", s.Name, "error", err)
	}
}

// agentFault calls an agent gone that takes no jobs, and names the host.
func agentFault(name string, err error) error {
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
		return temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("no agent on %s takes its jobs: start `careflow agent` there", name), string(domain.CodeAgentGone), nil)
	}
	return err
}

// happened is a fault of an event: code, what it says, what was printed, exit code.
func happened(err error) (code domain.Code, detail, printed string, exit int) {
	code, detail, printed = reason(err)
	exit = 1
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.HasDetails() {
		_ = app.Details(&printed, &exit) // of another form: nothing was printed
	}
	return code, detail, printed, exit
}

// untouched reports a failure of a host before anything of it was changed.
func untouched(err error) bool {
	var app *temporal.ApplicationError
	var printed string
	var exit int
	var event domain.LifecycleEvent
	return errors.As(err, &app) && app.HasDetails() && app.Details(&printed, &exit, &event) == nil && event == domain.BeforeBlockTraffic
}
