package backup

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/careflow/careflow/internal/domain"
)

// Heartbeat is what Temporal UI shows of a running activity.
type Heartbeat struct {
	Phase string `json:"phase"`
	Bytes int64  `json:"bytes"`
}

// beatEvery is the pause between two heartbeats, which also tell a cancelled or fenced
// activity so; noteEvery that between two notes in the catalogue.
const (
	beatEvery = 2 * time.Second
	noteEvery = 2 * time.Second
)

// progress passes on how far a job came, at a bounded rate, and beats also while nothing
// moves: a hash over a large table takes long.
type progress struct {
	mu     sync.Mutex
	latest Heartbeat
	done   chan struct{}
	ended  sync.WaitGroup
}

func (s *Saving) watch(ctx context.Context, backupID string) *progress {
	return watch(ctx, s.catalogue, backupID)
}

func watch(ctx context.Context, catalogue Catalogue, backupID string) *progress {
	p := &progress{done: make(chan struct{})}
	p.ended.Go(func() {
		beat := time.NewTicker(beatEvery)
		defer beat.Stop()
		noted := Heartbeat{}
		for {
			select {
			case <-p.done:
				return
			case <-ctx.Done():
				return
			case <-beat.C:
			}
			latest := p.read()
			activity.RecordHeartbeat(ctx, latest)
			if latest == noted {
				continue
			}
			// For people who watch: what is lost of it is written a moment later.
			noting, cancel := context.WithTimeout(ctx, noteEvery)
			if catalogue.StepBackup(noting, domain.BackupStep{BackupID: backupID, Phase: latest.Phase, Bytes: latest.Bytes, At: now()}) == nil {
				noted = latest
			}
			cancel()
		}
	})
	return p
}

// report never blocks the work it is told about.
func (p *progress) report(phase string, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = Heartbeat{Phase: phase, Bytes: bytes}
}

func (p *progress) read() Heartbeat {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest
}

func (p *progress) stop() {
	close(p.done)
	p.ended.Wait()
}

// beat tells Temporal that a short activity lives, so that a dead worker is noticed soon.
func beat(ctx context.Context) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {} // called by hand
	}
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		every := time.NewTicker(beatEvery)
		defer every.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-every.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	})
	return func() { close(done); ended.Wait() }
}
