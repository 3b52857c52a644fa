package appointment_test

import (
	"testing"

	"github.com/careflow/careflow/internal/replaytest"
	"github.com/careflow/careflow/workflows/appointment"
)

var recorded = replaytest.Family{appointment.WorkflowName: appointment.Workflow}

func TestEveryRecordedHistoryReplaysOnThisCode(t *testing.T) { recorded.Replays(t, 10) }

func TestReplayNoticesAProcessThatTakesAnotherStep(t *testing.T) { recorded.Refuses(t) }
