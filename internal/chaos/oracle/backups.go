package oracle

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// BackupTarget is the product's own database by the name that backups know it by.
const BackupTarget = "clinic"

// Backup is a backup in the catalogue.
type Backup struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Rows  int64  `json:"rows"`
	Error string `json:"error,omitempty"`
	// Failures and Checks are what its proof found, as the catalogue has it.
	Failures []string `json:"failures"`
	Checks   []string `json:"checks"`
}

// StoredBackup is what lies in the storage below one backup's folder.
type StoredBackup struct {
	// Objects are the keys below the folder, with the SHA-256 of what they hold.
	Objects map[string]string `json:"objects"`
	// Manifest is nil where there is none.
	Manifest *Manifest `json:"manifest"`
	// Evidence are the proofs that lie beside it.
	Evidence []Evidence `json:"evidence"`
	// Restored is what was read out of it without the product; nil where nobody tried.
	Restored *Restored `json:"restored"`
}

// Manifest is the part of a manifest that the rules here need.
type Manifest struct {
	BackupID   string    `json:"backup_id"`
	Attempt    string    `json:"attempt"`
	SnapshotAt time.Time `json:"snapshot_at"`
	Rows       int64     `json:"rows"`
	Parts      []struct {
		Name   string `json:"name"`
		Object string `json:"object"` // from the target on
		Stored struct {
			SHA256 string `json:"sha256"`
		} `json:"stored"`
	} `json:"parts"`
}

// Evidence is the part of a proof that the rules here need.
type Evidence struct {
	BackupID string   `json:"backup_id"`
	Rows     int64    `json:"rows"`
	Checks   []string `json:"checks"`
	Failures []string `json:"failures"`
}

// Restored is what a backup holds, by PostgreSQL's own program.
type Restored struct {
	Rows int64 `json:"rows"`
	// Visits are the IDs of its appointments.
	Visits []string `json:"visits"`
}

// committed are the states of a backup that exists.
var committed = []string{"stored", "verified", "rejected"}

// backups: what was promised was made or says why not, what exists is whole and proven,
// and nothing else lies around.
func (c *court) backups() {
	for _, p := range c.j.Promises {
		c.figures["backups asked for"]++
		if c.w.Backups[p.ID] == nil {
			c.find("backup_lost", p.ID, "it was promised, and the catalogue does not know it")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.w.Backups)) {
		b := c.w.Backups[id]
		c.figures["backups "+b.State]++
		c.backup(b, c.w.Storage[id])
	}
	for id := range c.w.Storage {
		if c.w.Backups[id] == nil {
			c.find("backup_orphan", id, "the catalogue does not know it")
		}
	}
	for _, name := range c.w.Scratch {
		c.find("backup_scratch_left", name, "nobody dropped this database")
	}
	if len(c.j.Promises) > 0 && c.figures["backups verified"] == 0 {
		c.find("backup_none_verified", BackupTarget, "of %d", len(c.w.Backups))
	}
}

func (c *court) backup(b *Backup, s *StoredBackup) {
	if s == nil {
		s = &StoredBackup{}
	}
	if exists := s.Manifest != nil; exists != slices.Contains(committed, b.State) {
		c.find("backup_disagrees", b.ID, "the catalogue says %s, there is a manifest: %t", b.State, exists)
	}
	owned := c.owned(b, s)
	for _, key := range slices.Sorted(maps.Keys(s.Objects)) {
		if !owned[key] {
			c.find("backup_orphan", b.ID, "%s belongs to nothing", key)
		}
	}
	switch b.State {
	case "verified":
		c.proven(b, s)
	case "failed":
		c.find("backup_failed", b.ID, "%s", b.Error)
	case "rejected":
		c.find("backup_rejected", b.ID, "%v", b.Failures)
	case "running", "stored":
		c.find("backup_left_open", b.ID, "it is still %s", b.State)
	}
}

// owned are the objects that a backup has a reason for: the manifest, what that names, and
// what proves it. Each part is what was written.
func (c *court) owned(b *Backup, s *StoredBackup) map[string]bool {
	owned := map[string]bool{}
	if s.Manifest == nil {
		return owned
	}
	if s.Manifest.BackupID != b.ID {
		c.find("backup_damaged", b.ID, "its manifest is that of %s", s.Manifest.BackupID)
	}
	for key := range s.Objects {
		owned[key] = key == "manifest.json" || strings.HasPrefix(key, "evidence/")
	}
	for _, p := range s.Manifest.Parts {
		key := strings.TrimPrefix(p.Object, BackupTarget+"/"+b.ID+"/")
		if s.Objects[key] != p.Stored.SHA256 || !strings.HasPrefix(key, s.Manifest.Attempt+"/") {
			c.find("backup_damaged", b.ID, "%s is not what its manifest says", p.Object)
		}
		owned[key] = true
	}
	return owned
}

// snapshotSlack is how long before the snapshot a visit was booked that must be in it: its
// transaction may have waited for a fault to pass.
const snapshotSlack = 30 * time.Second

// proven: there is evidence that says so, it speaks of this backup, and whoever reads the
// backup without us finds the same in it.
func (c *court) proven(b *Backup, s *StoredBackup) {
	if s.Manifest == nil {
		return // found already
	}
	if !slices.ContainsFunc(s.Evidence, func(e Evidence) bool {
		return e.BackupID == b.ID && len(e.Failures) == 0 && len(e.Checks) > 0 && e.Rows == s.Manifest.Rows
	}) || len(b.Failures) > 0 || len(b.Checks) == 0 || b.Rows != s.Manifest.Rows {
		c.find("backup_not_verified", b.ID, "it is called verified, and nothing proves it")
	}
	if s.Restored == nil {
		return
	}
	c.figures["backups restored without the product"]++
	if s.Restored.Rows != s.Manifest.Rows {
		c.find("backup_not_verified", b.ID, "its manifest counts %d rows, %d come out of it", s.Manifest.Rows, s.Restored.Rows)
	}
	for id, v := range c.w.Visits {
		in := slices.Contains(s.Restored.Visits, id)
		switch {
		case !in && v.CreatedAt.Before(s.Manifest.SnapshotAt.Add(-snapshotSlack)):
			c.find("backup_lacks_rows", b.ID, "visit %s of %s is not in the snapshot of %s", id, v.CreatedAt, s.Manifest.SnapshotAt)
		case in && v.CreatedAt.After(s.Manifest.SnapshotAt.Add(time.Second)):
			c.find("backup_lacks_rows", b.ID, "visit %s of %s is in the snapshot of %s", id, v.CreatedAt, s.Manifest.SnapshotAt)
		}
	}
}
