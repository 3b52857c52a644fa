// Package backup holds the side effects of backups: it reads databases, keeps what it
// read in the object store, proves it by restoring, and writes the catalogue. Each
// activity may run twice: a try of a backup has a folder of its own and counts only by the
// one manifest; catalogue rows are moved forward only.
//
// This file is the contract with the workflows: registered names, inputs and results.
package backup

import (
	"github.com/careflow/careflow/internal/domain"
)

// Registered activity names. Histories refer to them: never rename one.
const (
	Begin     = "backup.begin"
	Preflight = "backup.preflight"
	Save      = "backup.save"
	Check     = "backup.check"
	Commit    = "backup.commit"
	Verify    = "backup.verify"
	Prune     = "backup.prune"
	Note      = "backup.note"
	Discard   = "backup.discard"
	Hold      = "backup.hold"
)

// Queues of a host that holds PostgreSQL's programs are the base queue with one of these
// endings. The worker of the first holds public keys only; that of the second can read
// backups, and make databases.
const (
	SaveQueueSuffix   = "-backup"
	VerifyQueueSuffix = "-restore"
)

// SaveInput asks for the parts of a backup to be stored, without committing it.
type SaveInput struct {
	Target   string `json:"target"`
	BackupID string `json:"backup_id"`
}

// VerifyInput asks for a backup to be proven by restoring it.
type VerifyInput struct {
	Target         string `json:"target"`
	BackupID       string `json:"backup_id"`
	VerificationID string `json:"verification_id"`
}

// PruneInput asks for the retention of one target. DryRun decides and changes nothing.
type PruneInput struct {
	Target string `json:"target"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// PruneResult is the decision, and what was found that belongs to nothing.
type PruneResult struct {
	Decision domain.RetentionDecision `json:"decision"`
	// Orphans are attempts without a manifest that were removed; Missing are backups of
	// the catalogue that are not in the storage; Adopted are those in the storage that the
	// catalogue did not know.
	Orphans []string `json:"orphans,omitempty"`
	Missing []string `json:"missing,omitempty"`
	Adopted []string `json:"adopted,omitempty"`
	// Unreadable have a manifest that is damaged or signed by nobody we trust.
	Unreadable []string `json:"unreadable,omitempty"`
}

// HoldInput keeps a backup from being removed, or ends that.
type HoldInput struct {
	Target   string `json:"target"`
	BackupID string `json:"backup_id"`
	// Release ends the hold.
	Release bool   `json:"release,omitempty"`
	By      string `json:"by"`     // user ID
	Reason  string `json:"reason"` // coded
}

// DiscardInput asks for everything to go that a backup without a manifest has left.
type DiscardInput struct {
	Target   string `json:"target"`
	BackupID string `json:"backup_id"`
}
