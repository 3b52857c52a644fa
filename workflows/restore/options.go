package restore

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// HostQueueSuffix makes the queue of hosts that may open backups of the workflows' own.
const HostQueueSuffix = "-restore"

// noting: for people who watch. The database may be what is broken: nothing waits for it.
func noting(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: 15 * time.Second,
		StartToCloseTimeout:    5 * time.Second,
		RetryPolicy:            patient,
	})
}

// standing: short statements that have to be carried out, whatever comes.
func standing(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: 5 * 24 * time.Hour,
		StartToCloseTimeout:    15 * time.Second,
		RetryPolicy:            patient,
		Summary:                summary,
	})
}

// following: as many processes as there are, each a history to read.
func following(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: 5 * 24 * time.Hour,
		StartToCloseTimeout:    12 * time.Hour,
		HeartbeatTimeout:       30 * time.Second,
		RetryPolicy:            patient,
		Summary:                summary,
	})
}

// calling: the first thing asked of a host. None that answers is a fault to be told of.
func calling(ctx workflow.Context) workflow.Context {
	o := workflow.GetActivityOptions(hosted(ctx, "Find the backup"))
	o.ScheduleToStartTimeout, o.HeartbeatTimeout, o.StartToCloseTimeout = 15*time.Minute, 0, 10*time.Minute
	o.ScheduleToCloseTimeout = time.Hour
	return workflow.WithActivityOptions(ctx, o)
}

// hosted: hours for a large database; it beats also while nothing moves.
func hosted(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              workflow.GetInfo(ctx).TaskQueueName + HostQueueSuffix,
		ScheduleToCloseTimeout: 24 * time.Hour,
		StartToCloseTimeout:    12 * time.Hour,
		HeartbeatTimeout:       30 * time.Second,
		RetryPolicy:            patient,
		WaitForCancellation:    true, // what it has left must be gone when we say so
		Summary:                summary,
	})
}

// exchanging: a transaction that ends within seconds, or is tried again.
func exchanging(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              workflow.GetInfo(ctx).TaskQueueName + HostQueueSuffix,
		ScheduleToCloseTimeout: 24 * time.Hour,
		StartToCloseTimeout:    time.Minute,
		RetryPolicy:            patient,
		Summary:                summary,
	})
}

// patient: bounded by the whole time rather than by tries.
var patient = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second}
