package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// freshness tells how old the newest proven backup of each expected target is. It is told
// here, by a process that does not need Temporal: what makes backups may be what is down.
type freshness struct {
	cfg Config
	log BackupLog
	out *slog.Logger

	mu sync.Mutex
	// known are the last that were read: while the database is away they grow older.
	known []domain.BackupFreshness
}

func newFreshness(cfg Config, log BackupLog, out *slog.Logger) *freshness {
	return &freshness{cfg: cfg, log: log, out: out}
}

// look reads anew, and where that fails gives what was read before.
func (f *freshness) look(ctx context.Context) []domain.BackupFreshness {
	if len(f.cfg.BackupTargets) == 0 {
		return nil
	}
	found, err := f.log.BackupFreshness(ctx, f.cfg.BackupTargets)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.out.LogAttrs(ctx, slog.LevelWarn, "nobody knows how old backups are", slog.String("error", err.Error()))
		return f.known
	}
	f.known = found
	return found
}

// tell adds to the answer about readiness, whose status it leaves alone: a clinic whose
// backups have stopped takes bookings all the same.
func (f *freshness) tell(found []domain.BackupFreshness, state *openapi.Readiness) {
	if len(found) == 0 {
		return
	}
	state.Backups, state.BackupAgeSeconds = openapi.ReadinessBackupsFresh, map[string]int64{}
	for _, b := range found {
		state.BackupAgeSeconds[b.Target] = int64(b.Age(f.cfg.Clock()).Seconds())
		if b.Stale(f.cfg.Clock(), f.cfg.BackupLimit) {
			state.Backups = openapi.ReadinessBackupsStale
		}
	}
}

var (
	backupAge = prometheus.NewDesc("careflow_backup_age_seconds",
		"Age of the newest proven backup of a target; of one that never had any, the time since it is expected.", []string{"target"}, nil)
	backupLimit = prometheus.NewDesc("careflow_backup_age_limit_seconds", "How old the newest proven backup may be.", nil, nil)
)

// Describe and Collect are prometheus.Collector: it is read when it is scraped.
func (f *freshness) Describe(to chan<- *prometheus.Desc) { to <- backupAge; to <- backupLimit }

// Collect reads the ages.
func (f *freshness) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	found := f.look(ctx)
	for _, b := range found {
		to <- prometheus.MustNewConstMetric(backupAge, prometheus.GaugeValue, b.Age(f.cfg.Clock()).Seconds(), b.Target)
	}
	if len(found) > 0 {
		to <- prometheus.MustNewConstMetric(backupLimit, prometheus.GaugeValue, f.cfg.BackupLimit.Seconds())
	}
}

// defaultBackupLimit is where nothing is set.
const defaultBackupLimit = 26 * time.Hour
