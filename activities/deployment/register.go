package deployment

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
)

// RegisterLogbook registers the activities on our own database, on the workflows' own queue.
func RegisterLogbook(r worker.ActivityRegistry, l *Logbook) {
	r.RegisterActivityWithOptions(l.Begin, activity.RegisterOptions{Name: Begin})
	r.RegisterActivityWithOptions(l.Note, activity.RegisterOptions{Name: Note})
	r.RegisterActivityWithOptions(l.Gate, activity.RegisterOptions{Name: Gate})
}

// RegisterDeploying registers the activities of a host with the rights to deploy.
func RegisterDeploying(r worker.ActivityRegistry, d *Deploying) {
	for name, f := range map[string]any{
		Plan: d.Plan, Services: d.Services, Inspect: d.Inspect, Preflight: d.Preflight, Migrate: d.Migrate, BringUp: d.BringUp,
		Await: d.Await, Smoke: d.Smoke, Switch: d.Switch, Confirm: d.Confirm, Sample: d.Sample, GoBack: d.GoBack, Retire: d.Retire,
	} {
		r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}
