package stories_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/chaos"
	"github.com/careflow/careflow/internal/testkit"
)

// API, workers, Temporal and PostgreSQL are killed and stopped at random while visits of
// every kind run, and the vendors lie. Afterwards an oracle that shares no code with the
// product finds nothing wrong. This is a short seed; `make chaos` runs long ones.
func TestStory20_EverythingIsKilled(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	seeds, err := chaos.KeptSeeds(root)
	require.NoError(t, err)
	require.NotEmpty(t, seeds)
	tools := testkit.Env(t, "CAREFLOW_TEST_TOOLS")

	report, err := chaos.Run(t.Context(), chaos.Options{
		Seed: seeds[0], Size: chaos.Size{Lives: 38, Faults: 35 * time.Second, Lead: 20 * time.Second},
		Root: root, Program: filepath.Join(tools, "careflow-local"), Tools: tools,
		State: filepath.Join(filepath.Dir(tools), "chaos-story"), PortOffset: 6000, Say: t.Logf,
	})
	require.NoError(t, err)
	var text strings.Builder
	report.Print(&text)
	t.Log(text.String())
	require.Empty(t, report.Findings)

	// A run in which nothing happened would find nothing either.
	require.GreaterOrEqual(t, report.Figures["visits"], 25)
	for _, end := range []string{"completed", "declined", "cancelled", "expired", "no_show"} {
		require.Positive(t, report.Figures["ended as "+end], "a visit %s", end)
	}
	for _, part := range []string{chaos.API, chaos.Worker, chaos.Saver, chaos.Temporal, chaos.Postgres} {
		require.Positive(t, report.Faults["kill "+part], part)
	}
	for _, what := range []string{"visits watched", "letters sent again", "letters that came back", "backups verified", "backups restored without the product"} {
		require.Positive(t, report.Figures[what], what)
	}
	require.Positive(t, report.Figures["links followed: cancel"]+report.Figures["links followed: reschedule"])
	require.Positive(t, report.Figures["minor units captured"])
	require.Positive(t, report.Figures["minor units refunded"])
}
