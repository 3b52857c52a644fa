package housekeeping

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/careflow/careflow/internal/domain"
)

// Store is where the rows are.
type Store interface {
	Sweep(ctx context.Context, what domain.Litter, before time.Time, limit int) (removed int, err error)
	OpenHousekeeping(ctx context.Context, id string, by domain.ReconcileTrigger) error
	CloseHousekeeping(ctx context.Context, id string, removed map[domain.Litter]int) error
}

// Config bounds the removal.
type Config struct {
	// Keep says how long what is done with is kept.
	Keep domain.Keeping
	// BatchSize is how many rows one statement removes. Defaults to 1000: some ten
	// milliseconds of locks.
	BatchSize int
	// Batches is how many batches one activity removes at most. Defaults to 200.
	Batches int
	// Pause is between two batches, for those who work meanwhile. Defaults to 50 ms.
	Pause time.Duration
}

func (c Config) withDefaults() Config {
	if c.BatchSize <= 0 {
		c.BatchSize = 1000
	}
	if c.Batches <= 0 {
		c.Batches = 200
	}
	if c.Pause <= 0 {
		c.Pause = 50 * time.Millisecond
	}
	return c
}

// Activities remove old rows.
type Activities struct {
	store Store
	cfg   Config
	log   *slog.Logger
}

// New returns the activities on a store.
func New(store Store, cfg Config, log *slog.Logger) *Activities {
	return &Activities{store: store, cfg: cfg.withDefaults(), log: log}
}

// Sweep removes one kind of row. A retry goes on counting where the last heartbeat was; what
// is removed twice does not exist.
func (a *Activities) Sweep(ctx context.Context, in SweepInput) (SweepResult, error) {
	var done SweepResult
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &done.Removed); err != nil {
			done.Removed = 0
		}
	}
	if err := a.store.OpenHousekeeping(ctx, in.RunID, in.Trigger); err != nil {
		return done, err
	}
	before := a.cfg.Keep.Before(in.What, time.Now())
	if before.IsZero() {
		return done, nil
	}
	pause := time.NewTicker(a.cfg.Pause)
	defer pause.Stop()
	for range a.cfg.Batches {
		n, err := a.store.Sweep(ctx, in.What, before, a.cfg.BatchSize)
		if err != nil {
			return done, err
		}
		done.Removed += n
		activity.RecordHeartbeat(ctx, done.Removed)
		if n < a.cfg.BatchSize {
			return done, nil
		}
		select {
		case <-ctx.Done():
			return done, ctx.Err()
		case <-pause.C:
		}
	}
	done.More = true
	return done, nil
}

// Close notes what the run removed.
func (a *Activities) Close(ctx context.Context, in CloseInput) error {
	for what, n := range in.Removed {
		if n > 0 {
			a.log.InfoContext(ctx, "old rows were removed", "what", what, "rows", n)
		}
	}
	return a.store.CloseHousekeeping(ctx, in.RunID, in.Removed)
}
