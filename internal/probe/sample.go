package probe

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/careflow/careflow/internal/domain"
)

// Sample reads the histogram of every instance and adds it up. CodeUnavailable where one
// does not answer: a sum without it would look like a step back.
func (p *Probe) Sample(ctx context.Context, w domain.WatchPolicy, instances []string) (domain.TrafficSample, error) {
	sum := domain.TrafficSample{At: time.Now().UTC()}
	buckets := map[float64]float64{}
	for _, base := range instances {
		family, err := p.histogram(ctx, base+w.MetricsPath, w.Metric)
		if err != nil {
			return sum, err
		}
		for _, m := range family.GetMetric() {
			h := m.GetHistogram()
			n := float64(h.GetSampleCount())
			sum.Requests += n
			if strings.HasPrefix(labelOf(m, w.StatusLabel), "5") {
				sum.Errors += n
			}
			for _, b := range h.GetBucket() {
				buckets[b.GetUpperBound()] += float64(b.GetCumulativeCount())
			}
		}
	}
	for _, bound := range slices.Sorted(maps.Keys(buckets)) {
		if bound > 1e300 { // +Inf, which is the sum
			continue
		}
		sum.Seconds, sum.Counts = append(sum.Seconds, bound), append(sum.Counts, buckets[bound])
	}
	return sum, nil
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// histogram is nil, which reads as empty, for an instance that has not counted anything yet.
func (p *Probe) histogram(ctx context.Context, url, name string) (*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, domain.Errorf(domain.CodeInvalid, "the address of the metrics is no URL").Because(err)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, domain.Errorf(domain.CodeUnavailable, "the metrics at %s do not answer", url).Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, domain.Errorf(domain.CodeUnavailable, "the metrics at %s answer %d", url, resp.StatusCode)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return nil, domain.Errorf(domain.CodeUnavailable, "the metrics at %s are not in Prometheus' text format", url).Because(err)
	}
	return families[name], nil
}
