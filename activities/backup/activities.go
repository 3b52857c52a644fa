package backup

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/careflow/careflow/internal/domain"
)

// Engine makes, proves and removes backups of the targets it is configured for. Progress
// is told the phase and the plain bytes of it so far; it does not block. Errors are
// *domain.Error: CodeUnavailable and CodeStorage may pass, CodeConflict of a commit is
// another attempt's, CodeBackupDamaged is for ever.
type Engine interface {
	Preflight(ctx context.Context, target string) (domain.BackupServer, error)
	// Save stores every part under the attempt's own folder and commits nothing.
	Save(ctx context.Context, target, backupID, attempt string, progress func(phase string, bytes int64)) (domain.BackupManifest, error)
	// CheckStored reads the stored bytes of every part again, without opening them.
	CheckStored(ctx context.Context, m domain.BackupManifest, progress func(phase string, bytes int64)) error
	Commit(ctx context.Context, m domain.BackupManifest) error
	RemoveAttempt(ctx context.Context, target, backupID, attempt string) error
	// Discard removes all attempts of a backup that was never committed; CodeConflict when
	// it was.
	Discard(ctx context.Context, target, backupID string) error
}

// Prover opens and restores backups into scratch databases that it removes again.
type Prover interface {
	Verify(ctx context.Context, target, backupID, verificationID string, progress func(phase string, bytes int64)) (domain.BackupEvidence, error)
}

// Keeper is the retention's view of the object store.
type Keeper interface {
	// Inventory lists what lies below a target.
	Inventory(ctx context.Context, target string) (domain.BackupInventory, error)
	Bury(ctx context.Context, target, backupID string, at time.Time) error
	Raise(ctx context.Context, target, backupID string) error
	Remove(ctx context.Context, target, backupID string) error
	RemoveAttempt(ctx context.Context, target, backupID, attempt string) error
	// Hold keeps a committed backup from being removed until Release; CodeNotFound where
	// there is none.
	Hold(ctx context.Context, target, backupID, reason string, at time.Time) error
	Release(ctx context.Context, target, backupID string) error
}

// Catalogue is backup_logs: what became of each backup. It can be made again from the
// manifests.
type Catalogue interface {
	BeginBackup(ctx context.Context, n domain.NewBackup) error
	// StepBackup moves a row forward; steps of an ended backup change nothing.
	StepBackup(ctx context.Context, s domain.BackupStep) error
	BackupsOf(ctx context.Context, target string) ([]domain.BackupRecord, error)
	// AdoptBackup makes a row of a manifest that the catalogue does not know.
	AdoptBackup(ctx context.Context, m domain.BackupManifest, verified *domain.BackupEvidence) error
	// BuryBackup, RaiseBackup and RemoveBackup note what the retention did.
	BuryBackup(ctx context.Context, backupID string, at time.Time) error
	RaiseBackup(ctx context.Context, backupID string) error
	RemoveBackup(ctx context.Context, backupID string, at time.Time) error
	// HoldBackup and ReleaseBackup note who did that and why.
	HoldBackup(ctx context.Context, backupID, by, reason string) error
	ReleaseBackup(ctx context.Context, backupID, by, reason string) error
}

// Logbook are the activities on the catalogue alone, on the queue of the workflows: they
// work also where no host with PostgreSQL's programs does.
type Logbook struct{ catalogue Catalogue }

// NewLogbook returns the activities on catalogue.
func NewLogbook(catalogue Catalogue) *Logbook { return &Logbook{catalogue: catalogue} }

// Begin makes the backup's row.
func (l *Logbook) Begin(ctx context.Context, n domain.NewBackup) error {
	return fault(l.catalogue.BeginBackup(ctx, n))
}

// Note moves the backup's row.
func (l *Logbook) Note(ctx context.Context, step domain.BackupStep) error {
	return fault(l.catalogue.StepBackup(ctx, step))
}

