package deployment

import (
	"time"

	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

// Replay tries the version that it is pinned to on a sample of the open histories. It is
// started on that version before the version has any work.
func Replay(ctx workflow.Context, in acts.ReplayInput) (domain.StepOutcome, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: replayPatience,
		StartToCloseTimeout:    replayPatience - time.Minute,
		HeartbeatTimeout:       heartbeat,
		RetryPolicy:            patient,
		Summary:                "Replay open histories",
	})
	var outcome domain.StepOutcome
	err := workflow.ExecuteActivity(ctx, acts.ReplaySample, in).Get(ctx, &outcome)
	return outcome, err
}
