package accountmail_test

import (
	"testing"

	"github.com/careflow/careflow/internal/replaytest"
	"github.com/careflow/careflow/workflows/accountmail"
)

var recorded = replaytest.Family{accountmail.WorkflowName: accountmail.Workflow}

func TestEveryRecordedHistoryReplaysOnThisCode(t *testing.T) { recorded.Replays(t, 1) }

func TestReplayNoticesAProcessThatTakesAnotherStep(t *testing.T) { recorded.Refuses(t) }
