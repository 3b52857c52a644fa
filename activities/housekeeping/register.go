package housekeeping

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
)

// Register registers the activities, on the workflow's own task queue.
func Register(r worker.ActivityRegistry, a *Activities) {
	r.RegisterActivityWithOptions(a.Sweep, activity.RegisterOptions{Name: Sweep})
	r.RegisterActivityWithOptions(a.Close, activity.RegisterOptions{Name: Close})
}
