package paymentcase_test

import (
	"testing"

	"github.com/careflow/careflow/internal/replaytest"
	"github.com/careflow/careflow/workflows/paymentcase"
)

var recorded = replaytest.Family{paymentcase.WorkflowName: paymentcase.Workflow}

func TestEveryRecordedHistoryReplaysOnThisCode(t *testing.T) { recorded.Replays(t, 1) }

func TestReplayNoticesAProcessThatTakesAnotherStep(t *testing.T) { recorded.Refuses(t) }
