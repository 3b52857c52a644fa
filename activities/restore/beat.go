package restore

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
)

// Heartbeat is what Temporal UI shows of a running activity.
type Heartbeat struct {
	Phase string `json:"phase"`
	Bytes int64  `json:"bytes"`
}

const beatEvery = 2 * time.Second

// beating tells Temporal that an activity lives, also while nothing moves: counting a large
// table takes long.
type beating struct {
	mu     sync.Mutex
	latest Heartbeat
	done   chan struct{}
	ended  sync.WaitGroup
}

func beat(ctx context.Context) *beating {
	b := &beating{done: make(chan struct{})}
	b.ended.Go(func() {
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-b.done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				activity.RecordHeartbeat(ctx, b.read())
			}
		}
	})
	return b
}

func (b *beating) report(phase string, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest = Heartbeat{Phase: phase, Bytes: bytes}
}

func (b *beating) read() Heartbeat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.latest
}

func (b *beating) stop() {
	close(b.done)
	b.ended.Wait()
}
