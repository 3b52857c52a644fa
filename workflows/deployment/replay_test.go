package deployment_test

import (
	"testing"

	"github.com/careflow/careflow/internal/replaytest"
	"github.com/careflow/careflow/workflows/deployment"
)

var recorded = replaytest.Family{
	deployment.WorkflowName: deployment.New(nil).Workflow, deployment.TrainName: deployment.New(nil).Train,
	deployment.HostName: deployment.Host, deployment.ReplayName: deployment.Replay, deployment.ServicesName: deployment.Services,
}

func TestEveryRecordedHistoryReplaysOnThisCode(t *testing.T) { recorded.Replays(t, 12) }

func TestReplayNoticesAProcessThatTakesAnotherStep(t *testing.T) { recorded.Refuses(t) }
