package relay_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/worker/relay"
)

// figures reads every metric as "name{labels}" to its value (histograms: their count).
func figures(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func TestTheFiguresSayWhatBecameOfEachRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		metrics := relay.NewMetrics(registry)
		o, p := newOutbox(), &temporal{}
		first := true
		p.answer = func(context.Context, string) error {
			if first {
				first = false
				return domain.Errorf(domain.CodeUnavailable, "not now")
			}
			return nil
		}
		o.add(domain.TopicStart, "a", nil)
		o.add(domain.TopicPaymentHint, "b", "unreadable")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{}, 2)
		go func() {
			relay.New(relay.Config{}, o, p, p, p, metrics, slog.New(slog.DiscardHandler)).Run(ctx)
			ended <- struct{}{}
		}()
		go func() { metrics.Watch(ctx, o, time.Second, slog.New(slog.DiscardHandler)); ended <- struct{}{} }()
		await(t, o)
		cancel()
		<-ended
		<-ended
		require.Equal(t, map[string]float64{
			"careflow_outbox_in_flight":                         0,
			"careflow_outbox_waiting":                           3,
			"careflow_outbox_oldest_seconds":                    60,
			"careflow_outbox_relayed_total again start":         1,
			"careflow_outbox_relayed_total ok start":            1,
			"careflow_outbox_relayed_total parked payment_hint": 1,
			"careflow_outbox_delay_seconds start":               1,
		}, figures(t, registry))
	})
}
