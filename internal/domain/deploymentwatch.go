package domain

import (
	"fmt"
	"time"
)

// WatchPolicy says how the release is compared with the one before it while both, or the
// new one alone, take requests.
type WatchPolicy struct {
	// For is how long each step is watched, and Every the pause between two looks.
	For   time.Duration `json:"for"`
	Every time.Duration `json:"every"`
	// Fewest requests make a look conclusive.
	Fewest int `json:"fewest"`
	// MostErrors is the share of requests, from 0 to 1, that may be answered 5xx beyond the
	// old release's share.
	MostErrors float64 `json:"most_errors"`
	// MostSlower is how many times the old release's p95 the new one's may be. A p95 up to
	// FastEnough is never too slow: a few milliseconds double easily.
	MostSlower float64       `json:"most_slower"`
	FastEnough time.Duration `json:"fast_enough"`
	// PassInconclusive goes on when too few requests came to judge by, instead of asking a
	// person.
	PassInconclusive bool `json:"pass_inconclusive,omitempty"`
	// MetricsPath of each instance has the histogram Metric, in seconds, whose label
	// StatusLabel holds the status.
	MetricsPath string `json:"metrics_path,omitempty"`
	Metric      string `json:"metric,omitempty"`
	StatusLabel string `json:"status_label,omitempty"`
}

// TrafficSample is what one colour has answered so far: counters, as the process exports
// them. Two samples make a rate.
type TrafficSample struct {
	At       time.Time `json:"at"`
	Requests float64   `json:"requests"`
	Errors   float64   `json:"errors"` // 5xx
	// Counts are how many were answered within each of Seconds, cumulatively; the bounds
	// ascend.
	Seconds []float64 `json:"seconds,omitempty"`
	Counts  []float64 `json:"counts,omitempty"`
}

// WatchOutcome is what a look at the release comes to.
type WatchOutcome string

// The outcomes of a look.
const (
	WatchPassed       WatchOutcome = "passed"
	WatchFailed       WatchOutcome = "failed"
	WatchInconclusive WatchOutcome = "inconclusive" // too few requests to judge by
	WatchError        WatchOutcome = "error"        // it could not be measured
)

// TrafficFigures are two samples made into figures.
type TrafficFigures struct {
	Requests   int           `json:"requests"`
	ErrorShare float64       `json:"error_share"` // from 0 to 1
	P95        time.Duration `json:"p95"`         // 0 where nobody knows
}

func (f TrafficFigures) String() string {
	return fmt.Sprintf("%d requests, %.2f %% errors, p95 %s", f.Requests, 100*f.ErrorShare, f.P95.Round(time.Millisecond/10))
}

// WatchVerdict is the judgement with its figures and its reason.
type WatchVerdict struct {
	Outcome WatchOutcome   `json:"outcome"`
	Reason  string         `json:"reason"`
	Old     TrafficFigures `json:"old"`
	New     TrafficFigures `json:"new"`
}

// TrafficWindow is what a colour has answered between two samples.
type TrafficWindow struct{ From, To TrafficSample }

// Judge compares what the release has answered with what the one before it has. The old
// one's window begins before the switch, so that there is something to compare with when
// it gets no requests any more.
func (p WatchPolicy) Judge(before, after TrafficWindow) WatchVerdict {
	v := WatchVerdict{}
	var ok bool
	if v.New, ok = after.figures(); !ok {
		return v.is(WatchError, "the release's counters went backwards: an instance has started again")
	}
	old, known := before.figures()
	if v.Old = old; !known || old.Requests < p.Fewest {
		v.Old, known = old, false
	}
	if v.New.Requests < max(p.Fewest, 1) {
		return v.is(WatchInconclusive, fmt.Sprintf("%d requests are too few to judge by: it takes %d", v.New.Requests, max(p.Fewest, 1)))
	}
	most := p.MostErrors
	if known {
		most += old.ErrorShare
	}
	if v.New.ErrorShare > most {
		return v.is(WatchFailed, fmt.Sprintf("%.2f %% of its requests failed; at most %.2f %% may", 100*v.New.ErrorShare, 100*most))
	}
	slow := time.Duration(float64(old.P95) * p.MostSlower)
	if known && p.MostSlower > 0 && old.P95 > 0 && v.New.P95 > max(slow, p.FastEnough) {
		return v.is(WatchFailed, fmt.Sprintf("its p95 is %s; at most %s may be", v.New.P95.Round(time.Millisecond), max(slow, p.FastEnough).Round(time.Millisecond)))
	}
	return v.is(WatchPassed, "no worse than the one before it")
}

func (v WatchVerdict) is(o WatchOutcome, reason string) WatchVerdict {
	v.Outcome, v.Reason = o, reason
	return v
}

// figures are not ok when a counter went backwards.
func (w TrafficWindow) figures() (f TrafficFigures, ok bool) {
	requests, errors := w.To.Requests-w.From.Requests, w.To.Errors-w.From.Errors
	if requests < 0 || errors < 0 {
		return f, false
	}
	f.Requests = int(requests)
	if requests > 0 {
		f.ErrorShare = errors / requests
	}
	f.P95 = w.quantile(0.95, requests)
	return f, true
}

// quantile is read off the buckets as Prometheus does: requests are taken to be spread
// evenly within one; what lies above the last bound counts as that bound.
func (w TrafficWindow) quantile(q, requests float64) time.Duration {
	if requests <= 0 || len(w.To.Counts) != len(w.To.Seconds) {
		return 0
	}
	rank, low, below := q*requests, 0.0, 0.0
	for i, bound := range w.To.Seconds {
		count := w.To.Counts[i]
		if len(w.From.Counts) == len(w.To.Counts) { // a colour without a request has no buckets yet
			count -= w.From.Counts[i]
		}
		if count >= rank && count > below {
			return seconds(low + (bound-low)*(rank-below)/(count-below))
		}
		low, below = bound, count
	}
	return seconds(low)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
