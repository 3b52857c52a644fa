// Package deployment holds the side effects of deployments. Each activity may run twice:
// bringing up, switching and retiring are stated as what shall be, and a switch names the
// revision that it was decided on.
//
// This file is the contract with the workflows, and with the targets behind them.
package deployment

import (
	"context"

	"github.com/careflow/careflow/internal/domain"
)

// Registered activity names. Histories refer to them: never rename one.
const (
	Plan      = "deployment.plan"
	Begin     = "deployment.begin"
	Note      = "deployment.note"
	Gate      = "deployment.gate"
	Inspect   = "deployment.inspect"
	Preflight = "deployment.preflight"
	BringUp   = "deployment.bring_up"
	Await     = "deployment.await"
	Smoke     = "deployment.smoke"
	Switch    = "deployment.switch"
	Confirm   = "deployment.confirm"
	Sample    = "deployment.sample"
	Retire    = "deployment.retire"
	HostEvent = "deployment.host_event"
)

// DeployQueueSuffix ends the queue of the hosts that hold the rights to deploy: they reach
// the switch, and the API of Kubernetes. HostQueueInfix and a host's name end the queue of
// that host's agent: an agent that is gone is called that.
const (
	DeployQueueSuffix = "-deploy"
	HostQueueInfix    = "-host-"
)

// HostQueue is the queue of one host's agent.
func HostQueue(taskQueue, host string) string { return taskQueue + HostQueueInfix + host }

// ColourInput asks for one colour of a service to hold a release.
type ColourInput struct {
	Plan    domain.DeploymentService `json:"plan"`
	Colour  domain.Colour            `json:"colour"`
	Release domain.Release           `json:"release"`
}

// SwitchInput asks for requests to go to a colour. Share below 100 leaves the rest with the
// other one.
type SwitchInput struct {
	Plan     domain.DeploymentService `json:"plan"`
	To       domain.Colour            `json:"to"`
	Share    int                      `json:"share"`
	Revision string                   `json:"revision"`
}

// Colours is a place that holds the two colours of services and a switch: Kubernetes, or
// hosts behind nginx or HAProxy. Every method may be called again with the same arguments,
// and is then a no-op that succeeds.
//
// Errors of each: CodeDeployAccess where we have no right or no credentials,
// CodeUnavailable where the place cannot be reached. Both name what to give or to start.
type Colours interface {
	// Inspect says what is there. A service that was never deployed has a live colour all
	// the same, with nothing in it.
	Inspect(ctx context.Context, s domain.DeploymentService) (domain.ColoursState, error)
	// Preflight finds out, changing nothing, whether the release could be brought up: the
	// artifact is there and is what the digest says (CodeNoArtifact), there is room for it
	// (CodeQuota), the switch is one we may move.
	Preflight(ctx context.Context, in ColourInput) error
	// BringUp begins to run the release in the colour, in the place of what it held. It
	// does not wait. CodeConflict for the live colour.
	BringUp(ctx context.Context, in ColourInput) error
	// Await waits until every instance is ready and tells how far it is. It fails early with
	// the true cause: CodeNotAvailable, with the cause as its message and what the instance
	// printed last as its detail.
	Await(ctx context.Context, in ColourInput, progress func(ready, wanted int)) error
	// Switch moves requests and returns the switch's new revision. CodeStale when somebody
	// changed it since in.Revision; CodeInvalid for a share that this place cannot do.
	Switch(ctx context.Context, in SwitchInput) (revision string, err error)
	// Retire stops the instances of a colour that is not live; CodeConflict otherwise.
	Retire(ctx context.Context, s domain.DeploymentService, colour domain.Colour) error
}
