package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/activities/backup"
	"github.com/careflow/careflow/internal/domain"
)

// Backups begins and ends the jobs of backups. Errors of each: CodeUnavailable,
// CodeTooMany, and CodeNoBackupWorker where a host has to take the job.
type Backups interface {
	// Run begins a backup or joins the one under way, and returns its ID.
	Run(ctx context.Context, target, by string) (id string, joined bool, err error)
	// Cancel is CodeConflict when the backup is not under way.
	Cancel(ctx context.Context, target, backupID string) error
	Verify(ctx context.Context, target, backupID string) (joined bool, err error)
	// Hold waits until it is done. CodeNotFound for a backup that is not in the storage,
	// CodeConflict while somebody else does it.
	Hold(ctx context.Context, in backup.HoldInput, wait time.Duration) error
	// Prune waits for what came of it; dry changes nothing.
	Prune(ctx context.Context, target string, dry bool, wait time.Duration) (backup.PruneResult, error)
	// Schedule, Pause and Resume are CodeNoBackups where there is no schedule.
	Schedule(ctx context.Context) (domain.BackupSchedule, error)
	Pause(ctx context.Context, note string) error
	Resume(ctx context.Context, note string) error
}

// BackupLog is the catalogue of backups.
type BackupLog interface {
	// BeginBackup makes the row of a backup that begins, unless it is there.
	BeginBackup(ctx context.Context, n domain.NewBackup) error
	// Backup is CodeNotFound where there is none.
	Backup(ctx context.Context, id string) (domain.BackupRecord, error)
	// Backups lists the newest first.
	Backups(ctx context.Context, f domain.BackupFilter) ([]domain.BackupRecord, error)
	// BackupFreshness is how old the newest proven backup of each target is.
	BackupFreshness(ctx context.Context, targets []string) ([]domain.BackupFreshness, error)
}
