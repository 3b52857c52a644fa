// Package replaytest replays the recorded histories of each release on the code of today,
// for the tests of every family of workflows whose processes outlive a build.
package replaytest

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

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

// Family are the workflows of one package, by their registered names.
type Family map[string]any

// Replays replays every recorded history on the workflow that it is of. There have to be so
// many at least, and one of each workflow: an empty folder proves nothing.
func (f Family) Replays(t *testing.T, least int) {
	t.Helper()
	files := recorded(t)
	require.GreaterOrEqual(t, len(files), least, "histories of each release are kept in %s", Histories)
	of := map[string]int{}
	for _, file := range files {
		history := read(t, file)
		of[name(history)]++
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			require.NoError(t, f.replay(t, history))
			require.NoError(t, f.replay(t, history, traced(t)), "with tracing on")
		})
	}
	for name := range f {
		require.Positive(t, of[name], "no history of %s is kept in %s", name, Histories)
	}
}

// Refuses proves the negative: no recorded history replays on a workflow that takes another
// step first.
func (f Family) Refuses(t *testing.T) {
	t.Helper()
	changed := Family{}
	for name := range f {
		changed[name] = func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Nanosecond) }
	}
	files := recorded(t)
	require.NotEmpty(t, files)
	for _, file := range files {
		require.Error(t, changed.replay(t, read(t, file)), "%s replays on code that differs", file)
	}
}

// name is that of the workflow that a history is of.
func name(h *historypb.History) string {
	return h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()
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

func read(t *testing.T, file string) *historypb.History {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	history := &historypb.History{}
	require.NoError(t, protojson.Unmarshal(raw, history))
	return history
}

func (f Family) replay(t *testing.T, history *historypb.History, with ...interceptor.WorkerInterceptor) error {
	t.Helper()
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: with})
	require.NoError(t, err)
	for name, fn := range f {
		replayer.RegisterWorkflowWithOptions(fn, workflow.RegisterOptions{Name: name})
	}
	return replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), history)
}
