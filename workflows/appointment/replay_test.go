package appointment_test

import (
	"testing"

	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/replaytest"
	"github.com/careflow/careflow/workflows/appointment"
)

func TestEveryRecordedHistoryReplaysOnThisCode(t *testing.T) {
	replaytest.Replays(t, appointment.WorkflowName, appointment.Workflow, 10)
}

func TestReplayNoticesAProcessThatTakesAnotherStep(t *testing.T) {
	replaytest.Refuses(t, appointment.WorkflowName, func(ctx workflow.Context, in appointment.Input) (appointment.Result, error) {
		if err := workflow.Sleep(ctx, 1); err != nil {
			return appointment.Result{}, err
		}
		return appointment.Workflow(ctx, in)
	})
}
