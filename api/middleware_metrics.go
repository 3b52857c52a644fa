package api

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the API counts.
type metrics struct {
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	commands *prometheus.CounterVec
	webhooks *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "careflow_http_request_duration_seconds",
			Help:    "How long requests took, by operation of the contract and status. Waits that callers asked for count.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"operation", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "careflow_http_requests_in_flight", Help: "Requests that are being served.",
		}),
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "careflow_commands_total",
			Help: "Commands by what came of them: done, rejected, deferred, failed, replayed, turned_away.",
		}, []string{"command", "result"}),
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "careflow_webhooks_total",
			Help: "Vendors' events by what came of them: stored, known, refused, failed.",
		}, []string{"source", "result"}),
	}
	for _, c := range []prometheus.Collector{m.duration, m.inFlight, m.commands, m.webhooks} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("api: register metrics: %w", err)
		}
	}
	return m, nil
}

// measure times each request. What is no operation of the contract shares one label, so
// that callers cannot make up new ones.
func (m *metrics) measure(c *gin.Context) {
	m.inFlight.Inc()
	defer m.inFlight.Dec()
	start := time.Now()
	c.Next()
	operation := "none"
	if _, who := begin(c); who.op != nil {
		operation = who.op.id
	}
	m.duration.WithLabelValues(operation, strconv.Itoa(c.Writer.Status())).Observe(time.Since(start).Seconds())
}
