// Package freshness tells people that backups have stopped, also while Temporal is away:
// what would notice by itself that no backup was made may be what has died. It runs in
// every worker process, which has the database and the mail vendor's key; of all of them
// one sends an alarm, by a claim in the database.
package freshness

import (
	"context"
	"log/slog"
	"time"

	"github.com/careflow/careflow/activities/alarm"
	"github.com/careflow/careflow/internal/domain"
)

// Store is the catalogue of backups, and of alarms.
type Store interface {
	BackupFreshness(ctx context.Context, targets []string) ([]domain.BackupFreshness, error)
	// ClaimAlarm gives a pending alarm to one process for the length of the lease.
	ClaimAlarm(ctx context.Context, a domain.Alarm, lease time.Duration) (kept domain.KeptAlarm, ok bool, err error)
}

// Teller mails an alarm and settles it.
type Teller interface {
	Tell(ctx context.Context, a domain.Alarm, kept domain.KeptAlarm, log alarm.Logger) error
}

// Config says what is expected.
type Config struct {
	// Targets are to be saved; none: nothing is watched.
	Targets []string
	// Limit is how old the newest proven backup of a target may be.
	Limit time.Duration
	// Every is the pause between two looks. Defaults to a minute.
	Every time.Duration
	// Clock tells the time. Defaults to time.Now.
	Clock func() time.Time
}

// Watch looks again and again.
type Watch struct {
	store  Store
	teller Teller
	cfg    Config
	log    *slog.Logger
}

// New returns a watch that Run starts.
func New(store Store, teller Teller, cfg Config, log *slog.Logger) *Watch {
	if cfg.Every == 0 {
		cfg.Every = time.Minute
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Watch{store: store, teller: teller, cfg: cfg, log: log}
}

// lease is longer than a mail takes to be handed over: who holds it longer is dead, or
// the vendor is away, and the next look of any process tries again.
const lease = time.Minute

// Run watches until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	if len(w.cfg.Targets) == 0 {
		return
	}
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(w.cfg.Every):
		}
	}
}

func (w *Watch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	found, err := w.store.BackupFreshness(ctx, w.cfg.Targets)
	if err != nil {
		w.log.WarnContext(ctx, "nobody knows how old backups are", "error", err)
		return
	}
	for _, f := range found {
		if !f.Stale(w.cfg.Clock(), w.cfg.Limit) {
			continue
		}
		if err := w.tell(ctx, f.Alarm(w.cfg.Clock(), w.cfg.Limit)); err != nil {
			w.log.ErrorContext(ctx, "an alarm was not sent yet", "kind", domain.AlarmBackupStale, "target", f.Target, "error", err)
		}
	}
}

func (w *Watch) tell(ctx context.Context, a domain.Alarm) error {
	kept, ok, err := w.store.ClaimAlarm(ctx, a, lease)
	if err != nil || !ok {
		return err
	}
	return w.teller.Tell(ctx, a, kept, w.log)
}
