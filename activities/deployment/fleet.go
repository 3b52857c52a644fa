package deployment

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/careflow/careflow/internal/domain"
)

// Registered activity names of worker fleets. Histories refer to them: never rename one.
const (
	FleetLook   = "deployment.fleet_look"
	FleetAwait  = "deployment.fleet_await"
	FleetReplay = "deployment.fleet_replay"
	FleetRoute  = "deployment.fleet_route"
)

// FleetInput names a fleet and two of its versions by their build IDs.
type FleetInput struct {
	Fleet string `json:"fleet"` // Temporal's Worker Deployment
	Queue string `json:"queue"` // of the workflows
	Old   string `json:"old"`
	New   string `json:"new"`
	// Within bounds what is waited for. Nanoseconds in JSON.
	Within time.Duration `json:"within,omitempty"`
}

// FleetRouteInput asks for the work of a fleet to be given to To. From is the route that it
// was decided on.
type FleetRouteInput struct {
	Fleet string            `json:"fleet"`
	From  domain.FleetRoute `json:"from"`
	To    domain.FleetRoute `json:"to"`
	// Insist takes whatever route there is: a person's word, or a broken release, stands over
	// what somebody did meanwhile.
	Insist bool `json:"insist,omitempty"`
}

// Fleets are the worker fleets of a namespace. Errors are CodeUnavailable where Temporal
// cannot be reached.
type Fleets interface {
	Look(ctx context.Context, in FleetInput) (domain.FleetLook, error)
	// Polling says which queues that the old version serves no live worker of the new one
	// polls.
	Polling(ctx context.Context, in FleetInput) (missing []string, err error)
	// Route gives the work. It is a no-op where it is given so already; CodeDrift where
	// somebody has changed it since From.
	Route(ctx context.Context, in FleetRouteInput) error
	// Replay has the new version's own workers replay a sample of the open histories, and
	// says what came of it. CodeSmokeFailed for one that does not replay.
	Replay(ctx context.Context, in FleetInput) (domain.StepOutcome, error)
}

// Fleeting are the activities on worker fleets, on the workflows' own queue.
type Fleeting struct{ fleets Fleets }

// NewFleeting returns the activities on fleets.
func NewFleeting(fleets Fleets) *Fleeting { return &Fleeting{fleets: fleets} }

// RegisterFleeting registers them.
func RegisterFleeting(r worker.ActivityRegistry, f *Fleeting) {
	r.RegisterActivityWithOptions(f.Look, activity.RegisterOptions{Name: FleetLook})
	r.RegisterActivityWithOptions(f.Await, activity.RegisterOptions{Name: FleetAwait})
	r.RegisterActivityWithOptions(f.Replay, activity.RegisterOptions{Name: FleetReplay})
	r.RegisterActivityWithOptions(f.Route, activity.RegisterOptions{Name: FleetRoute})
}

// Look counts.
func (f *Fleeting) Look(ctx context.Context, in FleetInput) (domain.FleetLook, error) {
	look, err := f.fleets.Look(ctx, in)
	return look, fault(err)
}

// Await waits until the new version's workers poll all that the old one's serve.
// CodeNotAvailable when they do not in time.
func (f *Fleeting) Await(ctx context.Context, in FleetInput) error {
	defer beat(ctx)()
	deadline := time.Now().Add(in.Within)
	for {
		missing, err := f.fleets.Polling(ctx, in)
		if err != nil || len(missing) == 0 {
			return fault(err)
		}
		if time.Now().After(deadline) {
			return fault(domain.Errorf(domain.CodeNotAvailable,
				"no worker of %s polls %v after %s: start workers of the release, with CAREFLOW_WORKER_DEPLOYMENT=%s and CAREFLOW_WORKER_BUILD_ID=%s",
				in.New, missing, in.Within, in.Fleet, in.New))
		}
		activity.RecordHeartbeat(ctx, fmt.Sprintf("%v is not polled yet", missing))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

const pollEvery = 500 * time.Millisecond

// Replay tries the new code on what is open.
func (f *Fleeting) Replay(ctx context.Context, in FleetInput) (domain.StepOutcome, error) {
	defer beat(ctx)()
	outcome, err := f.fleets.Replay(ctx, in)
	return outcome, withOutput(err, outcome)
}

// Route gives the work of a fleet to its versions. Who insists is never refused for good.
func (f *Fleeting) Route(ctx context.Context, in FleetRouteInput) error {
	err := fault(f.fleets.Route(ctx, in))
	if in.Insist {
		return forEver(err)
	}
	return err
}
