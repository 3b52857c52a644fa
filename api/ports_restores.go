package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/restore"
)

// Restores begins restores and tells them what people say. Errors of each: CodeUnavailable,
// CodeTooMany.
type Restores interface {
	// Begin is CodeConflict while another restore of the target, or of the table that is
	// named, has not ended, and CodeNoBackupWorker when no host would take the job.
	Begin(ctx context.Context, in restore.Input) (id string, err error)
	// Say is CodeConflict when the word means nothing to the restore now.
	Say(ctx context.Context, to domain.RestoreRecord, say restore.Say, wait time.Duration) (domain.RestoreRecord, error)
	// Subject is what an approval of the word is for.
	Subject(r domain.RestoreRecord, w domain.RestoreWord) string
}

// RestoreLog is the catalogue of restores.
type RestoreLog interface {
	NoteRestore(ctx context.Context, r domain.RestoreRecord) error
	// Restore is CodeNotFound where there is none.
	Restore(ctx context.Context, id string) (domain.RestoreRecord, error)
	// Restores lists the newest first.
	Restores(ctx context.Context, f domain.RestoreFilter) ([]domain.RestoreRecord, error)
	LostVisits(ctx context.Context, f domain.LostVisitFilter) ([]domain.LostVisit, error)
}
