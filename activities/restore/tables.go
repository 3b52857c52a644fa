package restore

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// TableEngine puts single tables of backups beside the live ones. Errors are as Engine's.
type TableEngine interface {
	ResolveTable(ctx context.Context, target, backupID string, before time.Time, table string) (domain.BackupManifest, domain.TableFingerprint, error)
	PlaceTable(ctx context.Context, target, backupID, table, restoreID string, until time.Time, progress func(phase string, bytes int64)) (domain.TableCopy, error)
	CompareTable(ctx context.Context, target string, c domain.TableCopy) (domain.TableCopy, error)
	DropTable(ctx context.Context, target, restoreID string) error
}

// Tables are the activities of restores of single tables, on the hosts of Host.
type Tables struct{ engine TableEngine }

// NewTables returns the activities on engine.
func NewTables(engine TableEngine) *Tables { return &Tables{engine: engine} }

// Resolve finds the backup that is meant, and makes sure that it has the table.
func (t *Tables) Resolve(ctx context.Context, in ResolveTableInput) (domain.RestoredPoint, error) {
	m, saved, err := t.engine.ResolveTable(ctx, in.Target, in.BackupID, in.Before, in.Table)
	return domain.RestoredPoint{BackupID: m.BackupID, SnapshotAt: m.SnapshotAt, Rows: saved.Rows, Bytes: m.StoredBytes()}, fault(err)
}

// Place makes the copy, anew with each try.
func (t *Tables) Place(ctx context.Context, in PlaceTableInput) (domain.TableCopy, error) {
	b := beat(ctx)
	defer b.stop()
	c, err := t.engine.PlaceTable(ctx, in.Target, in.BackupID, in.Table, in.RestoreID, in.Until, b.report)
	return c, fault(err)
}

// Compare counts the rows that differ.
func (t *Tables) Compare(ctx context.Context, in CompareTableInput) (domain.TableCopy, error) {
	b := beat(ctx)
	defer b.stop()
	c, err := t.engine.CompareTable(ctx, in.Target, in.Copy)
	return c, fault(err)
}

// Drop removes the copy.
func (t *Tables) Drop(ctx context.Context, in DropTableInput) error {
	return fault(t.engine.DropTable(ctx, in.Target, in.RestoreID))
}
