package deployment

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/careflow/careflow/internal/domain"
)

// Plans is the file of services.
type Plans interface {
	// Plan is CodeNotFound for a service that is not in it.
	Plan(environment, service string) (domain.DeploymentService, error)
	Plans() []domain.DeploymentService
	// Colours is the place of a blue/green service; CodeDeployAccess where it cannot be
	// opened.
	Colours(environment, service string) (Colours, error)
}

// Prober asks a release from outside.
type Prober interface {
	// Smoke asks the smoke tests at a preview address, and that it is the release. What it
	// returns holds no secret. CodeSmokeFailed.
	Smoke(ctx context.Context, in SmokeInput) (domain.StepOutcome, error)
	// Confirm waits until the front door gives everybody the release; CodeNotAvailable.
	Confirm(ctx context.Context, in ConfirmInput) (domain.StepOutcome, error)
	// Sample adds up what instances have answered so far.
	Sample(ctx context.Context, p domain.WatchPolicy, instances []string) (domain.TrafficSample, error)
}

// Deploying are the activities of a host with the rights to deploy.
type Deploying struct {
	plans  Plans
	prober Prober
}

// NewDeploying returns the activities on a file of services.
func NewDeploying(plans Plans, prober Prober) *Deploying {
	return &Deploying{plans: plans, prober: prober}
}

// Plan says how a service is deployed.
func (d *Deploying) Plan(_ context.Context, in PlanInput) (domain.DeploymentService, error) {
	s, err := d.plans.Plan(in.Environment, in.Service)
	return s, fault(err)
}

// Services lists every service with what it looks like.
func (d *Deploying) Services(ctx context.Context) ([]ServiceState, error) {
	defer beat(ctx)()
	var list []ServiceState
	for _, s := range d.plans.Plans() {
		state := ServiceState{Plan: s}
		if s.Strategy == domain.BlueGreen {
			var err error
			if state.State, err = d.inspect(ctx, s); err != nil {
				state.Error, state.Detail = domain.CodeOf(err), messageOf(err)
			}
		}
		list = append(list, state)
	}
	return list, nil
}

// Inspect says what is there.
func (d *Deploying) Inspect(ctx context.Context, s domain.DeploymentService) (domain.ColoursState, error) {
	defer beat(ctx)()
	state, err := d.inspect(ctx, s)
	return state, fault(err)
}

func (d *Deploying) inspect(ctx context.Context, s domain.DeploymentService) (domain.ColoursState, error) {
	place, err := d.plans.Colours(s.Environment, s.Service)
	if err != nil {
		return domain.ColoursState{}, err
	}
	return place.Inspect(ctx, s)
}

// Preflight finds out whether the release could be brought up.
func (d *Deploying) Preflight(ctx context.Context, in ColourInput) error {
	return d.at(ctx, in.Plan, func(ctx context.Context, place Colours) error { return place.Preflight(ctx, in) })
}

// Migrate has the release change its database.
func (d *Deploying) Migrate(ctx context.Context, in ColourInput) (outcome domain.StepOutcome, err error) {
	err = d.at(ctx, in.Plan, func(ctx context.Context, place Colours) (err error) {
		outcome, err = place.Migrate(ctx, in)
		return err
	})
	return outcome, err
}

// BringUp begins to run the release in the idle colour.
func (d *Deploying) BringUp(ctx context.Context, in ColourInput) error {
	return d.at(ctx, in.Plan, func(ctx context.Context, place Colours) error { return place.BringUp(ctx, in) })
}

// Await waits until every instance is ready, at most AvailableWithin.
func (d *Deploying) Await(ctx context.Context, in ColourInput) error {
	place, err := d.plans.Colours(in.Plan.Environment, in.Plan.Service)
	if err != nil {
		return fault(err)
	}
	return fault(await(ctx, place, in)) // it beats by its progress
}

