package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Catalogue keeps what became of backups, and alarms. It needs no key of the encrypted
// columns: a host that makes backups holds none.
type Catalogue struct {
	q    *db.Queries
	inTx func(context.Context, func(*db.Queries) error) error
}

// NewCatalogue returns the catalogue in the pool's database.
func NewCatalogue(pool *pgxpool.Pool) *Catalogue {
	s := New(pool, nil)
	return &Catalogue{q: s.q, inTx: s.inTx}
}

// noBackup is an ID that no row has.
const noBackup = "00000000-0000-0000-0000-000000000000"

// BeginBackup makes the row of a backup that begins; it is no error when there is one.
func (s *Catalogue) BeginBackup(ctx context.Context, n domain.NewBackup) error {
	err := s.q.BeginBackup(ctx, db.BeginBackupParams{
		ID: n.BackupID, Target: n.Target, Trigger: string(n.Trigger), RequestedBy: optional(n.By), StartedAt: n.At,
	})
	if err != nil {
		return fmt.Errorf("beginning a backup's row: %w", err)
	}
	return nil
}

// StepBackup moves a backup's row forward. A step that comes late changes nothing.
func (s *Catalogue) StepBackup(ctx context.Context, step domain.BackupStep) error {
	return s.inTx(ctx, func(q *db.Queries) error { return stepBackup(ctx, q, step) })
}

func stepBackup(ctx context.Context, q *db.Queries, step domain.BackupStep) error {
	err := q.StepBackup(ctx, db.StepBackupParams{
		ID: step.BackupID, State: string(step.State), Phase: step.Phase, ProgressBytes: step.Bytes,
		ErrorCode: string(step.Error), ErrorDetail: step.Detail, At: &step.At,
	})
	if err != nil {
		return fmt.Errorf("moving a backup's row: %w", err)
	}
	if m := step.Manifest; m != nil {
		if err := q.NoteManifest(ctx, manifestParams(*m)); err != nil {
			return fmt.Errorf("noting a backup's manifest: %w", err)
		}
	}
	if step.Evidence == nil {
		return nil
	}
	evidence, err := json.Marshal(step.Evidence)
	if err != nil {
		return fmt.Errorf("writing a backup's evidence: %w", err)
	}
	if err := q.NoteEvidence(ctx, db.NoteEvidenceParams{ID: step.BackupID, Evidence: evidence, At: &step.At}); err != nil {
		return fmt.Errorf("noting a backup's evidence: %w", err)
	}
	return nil
}

func manifestParams(m domain.BackupManifest) db.NoteManifestParams {
	p := db.NoteManifestParams{
		ID: m.BackupID, Engine: m.Engine, SnapshotAt: &m.SnapshotAt, FinishedAt: &m.FinishedAt, StoredBytes: m.StoredBytes(),
		Tables: int32(m.Tables), Rows: m.Rows, Server: m.Server.Version, Tool: m.Tool, //nolint:gosec // thousands at most
	}
	for _, part := range m.Parts {
		p.PlainBytes += part.Plain.Bytes
	}
	return p
}

// AdoptBackup makes a row of a backup that lies in the storage and that the catalogue
// does not know, as after a restore of the catalogue itself.
func (s *Catalogue) AdoptBackup(ctx context.Context, m domain.BackupManifest, evidence *domain.BackupEvidence) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		err := q.AdoptBackup(ctx, db.AdoptBackupParams{ID: m.BackupID, Target: m.Target, StartedAt: m.StartedAt})
		if err != nil {
			return fmt.Errorf("adopting a backup: %w", err)
		}
		step := domain.BackupStep{BackupID: m.BackupID, Manifest: &m, At: m.FinishedAt}
		if evidence != nil {
			step.Evidence, step.At, step.State = evidence, evidence.FinishedAt, domain.BackupVerified
			if !evidence.Passed() {
				step.State, step.Error = domain.BackupRejected, domain.CodeBackupRejected
			}
		}
		return stepBackup(ctx, q, step)
	})
}

// BuryBackup notes a tombstone, RaiseBackup that it was taken off, RemoveBackup that the
// bytes are gone. Repeated, they change nothing.
func (s *Catalogue) BuryBackup(ctx context.Context, id string, at time.Time) error {
	return s.q.BuryBackup(ctx, db.BuryBackupParams{ID: id, At: &at})
}

// RaiseBackup notes that a tombstone was taken off.
func (s *Catalogue) RaiseBackup(ctx context.Context, id string) error {
	return s.q.RaiseBackup(ctx, id)
}

// RemoveBackup notes that a backup's bytes are gone.
func (s *Catalogue) RemoveBackup(ctx context.Context, id string, at time.Time) error {
	return s.q.RemoveBackup(ctx, db.RemoveBackupParams{ID: id, At: &at})
}

