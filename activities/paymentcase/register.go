package paymentcase

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
)

// Register registers the activities of the payment provider's task queue.
func Register(r worker.ActivityRegistry, a *Activities) {
	r.RegisterActivityWithOptions(a.Advance, activity.RegisterOptions{Name: Advance})
}
