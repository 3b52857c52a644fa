package restore

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/careflow/careflow/internal/domain"
)

// Engine makes databases beside the live one and exchanges them. Errors are *domain.Error
// for what settings, privileges or bytes are wrong with.
type Engine interface {
	Resolve(ctx context.Context, target, backupID string, before time.Time, product string) (domain.BackupManifest, error)
	// RestoreBeside returns the name of a new database that is what was saved.
	RestoreBeside(ctx context.Context, target, backupID, restoreID string, try int, progress func(phase string, bytes int64)) (string, error)
	// Address is the URL of a database beside the target's, or of the target's own for "".
	Address(ctx context.Context, target, database string) (string, error)
	TakeAlong(ctx context.Context, target, database string, carried []domain.CarriedTable) error
	Compare(ctx context.Context, target, database string) ([]domain.TableDifference, error)
	Swap(ctx context.Context, target, database, restoreID string) (before string, took time.Duration, err error)
	SwapBack(ctx context.Context, target, database, before string) (took time.Duration, err error)
	DropBeside(ctx context.Context, target, restoreID string, all bool) error
}

// Schema is what the product keeps in its database, reached by URL.
type Schema interface {
	// CarriedTables are taken along instead of being set back.
	CarriedTables() []domain.CarriedTable
	// EndSessions ends what may have been ended since the restore point.
	EndSessions(ctx context.Context, url string) error
	Migrate(ctx context.Context, url string) error
	Fence(ctx context.Context, url, restoreID string, fresh bool) error
	KeepVisits(ctx context.Context, before, live, restoreID string, since time.Time) error
}

// Host are the activities on a host that may open backups and rename databases.
type Host struct {
	engine Engine
	schema Schema
}

// NewHost returns the activities on engine and schema.
func NewHost(engine Engine, schema Schema) *Host { return &Host{engine: engine, schema: schema} }

// Resolve finds the backup that is meant.
func (h *Host) Resolve(ctx context.Context, in ResolveInput) (domain.RestoredPoint, error) {
	m, err := h.engine.Resolve(ctx, in.Target, in.BackupID, in.Before, Product)
	return domain.RestoredPoint{BackupID: m.BackupID, SnapshotAt: m.SnapshotAt, Rows: m.Rows, Bytes: m.StoredBytes()}, fault(err)
}

// Fill makes the new database, in one of its own for each try.
func (h *Host) Fill(ctx context.Context, in FillInput) (string, error) {
	b := beat(ctx)
	defer b.stop()
	database, err := h.engine.RestoreBeside(ctx, in.Target, in.BackupID, in.RestoreID, int(activity.GetInfo(ctx).Attempt), b.report)
	return database, fault(err)
}

// Ready makes a database fit to live: this build's schema, who is logged in, the record
// of backups and restores, and the fence, behind which it will begin.
func (h *Host) Ready(ctx context.Context, in BesideInput) error {
	b := beat(ctx)
	defer b.stop()
	url, err := h.engine.Address(ctx, in.Target, in.Database)
	if err != nil {
		return fault(err)
	}
	if err := h.schema.Migrate(ctx, url); err != nil {
		return fault(err)
	}
	if err := h.engine.TakeAlong(ctx, in.Target, in.Database, h.schema.CarriedTables()); err != nil {
		// What lives may be what is broken: the record of backups is then as it was at the
		// restore point, and made again from the manifests by the next retention. Everybody
		// logs in again.
		activity.GetLogger(ctx).Warn("the record of backups and restores is not taken along", "restore_id", in.RestoreID, "error", err)
		if err := h.schema.EndSessions(ctx, url); err != nil {
			return fault(err)
		}
	}
	return fault(h.schema.Fence(ctx, url, in.RestoreID, in.Fresh))
}

// Compare counts the rows of both databases.
func (h *Host) Compare(ctx context.Context, in BesideInput) ([]domain.TableDifference, error) {
	b := beat(ctx)
	defer b.stop()
	list, err := h.engine.Compare(ctx, in.Target, in.Database)
	return list, fault(err)
}

// Swap puts the restored database in the place of the live one.
func (h *Host) Swap(ctx context.Context, in BesideInput) (SwapResult, error) {
	before, took, err := h.engine.Swap(ctx, in.Target, in.Database, in.RestoreID)
	return SwapResult{Before: before, Millis: millis(took)}, fault(err)
}

// Undo exchanges them again.
func (h *Host) Undo(ctx context.Context, in UndoInput) (SwapResult, error) {
	took, err := h.engine.SwapBack(ctx, in.Target, in.Database, in.Before)
	return SwapResult{Before: in.Database, Millis: millis(took)}, fault(err)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Keep lists the visits of the database that was put aside which have no row in the live
// one. One that is gone or broken tells nothing: Temporal and the provider are asked next.
func (h *Host) Keep(ctx context.Context, in KeepInput) error {
	b := beat(ctx)
	defer b.stop()
	live, err := h.engine.Address(ctx, in.Target, "")
	if err != nil {
		return fault(err)
	}
	aside, err := h.engine.Address(ctx, in.Target, in.Aside)
	if err != nil {
		return fault(err)
	}
	if err := h.schema.KeepVisits(ctx, aside, live, in.RestoreID, in.Since); err != nil {
		activity.GetLogger(ctx).Warn("the database of before does not tell which visits it had", "restore_id", in.RestoreID, "error", err)
	}
	return nil
}

// Drop removes databases of the restore that do not live.
func (h *Host) Drop(ctx context.Context, in DropInput) error {
	return fault(h.engine.DropBeside(ctx, in.Target, in.RestoreID, in.All))
}
