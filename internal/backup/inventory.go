package backup

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/careflow/careflow/internal/domain"
)

// Inventory lists what lies below a target: one listing, and the small documents of each
// backup. A folder whose manifest nobody we trust has signed is left alone and named.
func (v *Vault) Inventory(ctx context.Context, target string) (domain.BackupInventory, error) {
	var inv domain.BackupInventory
	folders, err := v.folders(ctx, target)
	if err != nil {
		return inv, err
	}
	for _, f := range folders {
		committed := ""
		if f.manifest {
			b, err := v.stored(ctx, target, f)
			switch {
			case domain.CodeOf(err) == domain.CodeBackupDamaged:
				inv.Unreadable = append(inv.Unreadable, f.id)
				continue // whose attempt it is nobody can say: nothing of it is touched
			case err != nil:
				return inv, err
			}
			inv.Backups = append(inv.Backups, b)
			committed = b.Manifest.Attempt
		} else if f.tombstone {
			inv.Removing = append(inv.Removing, f.id)
			continue
		}
		for attempt, changed := range f.attempts {
			if attempt != committed {
				inv.Attempts = append(inv.Attempts, domain.StoredAttempt{BackupID: f.id, Attempt: attempt, ChangedAt: changed})
			}
		}
	}
	slices.SortFunc(inv.Attempts, func(a, b domain.StoredAttempt) int {
		return strings.Compare(a.BackupID+"/"+a.Attempt, b.BackupID+"/"+b.Attempt)
	})
	return inv, nil
}

// backupFolder is what one listing tells of a backup.
type backupFolder struct {
	id             string
	manifest, held bool
	tombstone      bool
	evidence       []string             // keys
	attempts       map[string]time.Time // name to last change
}

func (v *Vault) folders(ctx context.Context, target string) ([]*backupFolder, error) {
	if err := domain.ValidTarget(target); err != nil {
		return nil, err
	}
	var folders []*backupFolder
	err := v.each(ctx, target+"/", func(o *blob.ListObject) {
		id, rest, inside := strings.Cut(strings.TrimPrefix(o.Key, target+"/"), "/")
		if !inside {
			return // a probe
		}
		// A listing is in the order of keys.
		if len(folders) == 0 || folders[len(folders)-1].id != id {
			folders = append(folders, &backupFolder{id: id, attempts: map[string]time.Time{}})
		}
		folders[len(folders)-1].add(o, rest)
	})
	return folders, err
}

func (f *backupFolder) add(o *blob.ListObject, rest string) {
	switch dir, _ := path.Split(rest); {
	case rest == manifestName:
		f.manifest = true
	case rest == tombstoneName:
		f.tombstone = true
	case rest == holdName:
		f.held = true
	case dir == evidenceFolder:
		f.evidence = append(f.evidence, o.Key)
	case dir != "":
		attempt, _, _ := strings.Cut(rest, "/")
		if changed := o.ModTime.UTC(); changed.After(f.attempts[attempt]) {
			f.attempts[attempt] = changed
		}
	}
}

// stored reads the documents of one committed backup.
func (v *Vault) stored(ctx context.Context, target string, f *backupFolder) (domain.StoredBackup, error) {
	b := domain.StoredBackup{Held: f.held}
	var err error
	if b.Manifest, err = v.Manifest(ctx, target, f.id); err != nil {
		return b, err
	}
	for _, key := range f.evidence {
		raw, err := v.read(ctx, key)
		if err != nil {
			return b, err
		}
		var e domain.BackupEvidence
		if v.signer.verify(kindEvidence, raw, &e) != nil || e.BackupID != f.id || e.Target != target {
			continue // evidence that nobody we trust gave proves nothing
		}
		if b.Evidence == nil || (e.Passed() && !b.Evidence.Passed()) ||
			(e.Passed() == b.Evidence.Passed() && e.FinishedAt.After(b.Evidence.FinishedAt)) {
			b.Evidence = &e
		}
	}
	if f.tombstone {
		raw, err := v.read(ctx, tombstoneKey(target, f.id))
		if err != nil {
			return b, err
		}
		var t tombstone
		if json.Unmarshal(raw, &t) != nil || t.At.IsZero() {
			return b, domain.Errorf(domain.CodeBackupDamaged, "the tombstone of backup %s cannot be read", f.id)
		}
		b.BuriedAt = t.At.UTC()
	}
	return b, nil
}

// tombstone says since when a backup is to be removed.
type tombstone struct {
	At time.Time `json:"at"`
}

// Bury marks a backup as to be removed. One that is marked already keeps its date.
func (v *Vault) Bury(ctx context.Context, target, backupID string, at time.Time) error {
	err := v.document(ctx, tombstoneKey(target, backupID), tombstone{At: at})
	if domain.CodeOf(err) == domain.CodeConflict {
		return nil
	}
	return err
}

// Raise takes the mark off.
func (v *Vault) Raise(ctx context.Context, target, backupID string) error {
	return v.remove(ctx, tombstoneKey(target, backupID))
}

// Hold keeps a backup from being removed until Release. It lies in the storage, so that it
// outlives the catalogue.
func (v *Vault) Hold(ctx context.Context, target, backupID, reason string, at time.Time) error {
	err := v.document(ctx, folder(target, backupID)+holdName, struct {
		Reason string    `json:"reason"`
		At     time.Time `json:"at"`
	}{reason, at})
	if domain.CodeOf(err) == domain.CodeConflict {
		return nil
	}
	return err
}

// Release ends a hold.
func (v *Vault) Release(ctx context.Context, target, backupID string) error {
	return v.remove(ctx, folder(target, backupID)+holdName)
}

// Remove removes a buried backup: its manifest first, since without that it is no backup
// any more, then the rest. CodeConflict when it is held or has no tombstone.
func (v *Vault) Remove(ctx context.Context, target, backupID string) error {
	folders, err := v.folders(ctx, target)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(folders, func(f *backupFolder) bool { return f.id == backupID })
	if i < 0 {
		return nil
	}
	if folders[i].manifest && (folders[i].held || !folders[i].tombstone) {
		return domain.Errorf(domain.CodeConflict, "backup %s is held or has no tombstone: it is not removed", backupID)
	}
	if err := v.remove(ctx, manifestKey(target, backupID)); err != nil {
		return err
	}
	return v.removeAll(ctx, folder(target, backupID))
}

// Discard removes all attempts of a backup that was never committed; CodeConflict when it
// was.
func (v *Vault) Discard(ctx context.Context, target, backupID string) error {
	switch _, err := v.read(ctx, manifestKey(target, backupID)); {
	case err == nil:
		return domain.Errorf(domain.CodeConflict, "backup %s was committed: it is removed by the retention only", backupID)
	case domain.CodeOf(err) != domain.CodeNotFound:
		return err
	}
	return v.removeAll(ctx, folder(target, backupID))
}
