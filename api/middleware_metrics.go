package api

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/careflow/careflow/internal/domain"
)

// metrics are what the API counts.
type metrics struct {
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	commands *prometheus.CounterVec
	webhooks *prometheus.CounterVec
	// deliveries are what the mail provider tells of messages, by codes.
	deliveries *prometheus.CounterVec
	// undelivered counts by event alone: an alarm needs the 0 before the first.
	undelivered *prometheus.CounterVec
	streams     prometheus.Gauge
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
			Help: "Vendors' events by what came of them: stored, known, unmatched, refused, failed.",
		}, []string{"source", "result"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "careflow_mail_deliveries_total",
			Help: "What became of messages after the mail provider took them, by event, reason code and kind of message.",
		}, []string{"event", "code", "kind"}),
		undelivered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "careflow_mail_undelivered_total",
			Help: "Messages that the mail provider took and that did not arrive, by event: bounced, dropped.",
		}, []string{"event"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "careflow_streams", Help: "Streams of live news that are open.",
		}),
	}
	for _, c := range []prometheus.Collector{m.duration, m.inFlight, m.commands, m.webhooks, m.deliveries, m.undelivered, m.streams} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("api: register metrics: %w", err)
		}
	}
	// An increase over the first refused event is seen only where there was a 0 before it.
	for _, source := range []string{sourceStripe, sourceSendGrid} {
		for _, result := range []string{"stored", "known", "unmatched", "refused", "failed"} {
			m.webhooks.WithLabelValues(source, result)
		}
	}
	for _, event := range []domain.Delivery{domain.DeliveryBounced, domain.DeliveryDropped} {
		m.undelivered.WithLabelValues(string(event))
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
		if who.op.stream && c.Writer.Status() < 300 {
			return // how long someone watches is no figure of ours
		}
		operation = who.op.id
	}
	m.duration.WithLabelValues(operation, strconv.Itoa(c.Writer.Status())).Observe(time.Since(start).Seconds())
}
