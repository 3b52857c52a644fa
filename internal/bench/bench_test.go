package bench_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/bench"
)

func TestALoopCarriesOutEachRequestOnceAndCountsNoWarmUp(t *testing.T) {
	var mu sync.Mutex
	seen := map[int]int{}
	r := bench.Drive(t.Context(), bench.Loop{Clients: 4, Count: 100, Warmup: 10, Limit: time.Minute}, func(_ context.Context, i int) error {
		mu.Lock()
		defer mu.Unlock()
		seen[i]++
		return nil
	})
	require.NoError(t, r.Must())
	require.Len(t, seen, 100)
	for i, n := range seen {
		require.Equal(t, 1, n, "request %d", i)
	}
	require.Len(t, r.Latencies, 90)
	require.IsNonDecreasing(t, r.Latencies)
	require.Positive(t, r.Rate())
}

func TestALoopEndsWithItsTime(t *testing.T) {
	r := bench.Drive(t.Context(), bench.Loop{Clients: 2, Count: 1 << 30, Limit: 20 * time.Millisecond}, func(context.Context, int) error { return nil })
	require.Less(t, r.Elapsed, 10*time.Second)
	require.NotEmpty(t, r.Latencies)
}

func TestAClientRestsAfterEachAnswer(t *testing.T) {
	const pause = 20 * time.Millisecond
	var began []time.Time
	r := bench.Drive(t.Context(), bench.Loop{Clients: 1, Count: 4, Limit: time.Minute, Pause: pause}, func(context.Context, int) error {
		began = append(began, time.Now())
		return nil
	})
	require.Len(t, r.Latencies, 4)
	for i := 1; i < len(began); i++ {
		require.GreaterOrEqual(t, began[i].Sub(began[i-1]), pause)
	}
}

func TestUnwantedAnswersAreCountedAndNotTimed(t *testing.T) {
	r := bench.Drive(t.Context(), bench.Loop{Clients: 1, Count: 4, Limit: time.Minute}, func(_ context.Context, i int) error {
		switch i {
		case 1:
			return &bench.Unwanted{Answer: "409", Text: "taken"}
		case 2:
			return errors.New("broken pipe")
		}
		return nil
	})
	require.Equal(t, map[string]int{"wanted": 2, "409": 1, "fault": 1}, r.Answers)
	require.Len(t, r.Latencies, 2)
	require.Error(t, r.Must())
	require.Error(t, bench.Result{}.Must(), "nothing answered is no result")
}

func TestAnHTTPLoadKeepsItsConnections(t *testing.T) {
	var mu sync.Mutex
	clients := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		clients[r.RemoteAddr] = true
		if r.Header.Get("X-Key") != "k" {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer server.Close()
	plan := bench.HTTPPlan{
		Loop: bench.Loop{Clients: 3, Count: 60, Limit: time.Minute}, Want: http.StatusOK,
		Requests: []bench.Request{{Method: http.MethodGet, URL: server.URL, Header: map[string]string{"X-Key": "k"}}},
	}
	r, err := plan.Run(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Must())
	require.LessOrEqual(t, len(clients), 3)

	plan.Requests[0].Header = nil
	r, err = plan.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 60, r.Answers["400"])
}

func TestLoadGoesNowhereButToTheLoopbackInterface(t *testing.T) {
	for _, url := range []string{"http://192.0.2.1/", "http://careflow.example/", "http://0.0.0.0:80/", "::"} {
		_, err := bench.HTTPPlan{Requests: []bench.Request{{Method: http.MethodGet, URL: url}}}.Run(t.Context())
		require.Error(t, err, url)
	}
	require.NoError(t, bench.OnLoopback("http://127.0.0.1:8080/x"))
	require.NoError(t, bench.OnLoopback("http://[::1]:8080/x"))
}

func TestMediansAndPercentiles(t *testing.T) {
	require.Zero(t, bench.Median(nil))
	require.InDelta(t, 2, bench.Median([]float64{3, 1, 2}), 0)
	require.InDelta(t, 2.5, bench.Median([]float64{4, 1, 2, 3}), 0)
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	require.InDelta(t, 50, bench.Percentile(hundred, 50), 0)
	require.InDelta(t, 99, bench.Percentile(hundred, 99), 0)
	require.InDelta(t, 100, bench.Percentile(hundred, 100), 0)
	require.InDelta(t, 7, bench.Percentile([]float64{7}, 99), 0)
}

func TestATargetBoundsTheRatioInItsSense(t *testing.T) {
	rate := bench.Row{Sense: bench.MoreIsBetter, Product: []float64{50, 60, 10}, Baseline: []float64{100, 100, 100}, Target: 0.5}
	require.InDelta(t, 0.5, rate.Judged(), 1e-9, "the median of the rounds' ratios")
	require.True(t, rate.Met())
	rate.Target = 0.51
	require.False(t, rate.Met())

	latency := bench.Row{Sense: bench.LessIsBetter, Product: []float64{30}, Baseline: []float64{10}, Target: 4}
	require.True(t, latency.Met())
	latency.Target = 2
	require.False(t, latency.Met())

	faster := bench.Row{Sense: bench.TimesFaster, Product: []float64{5}, Baseline: []float64{100}, Target: 10}
	require.InDelta(t, 20, faster.Judged(), 1e-9)
	require.True(t, faster.Met())

	alone := bench.Row{Sense: bench.LessIsBetter, Product: []float64{140}, Target: 150}
	require.True(t, alone.Met(), "without a baseline the value itself is judged")
	require.True(t, bench.Row{Product: []float64{1}}.Met(), "no target")
	require.False(t, bench.Row{Sense: bench.MoreIsBetter, Target: 1}.Met(), "nothing measured is nothing met")
}

func TestAReportIsReadBackAndComparedByItsRatios(t *testing.T) {
	row := bench.Row{Group: "bookings", Name: "8 clients", Unit: "/s", Sense: bench.MoreIsBetter, Target: 0.5}
	row.Add(900, 2000)
	path := filepath.Join(t.TempDir(), "r.json")
	require.NoError(t, bench.Report{Rows: []bench.Row{row}}.Write(path))
	earlier, err := bench.Read(path)
	require.NoError(t, err)
	row.Add(1500, 2000)
	row.Add(1500, 2000)
	text := bench.Report{Rows: []bench.Row{row}, Failed: []string{"rush: no worker"}}.Markdown(&earlier)
	require.Contains(t, text, "| 8 clients | 1500 /s | 2000 /s | 0.75 (0.45–0.75) | ≥ 0.50 | met, was 0.45 |")
	require.Contains(t, text, "Not measured: rush: no worker")
	require.Contains(t, earlier.Markdown(nil), "**missed**")

	require.NoError(t, os.WriteFile(path, []byte("no report"), 0o600))
	_, err = bench.Read(path)
	require.Error(t, err)
}

func TestAProcessSaysWhatItUsed(t *testing.T) {
	before, err := bench.UsageOf(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, before.Resident)
	sum := 0
	for time.Since(before.At) < 60*time.Millisecond {
		sum++
	}
	require.Positive(t, sum)
	after, err := bench.UsageOf(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, after.Cores(before))
	_, err = bench.UsageOf(-1)
	require.Error(t, err)
}
