package backup_test

import (
	"testing"

	"github.com/careflow/careflow/internal/replaytest"
	"github.com/careflow/careflow/workflows/backup"
)

var recorded = replaytest.Family{
	backup.WorkflowName: backup.Workflow, backup.ScheduledName: backup.Scheduled, backup.VerifyName: backup.Verify,
	backup.PruneName: backup.Prune, backup.HoldName: backup.Hold,
}

func TestEveryRecordedHistoryReplaysOnThisCode(t *testing.T) { recorded.Replays(t, 5) }

func TestReplayNoticesAProcessThatTakesAnotherStep(t *testing.T) { recorded.Refuses(t) }
