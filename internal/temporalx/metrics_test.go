package temporalx_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/temporalx"
)

func TestMetricsOfOneNameMayHaveDifferentTags(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	root, err := temporalx.NewMetricsHandler(registry)
	require.NoError(t, err)

	root.Counter("temporal_request").Inc(2)
	tagged := root.WithTags(map[string]string{"operation": "StartWorkflow"}).WithTags(map[string]string{"worker-type": "x"})
	tagged.Counter("temporal_request").Inc(3)
	tagged.Counter("temporal_request").Inc(4)
	root.Gauge("temporal_num_pollers").Update(5)
	root.Timer("temporal_request_latency").Record(20 * time.Millisecond)

	page := scrape(registry)
	for _, line := range []string{
		"temporal_request_total 2\n",
		`temporal_request_total{operation="StartWorkflow",worker_type="x"} 7` + "\n",
		"temporal_num_pollers 5\n",
		"temporal_request_latency_seconds_sum 0.02\n",
	} {
		require.Contains(t, page, line)
	}
}

func scrape(registry prometheus.Gatherer) string {
	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return page.Body.String()
}
