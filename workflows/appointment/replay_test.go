package appointment_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/careflow/careflow/workflows/appointment"
)

// histories holds a folder for each release with recorded histories of its processes.
// They are replayed for ever: an open process may be months old.
const histories = "testdata/histories"

func TestEveryRecordedHistoryReplaysOnThisCode(t *testing.T) {
	files := recorded(t)
	require.GreaterOrEqual(t, len(files), 5, "histories of each release are kept in %s", histories)
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			require.NoError(t, replay(t, file, appointment.Workflow))
		})
	}
}

func TestReplayNoticesAProcessThatTakesAnotherStep(t *testing.T) {
	changed := func(ctx workflow.Context, in appointment.Input) (appointment.Result, error) {
		if err := workflow.Sleep(ctx, 1); err != nil {
			return appointment.Result{}, err
		}
		return appointment.Workflow(ctx, in)
	}
	for _, file := range recorded(t) {
		require.Error(t, replay(t, file, changed), "%s replays on code that differs", file)
	}
}

func recorded(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(histories, "*", "*.json"))
	require.NoError(t, err)
	return files
}

func replay(t *testing.T, file string, fn any) error {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var history historypb.History
	require.NoError(t, protojson.Unmarshal(raw, &history))
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(fn, workflow.RegisterOptions{Name: appointment.WorkflowName})
	return replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), &history)
}
