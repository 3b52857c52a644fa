// Package deployment holds the side effects of deployments. Each activity may run twice:
// bringing up, switching and retiring are stated as what shall be, and a switch names the
// revision that it was decided on.
//
// This file is the contract with the workflows, and with the targets behind them.
package deployment

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Registered activity names. Histories refer to them: never rename one.
const (
	Plan      = "deployment.plan"
	Services  = "deployment.services"
	Begin     = "deployment.begin"
	Note      = "deployment.note"
	Gate      = "deployment.gate"
	Inspect   = "deployment.inspect"
	Preflight = "deployment.preflight"
	Migrate   = "deployment.migrate"
	BringUp   = "deployment.bring_up"
	Await     = "deployment.await"
	Smoke     = "deployment.smoke"
	Switch    = "deployment.switch"
	Confirm   = "deployment.confirm"
	Sample    = "deployment.sample"
	GoBack    = "deployment.go_back"
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

// PlanInput names a service.
type PlanInput struct {
	Environment string `json:"environment"`
	Service     string `json:"service"`
}

// ServiceState is one service of the file of services and what it looks like.
type ServiceState struct {
	Plan domain.DeploymentService `json:"plan"`
	// State is what a blue/green service looks like; Error and Detail say why nobody knows.
	State  domain.ColoursState `json:"state"`
	Error  domain.Code         `json:"error,omitempty"`
	Detail string              `json:"detail,omitempty"`
}

// GateInput asks whether the database of a service may be changed.
type GateInput struct {
	Database string        `json:"database"`
	Within   time.Duration `json:"within"` // nanoseconds in JSON
}

// SmokeInput asks a colour the smoke tests. Preview is where it is reached past the switch.
type SmokeInput struct {
	Plan    domain.DeploymentService `json:"plan"`
	Preview string                   `json:"preview"`
	Digest  string                   `json:"digest"`
}

// ConfirmInput asks whether everybody gets the release.
type ConfirmInput struct {
	Plan   domain.DeploymentService `json:"plan"`
	Digest string                   `json:"digest"`
	// Insist is for the way back: every fault is one to try again.
	Insist bool `json:"insist,omitempty"`
}

// Look is what a service looks like at an instant, and what each colour has answered by
// then. Unmeasured says of a colour why its counters could not be read.
type Look struct {
	State      domain.ColoursState                    `json:"state"`
	Traffic    map[domain.Colour]domain.TrafficSample `json:"traffic"`
	Unmeasured map[domain.Colour]string               `json:"unmeasured,omitempty"`
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
	// Migrate has the release change its database, before it is brought up, and returns what
	// that printed. CodeHookFailed, CodeInvalid where nobody has said how.
	Migrate(ctx context.Context, in ColourInput) (domain.StepOutcome, error)
	// BringUp begins to run the release in the colour, in the place of what it held. It
	// does not wait. CodeConflict for a colour that takes requests, unless it holds the
	// release already.
	BringUp(ctx context.Context, in ColourInput) error
	// Await waits until every instance is ready and tells how far it is, every few seconds at
	// least. It fails early with
	// the true cause: CodeNotAvailable, with the cause as its message and what the instance
	// printed last as its detail.
	Await(ctx context.Context, in ColourInput, progress func(ready, wanted int)) error
	// Switch moves requests and returns the switch's new revision. CodeStale when somebody
	// changed it since in.Revision; CodeInvalid for a share that this place cannot do.
	Switch(ctx context.Context, in SwitchInput) (revision string, err error)
	// Retire stops the instances of a colour; CodeConflict for one that takes requests.
	Retire(ctx context.Context, s domain.DeploymentService, colour domain.Colour) error
}
