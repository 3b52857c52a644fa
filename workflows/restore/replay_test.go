package restore_test

import (
	"testing"

	"github.com/careflow/careflow/internal/replaytest"
	"github.com/careflow/careflow/workflows/restore"
)

var recorded = replaytest.Family{
	restore.WorkflowName: restore.New(nil, restore.Rules{}).Workflow,
}

func TestEveryRecordedHistoryReplaysOnThisCode(t *testing.T) { recorded.Replays(t, 1) }

func TestReplayNoticesAProcessThatTakesAnotherStep(t *testing.T) { recorded.Refuses(t) }
