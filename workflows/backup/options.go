package backup

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/backup"
)

// noting: short statements on our own database.
func noting(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: 24 * time.Hour,
		StartToCloseTimeout:    10 * time.Second,
		RetryPolicy:            patient,
	})
}

// calling: the first thing asked of a host that holds the tools. None that answers is a
// fault to be told of, not to be waited for.
func calling(ctx workflow.Context) workflow.Context {
	o := workflow.GetActivityOptions(looking(ctx))
	o.ScheduleToStartTimeout, o.Summary = hostPatience, "Preflight"
	return workflow.WithActivityOptions(ctx, o)
}

const hostPatience = 15 * time.Minute

// looking: a handful of statements and objects. It beats too: a worker that dies of it is
// noticed within the minute.
func looking(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              saveQueue(ctx),
		ScheduleToCloseTimeout: time.Hour,
		StartToCloseTimeout:    10 * time.Minute,
		HeartbeatTimeout:       30 * time.Second,
		RetryPolicy:            patient,
	})
}

// saving: hours for a large database. It beats every two seconds also while nothing
// moves, so that a dead worker is noticed within the minute, and a cancelled one hears of
// it. A dump that fails is tried again from its beginning, on a new snapshot.
func saving(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              saveQueue(ctx),
		ScheduleToCloseTimeout: 12 * time.Hour,
		StartToCloseTimeout:    6 * time.Hour,
		HeartbeatTimeout:       30 * time.Second,
		RetryPolicy:            patient,
		WaitForCancellation:    true, // what it has left must be gone when we say so
		Summary:                summary,
	})
}

// proving: on the hosts that may open backups.
func proving(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              workflow.GetInfo(ctx).TaskQueueName + acts.VerifyQueueSuffix,
		ScheduleToCloseTimeout: 12 * time.Hour,
		StartToCloseTimeout:    6 * time.Hour,
		HeartbeatTimeout:       30 * time.Second,
		RetryPolicy:            patient,
		WaitForCancellation:    true,
		Summary:                "Prove the backup by restoring it",
	})
}

func saveQueue(ctx workflow.Context) string {
	return workflow.GetInfo(ctx).TaskQueueName + acts.SaveQueueSuffix
}

// patient: bounded by the whole time rather than by tries.
var patient = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute}
