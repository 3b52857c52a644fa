package reconcile

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
)

// Register registers the activities, on the workflows' own task queue.
func Register(r worker.ActivityRegistry, a *Activities) {
	r.RegisterActivityWithOptions(a.Page, activity.RegisterOptions{Name: Page})
	r.RegisterActivityWithOptions(a.Close, activity.RegisterOptions{Name: Close})
	r.RegisterActivityWithOptions(a.Visit, activity.RegisterOptions{Name: Visit})
}
