package deployment

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// noting: short statements on our own database, which may be away for a while.
func noting(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: 24 * time.Hour,
		StartToCloseTimeout:    10 * time.Second,
		RetryPolicy:            patient,
	})
}

// calling: the first thing asked of the hosts with the rights to deploy. None that answers
// is a fault to be told of, not to be waited for.
func calling(ctx workflow.Context) workflow.Context {
	o := workflow.GetActivityOptions(doing(ctx, "Plan"))
	o.ScheduleToStartTimeout = hostPatience
	return workflow.WithActivityOptions(ctx, o)
}

const hostPatience = 2 * time.Minute

// doing: one call of the place that is deployed to. It beats every two seconds, so that a
// dead worker is noticed within ten, and one that is called off hears of it. What the place
// refuses is not tried again; one that is away is, for ten minutes.
func doing(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              deployQueue(ctx),
		ScheduleToCloseTimeout: 10 * time.Minute,
		StartToCloseTimeout:    5 * time.Minute,
		HeartbeatTimeout:       heartbeat,
		RetryPolicy:            patient,
		WaitForCancellation:    true, // what it has begun is known when we go on
		Summary:                summary,
	})
}

const heartbeat = 10 * time.Second

// lasting is doing for as long as the service's own bound, and a minute to be told so.
func lasting(ctx workflow.Context, summary string, bound time.Duration) workflow.Context {
	o := workflow.GetActivityOptions(doing(ctx, summary))
	o.StartToCloseTimeout, o.ScheduleToCloseTimeout = bound+time.Minute, 2*(bound+time.Minute)
	return workflow.WithActivityOptions(ctx, o)
}

// migrating may take long, and is not tried again by itself once the release has said no.
func migrating(ctx workflow.Context) workflow.Context { return lasting(ctx, "Migrate", time.Hour) }

// goingBack is tried for as long as the deployment lives, every few seconds: nobody gives up
// while patients meet a broken release.
func goingBack(ctx workflow.Context, s domain.DeploymentService, summary string) workflow.Context {
	o := workflow.GetActivityOptions(doing(ctx, summary))
	o.ScheduleToCloseTimeout, o.StartToCloseTimeout = 0, s.AvailableWithin+time.Minute
	o.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second}
	return workflow.WithActivityOptions(ctx, o)
}

// callingHost: the first thing asked of a host's agent, before anything of it is touched. One
// that does not answer is gone, and said to be.
func callingHost(ctx workflow.Context, name string) workflow.Context {
	o := workflow.GetActivityOptions(onHost(ctx, name, "Prepare "+name))
	o.ScheduleToStartTimeout = agentPatience
	return workflow.WithActivityOptions(ctx, o)
}

// onHost: one event, on a host's agent. Its scripts are bounded by the agent; an agent that
// died is noticed within ten seconds, and gets some minutes to come back.
func onHost(ctx workflow.Context, name, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              acts.HostQueue(workflow.GetInfo(ctx).TaskQueueName, name),
		ScheduleToStartTimeout: agentReturn,
		ScheduleToCloseTimeout: 2 * domain.MostEventTime,
		StartToCloseTimeout:    domain.MostEventTime + time.Minute,
		HeartbeatTimeout:       heartbeat,
		RetryPolicy:            patient,
		WaitForCancellation:    true, // its scripts have ended when we go on
		Summary:                summary,
	})
}

const (
	agentPatience = 20 * time.Second
	agentReturn   = 5 * time.Minute
)

// fleeting: calls of Temporal itself, by a worker of our own version. What it waits for is
// bounded by within.
func fleeting(ctx workflow.Context, summary string, within time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: 2*within + 10*time.Minute,
		StartToCloseTimeout:    within + time.Minute,
		HeartbeatTimeout:       time.Minute, // those that wait beat every two seconds; others end before
		RetryPolicy:            patient,
		WaitForCancellation:    true,
		Summary:                summary,
	})
}

// fleetingForEver is fleeting for as long as the deployment lives.
func fleetingForEver(ctx workflow.Context, summary string) workflow.Context {
	o := workflow.GetActivityOptions(fleeting(ctx, summary, 0))
	o.ScheduleToCloseTimeout = 0
	o.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second}
	return workflow.WithActivityOptions(ctx, o)
}

// replayPatience bounds the replay of open histories.
const replayPatience = 20 * time.Minute

func deployQueue(ctx workflow.Context) string {
	return workflow.GetInfo(ctx).TaskQueueName + acts.DeployQueueSuffix
}

// patient: bounded by the whole time rather than by tries.
var patient = &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second}
