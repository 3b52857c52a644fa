package paymentcase_test

import (
	"testing"

	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/replaytest"
	"github.com/careflow/careflow/workflows/paymentcase"
)

func TestEveryRecordedHistoryReplaysOnThisCode(t *testing.T) {
	replaytest.Replays(t, paymentcase.WorkflowName, paymentcase.Workflow, 1)
}

func TestReplayNoticesAProcessThatTakesAnotherStep(t *testing.T) {
	replaytest.Refuses(t, paymentcase.WorkflowName, func(ctx workflow.Context, in paymentcase.Input) (paymentcase.Result, error) {
		if err := workflow.Sleep(ctx, 1); err != nil {
			return paymentcase.Result{}, err
		}
		return paymentcase.Workflow(ctx, in)
	})
}
