// Package replaytest replays the recorded histories of each release on the code of today,
// for the tests of every family of workflows whose processes outlive a build.
package replaytest

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/careflow/careflow/internal/temporalx"
)

// Histories is where a family keeps a folder for each release, below its own. They are
// replayed for ever: an open process may be months old.
const Histories = "testdata/histories"

// Replays replays every recorded history on fn, registered under name. There have to be so
// many at least: an empty folder proves nothing.
func Replays(t *testing.T, name string, fn any, least int) {
	t.Helper()
	files := recorded(t)
	require.GreaterOrEqual(t, len(files), least, "histories of each release are kept in %s", Histories)
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			require.NoError(t, replay(t, file, name, fn))
			require.NoError(t, replay(t, file, name, fn, traced(t)), "with tracing on")
		})
	}
}

// Refuses proves the negative: no recorded history replays on changed.
func Refuses(t *testing.T, name string, changed any) {
	t.Helper()
	files := recorded(t)
	require.NotEmpty(t, files)
	for _, file := range files {
		require.Error(t, replay(t, file, name, changed), "%s replays on code that differs", file)
	}
}

func recorded(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Histories, "*", "*.json"))
	require.NoError(t, err)
	return files
}

// traced is what a worker that traces adds: turning it on must not break what runs.
func traced(t *testing.T) interceptor.WorkerInterceptor {
	t.Helper()
	otel.SetTracerProvider(sdktrace.NewTracerProvider())
	tracing, err := temporalx.NewTracing()
	require.NoError(t, err)
	return tracing
}

func replay(t *testing.T, file, name string, fn any, with ...interceptor.WorkerInterceptor) error {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var history historypb.History
	require.NoError(t, protojson.Unmarshal(raw, &history))
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: with})
	require.NoError(t, err)
	replayer.RegisterWorkflowWithOptions(fn, workflow.RegisterOptions{Name: name})
	return replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), &history)
}
