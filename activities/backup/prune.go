package backup

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Pruning applies the retention.
type Pruning struct {
	keeper    Keeper
	catalogue Catalogue
	policy    domain.RetentionPolicy
}

// NewPruning returns the activity on keeper and catalogue under a policy.
func NewPruning(keeper Keeper, catalogue Catalogue, policy domain.RetentionPolicy) *Pruning {
	return &Pruning{keeper: keeper, catalogue: catalogue, policy: policy}
}

// orphanAge is how long an attempt without a manifest is left alone where the catalogue
// does not say that its backup is over: a backup takes hours at most, and the process that
// makes one is bounded by less.
const orphanAge = 26 * time.Hour

// Prune brings storage and catalogue together, decides, and removes: tombstones first,
// bytes after the grace. Nothing goes that the storage does not prove by its own manifest.
func (p *Pruning) Prune(ctx context.Context, in PruneInput) (PruneResult, error) {
	defer beat(ctx)()
	var result PruneResult
	// Before the storage is listed: what was over by then can commit nothing any more.
	over, err := p.over(ctx, in.Target)
	if err != nil {
		return result, fault(err)
	}
	inventory, err := p.keeper.Inventory(ctx, in.Target)
	if err != nil {
		return result, fault(err)
	}
	records, err := p.catalogue.BackupsOf(ctx, in.Target)
	if err != nil {
		return result, fault(err)
	}
	result.Unreadable = inventory.Unreadable
	points := p.points(inventory, records, &result)
	result.Decision = p.policy.Decide(now(), points)
	for _, o := range inventory.Attempts {
		if over[o.BackupID] || now().Sub(o.ChangedAt) > orphanAge {
			result.Orphans = append(result.Orphans, o.BackupID+"/"+o.Attempt)
		}
	}
	if in.DryRun {
		return result, nil
	}
	return result, fault(p.apply(ctx, in.Target, inventory, result))
}

// over are the backups that were committed or ended: whatever else their attempts left is
// of no use.
func (p *Pruning) over(ctx context.Context, target string) (map[string]bool, error) {
	records, err := p.catalogue.BackupsOf(ctx, target)
	over := map[string]bool{}
	for _, r := range records {
		over[r.BackupID] = r.State != domain.BackupRunning
	}
	return over, err
}

// Hold keeps a backup from being removed, or ends that. The storage comes first: a hold
// there outlives the catalogue.
func (p *Pruning) Hold(ctx context.Context, in HoldInput) error {
	defer beat(ctx)()
	if in.Release {
		return fault(both(p.keeper.Release(ctx, in.Target, in.BackupID), func() error {
			return p.catalogue.ReleaseBackup(ctx, in.BackupID, in.By, in.Reason)
		}))
	}
	return fault(both(p.keeper.Hold(ctx, in.Target, in.BackupID, in.Reason, now()), func() error {
		return p.catalogue.HoldBackup(ctx, in.BackupID, in.By, in.Reason)
	}))
}

// points are the committed backups, with what the catalogue knows of them.
func (p *Pruning) points(inventory domain.BackupInventory, records []domain.BackupRecord, result *PruneResult) []domain.RestorePoint {
	known := map[string]domain.BackupRecord{}
	for _, r := range records {
		known[r.BackupID] = r
	}
	var points []domain.RestorePoint
	for _, b := range inventory.Backups {
		r, ok := known[b.Manifest.BackupID]
		delete(known, b.Manifest.BackupID)
		if !ok {
			result.Adopted = append(result.Adopted, b.Manifest.BackupID)
		}
		points = append(points, domain.RestorePoint{
			BackupID: b.Manifest.BackupID, SnapshotAt: b.Manifest.SnapshotAt, Held: b.Held || r.Held(), BuriedAt: b.BuriedAt,
			Verified: b.Evidence != nil && b.Evidence.Passed(),
		})
	}
	for id, r := range known {
		if r.State.Committed() {
			result.Missing = append(result.Missing, id)
		}
	}
	slices.Sort(result.Missing)
	return points
}

func (p *Pruning) apply(ctx context.Context, target string, inventory domain.BackupInventory, result PruneResult) error {
	var failed []error
	try := func(err error) { failed = append(failed, err) }
	for _, b := range inventory.Backups {
		if slices.Contains(result.Adopted, b.Manifest.BackupID) {
			try(p.catalogue.AdoptBackup(ctx, b.Manifest, b.Evidence))
		}
	}
	for _, o := range inventory.Attempts {
		if slices.Contains(result.Orphans, o.BackupID+"/"+o.Attempt) {
			try(p.keeper.RemoveAttempt(ctx, target, o.BackupID, o.Attempt))
		}
	}
	at := now()
	for _, id := range inventory.Removing {
		try(both(p.keeper.Remove(ctx, target, id), func() error { return p.catalogue.RemoveBackup(ctx, id, at) }))
	}
	for _, id := range result.Decision.Raise {
		try(both(p.keeper.Raise(ctx, target, id), func() error { return p.catalogue.RaiseBackup(ctx, id) }))
	}
	for _, id := range result.Decision.Bury {
		try(both(p.keeper.Bury(ctx, target, id, at), func() error { return p.catalogue.BuryBackup(ctx, id, at) }))
	}
	for _, id := range result.Decision.Remove {
		try(both(p.keeper.Remove(ctx, target, id), func() error { return p.catalogue.RemoveBackup(ctx, id, at) }))
	}
	return errors.Join(failed...)
}

// both does the second when the first went well.
func both(first error, second func() error) error {
	if first != nil {
		return first
	}
	return second()
}
