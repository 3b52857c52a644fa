package figures_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/worker/figures"
)

type world struct {
	counted  []domain.Figure
	backlogs []figures.Backlog
	err      error
}

func (w *world) Figures(context.Context) ([]domain.Figure, error)    { return w.counted, w.err }
func (w *world) Backlogs(context.Context) ([]figures.Backlog, error) { return w.backlogs, nil }

func TestWhatThereIsNoneOfIsToldAsZero(t *testing.T) {
	t.Parallel()
	w := &world{
		counted: []domain.Figure{
			{Name: domain.FigureVisits, Label: "confirmed", Value: 3},
			{Name: domain.FigureReceiptsMinor, Label: "payment", Detail: "EUR", Value: 16000},
		},
		backlogs: []figures.Backlog{{Queue: "careflow", Kind: "workflow", Waiting: 7, Oldest: 2 * time.Second, Pollers: 1}},
	}
	registry := prometheus.NewPedanticRegistry()
	f, err := figures.New(w, w, registry, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	f.Count(t.Context())
	values := map[string]float64{}
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	require.InDelta(t, 3, values["careflow_visits confirmed"], 0)
	require.Contains(t, values, "careflow_visits no_show")
	require.NotContains(t, values, "careflow_visits archived")
	require.InDelta(t, 16000, values["careflow_receipts_minor_total EUR payment"], 0)
	require.InDelta(t, 7, values["careflow_task_queue_backlog workflow careflow"], 0)
	require.InDelta(t, 2, values["careflow_task_queue_oldest_seconds workflow careflow"], 0)
}

// An old number looks like a healthy one.
func TestWhatCannotBeCountedIsNotTold(t *testing.T) {
	t.Parallel()
	w := &world{counted: []domain.Figure{{Name: domain.FigureVisitsStuck, Value: 0}}, backlogs: []figures.Backlog{{Queue: "careflow", Kind: "workflow"}}}
	registry := prometheus.NewPedanticRegistry()
	f, err := figures.New(w, w, registry, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	f.Count(t.Context())
	before, err := testutil.GatherAndCount(registry, "careflow_visits_stuck")
	require.NoError(t, err)
	require.Equal(t, 1, before)
	w.err = errors.New("the database is gone")
	f.Count(t.Context())
	after, err := testutil.GatherAndCount(registry, "careflow_visits_stuck", "careflow_visits")
	require.NoError(t, err)
	require.Zero(t, after)
	queues, err := testutil.GatherAndCount(registry, "careflow_task_queue_pollers")
	require.NoError(t, err)
	require.Equal(t, 1, queues, "Temporal could be asked")
}
