package relay

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/careflow/careflow/internal/domain"
)

// Metrics are the relay's figures.
type Metrics struct {
	inFlight prometheus.Gauge
	waiting  prometheus.Gauge
	oldest   prometheus.Gauge
	relayed  *prometheus.CounterVec
	delay    *prometheus.HistogramVec
}

// NewMetrics registers the relay's figures.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "careflow_outbox_in_flight", Help: "Outbox rows being relayed.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "careflow_outbox_waiting", Help: "Outbox rows not relayed yet.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "careflow_outbox_oldest_seconds", Help: "Age of the oldest outbox row that is not relayed yet.",
		}),
		relayed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "careflow_outbox_relayed_total", Help: "Relayed outbox rows by topic and outcome.",
		}, []string{"topic", "outcome"}),
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "careflow_outbox_delay_seconds", Help: "From the commit of an outbox row to the end of its relaying.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"topic"}),
	}
	r.MustRegister(m.inFlight, m.waiting, m.oldest, m.relayed, m.delay)
	return m
}

func (m *Metrics) begin(row domain.OutboxRow) (done func(error)) {
	m.inFlight.Inc()
	return func(err error) {
		m.inFlight.Dec()
		outcome := "ok"
		var parked *parkedError
		switch {
		case errors.As(err, &parked):
			outcome = "parked"
		case err != nil:
			outcome = "again"
		}
		m.relayed.WithLabelValues(string(row.Topic), outcome).Inc()
		if err == nil {
			m.delay.WithLabelValues(string(row.Topic)).Observe(time.Since(row.CreatedAt).Seconds())
		}
	}
}

// Watch reads the backlog every so often until ctx ends.
func (m *Metrics) Watch(ctx context.Context, outbox Outbox, every time.Duration, log *slog.Logger) {
	for {
		waiting, oldest, err := outbox.OutboxBacklog(ctx)
		if err == nil {
			m.waiting.Set(float64(waiting))
			m.oldest.Set(oldest.Seconds())
		} else if ctx.Err() == nil {
			log.WarnContext(ctx, "the outbox cannot be counted", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}
