package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/careflow/careflow/internal/domain"
)

// answered makes a window: so many requests, so many of them 5xx, all within bounds[fast].
func answered(requests, errors float64, fast int) domain.TrafficWindow {
	bounds := []float64{.01, .05, .1, .5, 1}
	counts := make([]float64, len(bounds))
	for i := range bounds {
		if i >= fast {
			counts[i] = 1000 + requests
		} else {
			counts[i] = 1000
		}
	}
	return domain.TrafficWindow{
		From: domain.TrafficSample{Requests: 1000, Errors: 10, Seconds: bounds, Counts: []float64{1000, 1000, 1000, 1000, 1000}},
		To:   domain.TrafficSample{Requests: 1000 + requests, Errors: 10 + errors, Seconds: bounds, Counts: counts},
	}
}

var watching = domain.WatchPolicy{Fewest: 100, MostErrors: 0.01, MostSlower: 2, FastEnough: 20 * time.Millisecond}

func TestAReleaseIsJudgedAgainstTheOneBeforeIt(t *testing.T) {
	t.Parallel()
	backwards := answered(500, 0, 0)
	backwards.To.Requests = 3
	for name, c := range map[string]struct {
		old, new domain.TrafficWindow
		want     domain.WatchOutcome
	}{
		"as good": {answered(500, 0, 1), answered(500, 0, 1), domain.WatchPassed},
		"no worse than an old one that fails, too":     {answered(500, 50, 1), answered(500, 54, 1), domain.WatchPassed},
		"more errors than the old one and some":        {answered(500, 0, 1), answered(500, 6, 1), domain.WatchFailed},
		"errors, with an old one that nobody asks":     {answered(0, 0, 1), answered(500, 6, 1), domain.WatchFailed},
		"few errors, with an old one that nobody asks": {answered(0, 0, 1), answered(500, 5, 4), domain.WatchPassed},
		"much slower":                                     {answered(500, 0, 1), answered(500, 0, 3), domain.WatchFailed},
		"slower, and fast enough all the same":            {answered(500, 0, 0), answered(500, 0, 0), domain.WatchPassed},
		"twice as slow is still allowed":                  {answered(500, 0, 2), answered(500, 0, 2), domain.WatchPassed},
		"too few requests":                                {answered(500, 0, 1), answered(99, 99, 4), domain.WatchInconclusive},
		"no request":                                      {answered(500, 0, 1), answered(0, 0, 0), domain.WatchInconclusive},
		"an instance of the release has started again":    {answered(500, 0, 1), backwards, domain.WatchError},
		"an instance of the old release has started anew": {backwards, answered(500, 0, 4), domain.WatchPassed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := watching.Judge(c.old, c.new)
			require.Equal(t, c.want, v.Outcome, "%+v", v)
			require.NotEmpty(t, v.Reason)
		})
	}
}

// More errors never make a verdict better, and a verdict never depends on how long the
// process had run before the window.
func TestAVerdictOnlyGetsWorseWithMoreErrors(t *testing.T) {
	t.Parallel()
	rank := map[domain.WatchOutcome]int{domain.WatchPassed: 0, domain.WatchFailed: 1}
	rapid.Check(t, func(t *rapid.T) {
		requests := float64(rapid.IntRange(100, 10000).Draw(t, "requests"))
		fewer := float64(rapid.IntRange(0, int(requests)).Draw(t, "errors"))
		more := float64(rapid.IntRange(int(fewer), int(requests)).Draw(t, "more errors"))
		speed := rapid.IntRange(0, 4).Draw(t, "speed")
		old := answered(float64(rapid.IntRange(0, 5000).Draw(t, "old requests")), 0, rapid.IntRange(0, 4).Draw(t, "old speed"))
		better, worse := watching.Judge(old, answered(requests, fewer, speed)), watching.Judge(old, answered(requests, more, speed))
		require.LessOrEqual(t, rank[better.Outcome], rank[worse.Outcome])

		shifted := answered(requests, fewer, speed)
		by := float64(rapid.IntRange(0, 1<<20).Draw(t, "earlier"))
		for _, s := range []*domain.TrafficSample{&shifted.From, &shifted.To} {
			s.Requests += by
			for i := range s.Counts {
				s.Counts[i] += by
			}
		}
		require.Equal(t, better.Outcome, watching.Judge(old, shifted).Outcome)
	})
}

func TestThe95thPercentileIsReadOffTheBuckets(t *testing.T) {
	t.Parallel()
	w := answered(100, 0, 2) // all between 50 and 100 ms
	require.Equal(t, 97500*time.Microsecond, watching.Judge(w, w).New.P95)
	w.To.Counts = []float64{1000, 1000, 1000, 1000, 1000} // all beyond the last bound
	require.Equal(t, time.Second, watching.Judge(w, w).New.P95)
}