// Saving are the activities on a host that reads databases.
type Saving struct {
	engine    Engine
	catalogue Catalogue
}

// NewSaving returns the activities on engine and catalogue.
func NewSaving(engine Engine, catalogue Catalogue) *Saving {
	return &Saving{engine: engine, catalogue: catalogue}
}

// Preflight finds out whether a backup can be made, before anything is written. A program
// that is missing or too old is told at once: trying again installs nothing.
func (s *Saving) Preflight(ctx context.Context, in SaveInput) (domain.BackupServer, error) {
	defer beat(ctx)()
	server, err := s.engine.Preflight(ctx, in.Target)
	if domain.CodeOf(err) == domain.CodeTool {
		return server, final(err)
	}
	return server, fault(err)
}

// Save stores the parts under a folder of this try. What a failed try has left goes before
// it ends; a killed one's is found by the retention.
func (s *Saving) Save(ctx context.Context, in SaveInput) (domain.BackupManifest, error) {
	info := activity.GetInfo(ctx)
	attempt := fmt.Sprintf("attempt-%s-%d", info.ActivityID, info.Attempt)
	p := s.watch(ctx, in.BackupID)
	defer p.stop()
	m, err := s.engine.Save(ctx, in.Target, in.BackupID, attempt, p.report)
	if err == nil {
		return m, nil
	}
	cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanPatience)
	defer cancel()
	if left := s.engine.RemoveAttempt(cleaning, in.Target, in.BackupID, attempt); left != nil {
		activity.GetLogger(ctx).Warn("a failed attempt's objects are left to the retention", "attempt", attempt, "error", left)
	}
	return m, fault(err)
}

const cleanPatience = time.Minute

// Check reads what was stored again: an upload that the store said it took may not be there.
func (s *Saving) Check(ctx context.Context, m domain.BackupManifest) error {
	p := s.watch(ctx, m.BackupID)
	defer p.stop()
	return fault(s.engine.CheckStored(ctx, m, p.report))
}

// Commit makes the backup exist, and writes that into the catalogue.
func (s *Saving) Commit(ctx context.Context, m domain.BackupManifest) error {
	defer beat(ctx)()
	if err := s.engine.Commit(ctx, m); err != nil {
		return fault(err)
	}
	return fault(s.catalogue.StepBackup(ctx, domain.BackupStep{BackupID: m.BackupID, State: domain.BackupStored, Manifest: &m, At: now()}))
}

// Discard removes everything of a backup that was never committed.
func (s *Saving) Discard(ctx context.Context, in DiscardInput) error {
	defer beat(ctx)()
	err := s.engine.Discard(ctx, in.Target, in.BackupID)
	if domain.CodeOf(err) == domain.CodeConflict {
		return nil // it was committed after all: it exists
	}
	return fault(err)
}

// Proving are the activities on a host that may open backups.
type Proving struct {
	prover    Prover
	catalogue Catalogue
}

// NewProving returns the activities on prover and catalogue.
func NewProving(prover Prover, catalogue Catalogue) *Proving {
	return &Proving{prover: prover, catalogue: catalogue}
}

// Verify restores a backup into a scratch database, compares, and writes down what was
// found. A backup that is not what the source was is a result, not an error.
func (v *Proving) Verify(ctx context.Context, in VerifyInput) (domain.BackupEvidence, error) {
	p := watch(ctx, v.catalogue, in.BackupID)
	defer p.stop()
	e, err := v.prover.Verify(ctx, in.Target, in.BackupID, in.VerificationID, p.report)
	if err != nil {
		return e, fault(err)
	}
	step := domain.BackupStep{BackupID: in.BackupID, State: domain.BackupVerified, Evidence: &e, At: now()}
	if !e.Passed() {
		step.State, step.Error = domain.BackupRejected, domain.CodeBackupRejected
	}
	return e, fault(v.catalogue.StepBackup(ctx, step))
}

// now is the wall clock, in UTC and in the resolution of the database.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