// HoldBackup notes who keeps a backup from being removed, and why.
func (s *Catalogue) HoldBackup(ctx context.Context, id, by, reason string) error {
	return changedOne(s.q.HoldBackup(ctx, db.HoldBackupParams{ID: id, HeldBy: by, HeldReason: reason}))
}

// ReleaseBackup notes who ended that, and why.
func (s *Catalogue) ReleaseBackup(ctx context.Context, id, by, reason string) error {
	return changedOne(s.q.ReleaseBackup(ctx, db.ReleaseBackupParams{ID: id, ReleasedBy: by, ReleasedReason: reason}))
}

// changedOne is CodeNotFound for a change of no row.
func changedOne(rows int64, err error) error {
	if err != nil {
		return fmt.Errorf("noting a hold: %w", err)
	}
	if rows == 0 {
		return domain.Errorf(domain.CodeNotFound, "there is no such backup")
	}
	return nil
}

// Backup returns one backup; CodeNotFound where there is none.
func (s *Catalogue) Backup(ctx context.Context, id string) (domain.BackupRecord, error) {
	row, err := s.q.BackupByID(ctx, id)
	if err != nil {
		return domain.BackupRecord{}, missing(err, "backup")
	}
	return backupRecord(row)
}

// Backups lists backups, the newest first.
func (s *Catalogue) Backups(ctx context.Context, f domain.BackupFilter) ([]domain.BackupRecord, error) {
	rows, err := s.q.Backups(ctx, db.BackupsParams{
		Target: f.Target, State: string(f.State), BeforeAt: optionalTime(f.BeforeAt), BeforeID: cmp.Or(f.BeforeID, noBackup),
		MaxRows: int32(f.Limit), //nolint:gosec // a page
	})
	if err != nil {
		return nil, fmt.Errorf("listing backups: %w", err)
	}
	return backupRecords(rows)
}

// BackupsOf lists all backups of a target that were not removed, the oldest first.
func (s *Catalogue) BackupsOf(ctx context.Context, target string) ([]domain.BackupRecord, error) {
	rows, err := s.q.BackupsOfTarget(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("listing the backups of a target: %w", err)
	}
	return backupRecords(rows)
}

func backupRecords(rows []db.BackupLog) ([]domain.BackupRecord, error) {
	list := make([]domain.BackupRecord, 0, len(rows))
	for _, row := range rows {
		r, err := backupRecord(row)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

func backupRecord(row db.BackupLog) (domain.BackupRecord, error) {
	r := domain.BackupRecord{
		BackupID: row.ID, Target: row.Target, Engine: row.Engine, Trigger: domain.BackupTrigger(row.Trigger),
		RequestedBy: deref(row.RequestedBy), State: domain.BackupState(row.State), Phase: row.Phase, Bytes: row.ProgressBytes,
		StartedAt: row.StartedAt.UTC(), SnapshotAt: utc(row.SnapshotAt), FinishedAt: utc(row.FinishedAt), VerifiedAt: utc(row.VerifiedAt),
		StoredBytes: row.StoredBytes, PlainBytes: row.PlainBytes, Tables: int(row.Tables), Rows: row.Rows, Server: row.Server, Tool: row.Tool,
		Error: domain.Code(row.ErrorCode), Detail: row.ErrorDetail, HeldBy: deref(row.HeldBy), HeldReason: row.HeldReason,
		ReleasedBy: deref(row.ReleasedBy), ReleasedReason: row.ReleasedReason,
		BuriedAt: utc(row.BuriedAt), RemovedAt: utc(row.RemovedAt),
	}
	if row.Evidence != nil {
		if err := json.Unmarshal(row.Evidence, &r.Evidence); err != nil {
			return r, fmt.Errorf("reading a backup's evidence: %w", err)
		}
	}
	return r, nil
}

// OpenAlarm keeps an alarm under its key, once.
func (s *Catalogue) OpenAlarm(ctx context.Context, a domain.Alarm) (domain.KeptAlarm, error) {
	row, err := s.q.OpenAlarm(ctx, db.OpenAlarmParams{
		ID: domain.NewID(), Key: a.Key, Kind: a.Kind, Subject: a.Subject, Ref: a.Ref, Code: string(a.Code), Detail: a.Detail, RaisedAt: a.At,
	})
	if err != nil {
		return domain.KeptAlarm{}, fmt.Errorf("keeping an alarm: %w", err)
	}
	return domain.KeptAlarm{ID: row.ID, State: domain.AlarmState(row.State), Told: row.Told}, nil
}

// NoteTold notes that an alarm was sent to an address.
func (s *Catalogue) NoteTold(ctx context.Context, id, address string) error {
	return s.q.NoteTold(ctx, db.NoteToldParams{ID: id, Address: address})
}

// SettleAlarm notes what became of an alarm.
func (s *Catalogue) SettleAlarm(ctx context.Context, id string, state domain.AlarmState) error {
	return s.q.SettleAlarm(ctx, db.SettleAlarmParams{ID: id, State: string(state)})
}
