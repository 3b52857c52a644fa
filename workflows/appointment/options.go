package appointment

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/appointment"
)

// Patience says how long an activity is retried before the process gives up. All are
// bounded by the whole time (schedule to close) rather than by attempts: an outage is
// measured in hours, not in tries.
const (
	recordsPatience = 7 * 24 * time.Hour // our own database
	capturePatience = 24 * time.Hour     // then it is asked anew, after a cancel that waited
	settlePatience  = 14 * 24 * time.Hour
	mailPatience    = 3 * 24 * time.Hour
	// askPatience is how long a provider that does not answer is asked at the end of
	// the payment window before the slot is freed all the same.
	askPatience = 10 * time.Minute
)

// claiming: a local activity, since the same run may claim twice without harm and it
// saves a round trip through the server on every booking.
func claiming(ctx workflow.Context) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: recordsPatience,
		StartToCloseTimeout:    5 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second},
		Summary:                "Claim the visit for this run",
	})
}

// recording: a short statement on our own database. Ten seconds outlast a failover's
// lock waits and let a dead worker's task be taken over soon.
func recording(ctx workflow.Context, kind string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: recordsPatience,
		StartToCloseTimeout:    10 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
		Summary:                "Record: " + kind,
	})
}

// paying: one or two calls of the payment provider, each with a timeout of its own
// below StartToClose. Retried with the same idempotency key.
func paying(ctx workflow.Context, patience time.Duration, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              workflow.GetInfo(ctx).TaskQueueName + acts.StripeQueueSuffix,
		ScheduleToCloseTimeout: max(patience, time.Second),
		StartToCloseTimeout:    30 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
		Summary:                summary,
	})
}

// mailing: several letters, a heartbeat before each but the first. A dead worker is noticed
// within the heartbeat timeout.
func mailing(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              workflow.GetInfo(ctx).TaskQueueName + acts.SendGridQueueSuffix,
		ScheduleToCloseTimeout: mailPatience,
		StartToCloseTimeout:    5 * time.Minute,
		HeartbeatTimeout:       30 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
		Summary:                "Deliver what is owed",
	})
}