// await tells CodeNotAvailable where time ran out, with how far it was.
func await(ctx context.Context, place Colours, in ColourInput) error {
	ready, wanted := 0, in.Plan.Instances
	bounded, cancel := context.WithTimeout(ctx, in.Plan.AvailableWithin)
	defer cancel()
	err := place.Await(bounded, in, func(r, w int) {
		ready, wanted = r, w
		activity.RecordHeartbeat(ctx, fmt.Sprintf("%d of %d ready", r, w))
	})
	code := domain.CodeOf(err)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil && code != domain.CodeNotAvailable && code != domain.CodeNoArtifact {
		return domain.Errorf(domain.CodeNotAvailable, "%d of %d instances are ready after %s", ready, wanted, in.Plan.AvailableWithin).Because(err)
	}
	return err
}

// Smoke asks the smoke tests of the preview.
func (d *Deploying) Smoke(ctx context.Context, in SmokeInput) (domain.StepOutcome, error) {
	defer beat(ctx)()
	outcome, err := d.prober.Smoke(ctx, in)
	return outcome, withOutput(err, outcome)
}

// Switch moves requests.
func (d *Deploying) Switch(ctx context.Context, in SwitchInput) (revision string, err error) {
	err = d.at(ctx, in.Plan, func(ctx context.Context, place Colours) (err error) {
		revision, err = place.Switch(ctx, in)
		return err
	})
	return revision, err
}

// Confirm waits until the front door gives everybody the release.
func (d *Deploying) Confirm(ctx context.Context, in ConfirmInput) (domain.StepOutcome, error) {
	defer beat(ctx)()
	outcome, err := d.prober.Confirm(ctx, in)
	err = withOutput(err, outcome)
	if in.Insist {
		err = forEver(err)
	}
	return outcome, err
}

// Sample looks at the switch, at both colours and at what each has answered.
func (d *Deploying) Sample(ctx context.Context, s domain.DeploymentService) (Look, error) {
	defer beat(ctx)()
	look := Look{Traffic: map[domain.Colour]domain.TrafficSample{}, Unmeasured: map[domain.Colour]string{}}
	var err error
	if look.State, err = d.inspect(ctx, s); err != nil {
		return look, fault(err)
	}
	for colour, state := range look.State.Colours {
		if len(state.Instances) == 0 || state.Wanted == 0 {
			continue
		}
		sample, err := d.prober.Sample(ctx, s.Watch, state.Instances)
		if err != nil {
			look.Unmeasured[colour] = messageOf(err)
			continue
		}
		look.Traffic[colour] = sample
	}
	return look, nil
}

// GoBack makes sure that a colour holds the release and is whole, and then gives it all
// requests. It reads the switch anew at each try: a person's word to go back stands over
// what somebody else did to the switch meanwhile. Every fault of it is one to try again.
func (d *Deploying) GoBack(ctx context.Context, in ColourInput) (revision string, err error) {
	err = d.at(ctx, in.Plan, func(ctx context.Context, place Colours) error {
		state, err := place.Inspect(ctx, in.Plan)
		if err != nil {
			return err
		}
		if !state.Colours[in.Colour].Whole(in.Release.Digest) {
			if err := place.BringUp(ctx, in); err != nil {
				return err
			}
			if err := await(ctx, place, in); err != nil {
				return err
			}
		}
		revision, err = place.Switch(ctx, SwitchInput{Plan: in.Plan, To: in.Colour, Share: 100, Revision: state.Revision})
		return err
	})
	return revision, forEver(err)
}

// RetireInput names a colour.
type RetireInput struct {
	Plan   domain.DeploymentService `json:"plan"`
	Colour domain.Colour            `json:"colour"`
}

// Retire stops the instances of a colour.
func (d *Deploying) Retire(ctx context.Context, in RetireInput) error {
	return d.at(ctx, in.Plan, func(ctx context.Context, place Colours) error { return place.Retire(ctx, in.Plan, in.Colour) })
}

// at calls a service's place with heartbeats.
func (d *Deploying) at(ctx context.Context, s domain.DeploymentService, call func(context.Context, Colours) error) error {
	defer beat(ctx)()
	place, err := d.plans.Colours(s.Environment, s.Service)
	if err != nil {
		return fault(err)
	}
	return fault(call(ctx, place))
}

// beatEvery is the pause between two heartbeats: a worker that died is noticed within some
// of them, and an activity that was called off hears of it.
const beatEvery = 2 * time.Second

// beat sends heartbeats until the function that it returns is called.
func beat(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(beatEvery)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return func() { close(done) }
}
