// Package figures tells Prometheus what the clinic and its task queues come to. Every
// worker tells the same numbers: dashboards and alarms take the largest, not the sum. What
// could not be counted lately is not told at all, because an old number looks like a
// healthy one.
package figures

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/careflow/careflow/internal/domain"
)

// every is how often is counted. A scrape between two counts repeats the last.
const every = 15 * time.Second

// Clinic counts what is in the database.
type Clinic interface {
	Figures(ctx context.Context) ([]domain.Figure, error)
}

// Queues counts what waits in Temporal's task queues.
type Queues interface {
	Backlogs(ctx context.Context) ([]Backlog, error)
}

// Figures is a collector of both.
type Figures struct {
	clinic Clinic
	queues Queues
	log    *slog.Logger

	mu      sync.Mutex
	counted map[string][]prometheus.Metric // by where it was counted
}

// New returns a collector that has counted nothing yet, and registers it.
func New(clinic Clinic, queues Queues, r prometheus.Registerer, log *slog.Logger) (*Figures, error) {
	f := &Figures{clinic: clinic, queues: queues, log: log, counted: map[string][]prometheus.Metric{}}
	return f, r.Register(f)
}

// Describe sends what may be told.
func (f *Figures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range told {
		ch <- d.desc
	}
	ch <- backlogCount
	ch <- backlogAge
	ch <- pollers
}

// Collect sends what was counted last.
func (f *Figures) Collect(ch chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, metrics := range f.counted {
		for _, m := range metrics {
			ch <- m
		}
	}
}

// Run counts until ctx ends.
func (f *Figures) Run(ctx context.Context) {
	for {
		f.Count(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// Count counts once.
func (f *Figures) Count(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, every)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() {
		f.note(ctx, "database", func() ([]prometheus.Metric, error) {
			figures, err := f.clinic.Figures(ctx)
			return clinicMetrics(figures), err
		})
	})
	both.Go(func() {
		f.note(ctx, "temporal", func() ([]prometheus.Metric, error) {
			backlogs, err := f.queues.Backlogs(ctx)
			return queueMetrics(backlogs), err
		})
	})
	both.Wait()
}

func (f *Figures) note(ctx context.Context, where string, count func() ([]prometheus.Metric, error)) {
	metrics, err := count()
	if err != nil {
		metrics = nil
		if ctx.Err() == nil {
			f.log.WarnContext(ctx, "nothing could be counted", "where", where, "error", err)
		}
	}
	f.mu.Lock()
	f.counted[where] = metrics
	f.mu.Unlock()
}
