package accountmail_test

import (
	"testing"

	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/replaytest"
	"github.com/careflow/careflow/workflows/accountmail"
)

func TestEveryRecordedHistoryReplaysOnThisCode(t *testing.T) {
	replaytest.Replays(t, accountmail.WorkflowName, accountmail.Workflow, 1)
}

func TestReplayNoticesAProcessThatTakesAnotherStep(t *testing.T) {
	replaytest.Refuses(t, accountmail.WorkflowName, func(ctx workflow.Context, in accountmail.Input) (accountmail.Result, error) {
		if err := workflow.Sleep(ctx, 1); err != nil {
			return accountmail.Result{}, err
		}
		return accountmail.Workflow(ctx, in)
	})
}
