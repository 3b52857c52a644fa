package temporalx

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// latencyBuckets, in seconds, reach from an eager activity to a long poll.
var latencyBuckets = []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// NewMetricsHandler hands the SDK's metrics to a Prometheus registry. Counters end in
// _total and timers, in seconds, in _seconds, as in the SDK's documentation of metrics.
// Give one registry one handler: two would both report the same names.
func NewMetricsHandler(registry prometheus.Registerer) (client.MetricsHandler, error) {
	s := &series{metrics: map[string]prometheus.Metric{}}
	if err := registry.Register(s); err != nil {
		return nil, fmt.Errorf("register the metrics of the Temporal SDK: %w", err)
	}
	return metricsHandler{series: s}, nil
}

// series is all that the SDK has measured. It describes nothing in advance (an unchecked
// collector): the SDK emits one name under different sets of tags, which Prometheus'
// vectors refuse.
type series struct {
	mu      sync.Mutex
	metrics map[string]prometheus.Metric
}

// Describe sends nothing; see series.
func (s *series) Describe(chan<- *prometheus.Desc) {}

// Collect sends every metric.
func (s *series) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.metrics))
	s.mu.Unlock()
	for _, m := range all {
		ch <- m
	}
}

// metricOf returns the metric of a name under tags, made by create on its first use.
func metricOf[M prometheus.Metric](s *series, name string, tags map[string]string, create func(name string, labels prometheus.Labels) M) M {
	key := seriesKey(name, tags)
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, found := s.metrics[key].(M); found {
		return m
	}
	labels := prometheus.Labels{}
	for k, v := range tags {
		labels[promName(k)] = v
	}
	m := create(promName(name), labels)
	s.metrics[key] = m
	return m
}

func seriesKey(name string, tags map[string]string) string {
	var b strings.Builder
	b.WriteString(name)
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		b.WriteByte(0)
		b.WriteString(k)
		b.WriteByte(0)
		b.WriteString(tags[k])
	}
	return b.String()
}

var promName = strings.NewReplacer("-", "_", ".", "_").Replace

// metricsHandler is client.MetricsHandler for one set of tags.
type metricsHandler struct {
	series *series
	tags   map[string]string
}

func (h metricsHandler) WithTags(tags map[string]string) client.MetricsHandler {
	merged := maps.Clone(h.tags)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, tags)
	return metricsHandler{series: h.series, tags: merged}
}

func (h metricsHandler) Counter(name string) client.MetricsCounter {
	c := metricOf(h.series, name+"_total", h.tags, func(name string, labels prometheus.Labels) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: helpText, ConstLabels: labels})
	})
	return counter{c}
}

func (h metricsHandler) Gauge(name string) client.MetricsGauge {
	g := metricOf(h.series, name, h.tags, func(name string, labels prometheus.Labels) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: helpText, ConstLabels: labels})
	})
	return gauge{g}
}

func (h metricsHandler) Timer(name string) client.MetricsTimer {
	t := metricOf(h.series, name+"_seconds", h.tags, func(name string, labels prometheus.Labels) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: helpText, ConstLabels: labels, Buckets: latencyBuckets})
	})
	return timer{t}
}

// helpText is the same for all: Prometheus wants one text per name, and the SDK has none.
const helpText = "Metric of the Temporal SDK."

type counter struct{ prometheus.Counter }

func (c counter) Inc(by int64) { c.Add(float64(by)) }

type gauge struct{ prometheus.Gauge }

func (g gauge) Update(to float64) { g.Set(to) }

type timer struct{ prometheus.Histogram }

func (t timer) Record(took time.Duration) { t.Observe(took.Seconds()) }
