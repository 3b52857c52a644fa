package deployment

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/careflow/careflow/internal/domain"
)

// Registered activity names of agents, beside HostEvent. Histories refer to them: never
// rename one.
const (
	HostPrepare = "deployment.host_prepare"
	HostTraffic = "deployment.host_traffic"
)

// TrafficMove is what shall become of the requests to a host.
type TrafficMove string

// The moves.
const (
	TrafficCheck TrafficMove = "check" // nothing: find out whether they could be moved
	TrafficBlock TrafficMove = "block"
	TrafficAllow TrafficMove = "allow"
)

// TrafficInput asks for a host to get requests or none, at the load balancer.
type TrafficInput struct {
	Environment string      `json:"environment"`
	Service     string      `json:"service"`
	Host        string      `json:"host"`
	Move        TrafficMove `json:"move"`
	// Others are the service's other hosts: all must serve while this one does not.
	Others []string `json:"others,omitempty"`
}

// Host carries out deployments on the host it runs on.
type Host interface {
	// Prepare fetches the job's release and says what the host holds; nothing that is in use
	// changes.
	Prepare(ctx context.Context, job domain.HostJob) (domain.HostState, error)
	// Run carries out one event; CodeHookFailed for a script that failed or hung.
	Run(ctx context.Context, job domain.HostJob) (domain.StepOutcome, error)
}

// Balancer moves requests between the hosts of a service. Every method may be called again.
// Errors of each: CodeDeployAccess where a host is not known or may not be moved,
// CodeUnavailable where the balancer cannot be reached.
type Balancer interface {
	// Check says how the balancer finds each host, and moves nothing.
	Check(ctx context.Context, in TrafficInput) (domain.StepOutcome, error)
	// Block keeps new requests from a host and waits until those under way have ended. A host
	// that serves is not taken out while another does not: CodeConflict.
	Block(ctx context.Context, in TrafficInput) (domain.StepOutcome, error)
	// Allow lets requests to a host and waits until the balancer sends it some.
	// CodeNotAvailable when it finds the host not healthy.
	Allow(ctx context.Context, in TrafficInput) (domain.StepOutcome, error)
}

// Hosting are the activities of an agent. Balancer is nil on a host that reaches none.
type Hosting struct {
	host     Host
	balancer Balancer
}

// NewHosting returns the activities on host and balancer.
func NewHosting(host Host, balancer Balancer) *Hosting {
	return &Hosting{host: host, balancer: balancer}
}

// RegisterHosting registers the activities of an agent, on the queue of its host.
func RegisterHosting(r worker.ActivityRegistry, h *Hosting) {
	r.RegisterActivityWithOptions(h.Prepare, activity.RegisterOptions{Name: HostPrepare})
	r.RegisterActivityWithOptions(h.Event, activity.RegisterOptions{Name: HostEvent})
	r.RegisterActivityWithOptions(h.Traffic, activity.RegisterOptions{Name: HostTraffic})
}

// Prepare fetches and checks the release.
func (h *Hosting) Prepare(ctx context.Context, job domain.HostJob) (domain.HostState, error) {
	defer beat(ctx)()
	state, err := h.host.Prepare(ctx, job)
	return state, fault(err)
}

// Event carries out one lifecycle event.
func (h *Hosting) Event(ctx context.Context, job domain.HostJob) (domain.StepOutcome, error) {
	defer beat(ctx)()
	outcome, err := h.host.Run(ctx, job)
	return outcome, hookFault(err, outcome)
}

// Traffic moves requests to or away from a host.
func (h *Hosting) Traffic(ctx context.Context, in TrafficInput) (domain.StepOutcome, error) {
	if h.balancer == nil {
		return domain.StepOutcome{}, fault(domain.Errorf(domain.CodeDeployAccess,
			"this agent reaches no load balancer: set CAREFLOW_AGENT_HAPROXY on its host, or name another as the balancer of %s", in.Service))
	}
	defer beat(ctx)()
	var outcome domain.StepOutcome
	var err error
	switch in.Move {
	case TrafficCheck:
		outcome, err = h.balancer.Check(ctx, in)
	case TrafficBlock:
		outcome, err = h.balancer.Block(ctx, in)
	case TrafficAllow:
		outcome, err = h.balancer.Allow(ctx, in)
	default:
		err = domain.Errorf(domain.CodeInvalid, "%q is no way to move requests", in.Move)
	}
	return outcome, fault(err)
}

// hookFault keeps what a failed script printed, and its exit code, with the error: an
// activity that fails has no result.
func hookFault(err error, outcome domain.StepOutcome) error {
	var e *domain.Error
	if errors.As(err, &e) && e.Code == domain.CodeHookFailed {
		return temporal.NewNonRetryableApplicationError(e.Message, string(e.Code), nil, outcome.Output, outcome.ExitCode)
	}
	return fault(err)
}
