package bench

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Loop bounds a closed loop: each client sends its next request when the last one was
// answered.
type Loop struct {
	Clients int `json:"clients"`
	// Count is how many requests there are in all, Limit how long no new one is begun
	// after. The loop ends with whichever comes first.
	Count int           `json:"count"`
	Limit time.Duration `json:"limit"`
	// Warmup requests come first and are not counted: connections and statements are then
	// there.
	Warmup int `json:"warmup"`
	// Pause is how long a client rests after each answer, so that what the requests set off
	// does not fall together.
	Pause time.Duration `json:"pause"`
}

// Result is what a loop measured.
type Result struct {
	Elapsed time.Duration `json:"elapsed"`
	// Latencies are those of the answers that were wanted, in milliseconds, sorted.
	Latencies []float64 `json:"latencies"`
	// Answers counts all answers by name, the unwanted ones too.
	Answers map[string]int `json:"answers"`
	// Unwanted is the text of one answer that was not wanted, "" when there was none.
	Unwanted string `json:"unwanted,omitempty"`
	// CPU is what the load's own process used, the warm-up included.
	CPU time.Duration `json:"cpu"`
}

// Rate is wanted answers a second.
func (r Result) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(len(r.Latencies)) / r.Elapsed.Seconds()
}

// P returns a percentile of the latencies in milliseconds.
func (r Result) P(percent float64) float64 { return Percentile(r.Latencies, percent) }

// Unwanted is an answer that the figure does not want: it is counted and its time is not.
type Unwanted struct{ Answer, Text string }

func (u *Unwanted) Error() string { return u.Answer + ": " + u.Text }

// Drive runs a closed loop. do carries out request i; its error is an *Unwanted answer, or
// a fault, which counts as one.
func Drive(ctx context.Context, l Loop, do func(ctx context.Context, i int) error) Result {
	l.Clients = max(l.Clients, 1)
	warm := min(l.Warmup, l.Count)
	before := ownCPU()
	l.run(ctx, 0, warm, time.Now().Add(l.Limit), do)
	began := time.Now()
	r := l.run(ctx, warm, l.Count, began.Add(l.Limit), do)
	r.Elapsed, r.CPU = time.Since(began), ownCPU()-before
	slices.Sort(r.Latencies)
	return r
}

// run has the clients carry out the requests from first up to end, none begun after until.
func (l Loop) run(ctx context.Context, first, end int, until time.Time, do func(context.Context, int) error) Result {
	r := Result{Answers: map[string]int{}}
	var mu sync.Mutex
	var next atomic.Int64
	next.Store(int64(first))
	var all sync.WaitGroup
	for range l.Clients {
		all.Go(func() {
			own := Result{Answers: map[string]int{}}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				began := time.Now()
				if i >= end || began.After(until) {
					break
				}
				own.add(do(ctx, i), time.Since(began))
				rest(ctx, l.Pause)
			}
			mu.Lock()
			defer mu.Unlock()
			r.merge(own)
		})
	}
	all.Wait()
	return r
}

func rest(ctx context.Context, pause time.Duration) {
	if pause <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

func (r *Result) add(err error, took time.Duration) {
	if err == nil {
		r.Answers["wanted"]++
		r.Latencies = append(r.Latencies, float64(took)/float64(time.Millisecond))
		return
	}
	name := "fault"
	var u *Unwanted
	if errors.As(err, &u) {
		name = u.Answer
	}
	r.Answers[name]++
	r.Unwanted = err.Error()
}

func (r *Result) merge(o Result) {
	r.Latencies = append(r.Latencies, o.Latencies...)
	for name, n := range o.Answers {
		r.Answers[name] += n
	}
	if r.Unwanted == "" {
		r.Unwanted = o.Unwanted
	}
}

// Must returns an error unless at least one answer was wanted and all were.
func (r Result) Must() error {
	for name, n := range r.Answers {
		if name != "wanted" && n > 0 {
			return errors.New(strconv.Itoa(n) + " answers were not wanted, one of them: " + r.Unwanted)
		}
	}
	if len(r.Latencies) == 0 {
		return errors.New("nothing was answered within the time")
	}
	return nil
}
