package domain

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// BackupManifest says what one backup consists of and what it was made from. It is the
// only commit point: a backup exists if and only if its signed manifest does. It holds no
// data of the database, only sizes, sums and names of tables.
type BackupManifest struct {
	Format   int    `json:"format"` // version of this form
	BackupID string `json:"backup_id"`
	Target   string `json:"target"`
	Engine   string `json:"engine"`
	// Attempt names the folder whose objects these are; another attempt's are leftovers.
	Attempt string `json:"attempt"`

	StartedAt time.Time `json:"started_at"` // UTC, as all times here
	// SnapshotAt is the restore point: what was committed by then is in, nothing later.
	SnapshotAt time.Time `json:"snapshot_at"`
	FinishedAt time.Time `json:"finished_at"`

	Server BackupServer `json:"server"`
	// Tool is the version of the program that read the database, such as "pg_dump 15.18".
	Tool    string `json:"tool"`
	Product string `json:"product"` // version of Careflow

	Parts []BackupPart `json:"parts"`
	// Recipients are the public keys that the parts are encrypted for (age).
	Recipients []string `json:"recipients"`
	// KeyIDs name the keys whose wrapped form is in the backup, by ring. KEKIDs name the
	// key-encryption keys that open them: those are never inside.
	KeyIDs map[string][]string `json:"key_ids,omitempty"`
	KEKIDs []string            `json:"kek_ids,omitempty"`

	Tables int   `json:"tables"`
	Rows   int64 `json:"rows"`
}

// ManifestFormat is the form of the manifests that this version writes and reads.
const ManifestFormat = 1

// BackupServer is the database server a backup was made of.
type BackupServer struct {
	Version    string            `json:"version"`     // such as "15.18"
	VersionNum int               `json:"version_num"` // such as 150018
	Database   string            `json:"database"`
	SystemID   string            `json:"system_id,omitempty"` // of the cluster; "" where we may not ask
	LSN        string            `json:"lsn,omitempty"`
	Encoding   string            `json:"encoding"`
	Collation  string            `json:"collation"`
	Extensions map[string]string `json:"extensions,omitempty"` // name to version
}

// BackupPart is one object of a backup.
type BackupPart struct {
	Name   string `json:"name"`   // what it is: data, globals, settings, fingerprint, keys
	Object string `json:"object"` // its key in the storage
	// Stored is the object as it lies there: compressed and encrypted. Plain is what went in.
	Stored Digest `json:"stored"`
	Plain  Digest `json:"plain"`
}

// Digest is the size and the SHA-256 (hex) of a stream of bytes.
type Digest struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// The parts of a backup by the logical engine.
const (
	PartData        = "data"        // pg_dump's custom format, uncompressed inside
	PartGlobals     = "globals"     // roles and tablespaces as SQL, without passwords
	PartSettings    = "settings"    // settings of the database and of roles in it, as SQL
	PartFingerprint = "fingerprint" // count and hash of each table at the snapshot
	PartKeys        = "keys"        // wrapped keys of all rings, as a JSON list of WrappedKey
)

// Part returns a part by its name.
func (m BackupManifest) Part(name string) (BackupPart, bool) {
	i := slices.IndexFunc(m.Parts, func(p BackupPart) bool { return p.Name == name })
	if i < 0 {
		return BackupPart{}, false
	}
	return m.Parts[i], true
}

// StoredBytes is what the backup takes in the storage.
func (m BackupManifest) StoredBytes() int64 {
	var n int64
	for _, p := range m.Parts {
		n += p.Stored.Bytes
	}
	return n
}

var (
	targetName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
	digestHex  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// ValidTarget reports whether name can name a target of backups: it is part of object
// keys, of workflow IDs and of the names of databases.
func ValidTarget(name string) error {
	if !targetName.MatchString(name) {
		return Errorf(CodeInvalid, "a backup target is named by lower-case letters, digits, _ and -, at most 40, beginning with a letter; %q is not", name)
	}
	return nil
}

// Validate reports a manifest that cannot be one of ours, whoever signed it.
func (m BackupManifest) Validate() error {
	switch {
	case m.Format != ManifestFormat:
		return Errorf(CodeInvalid, "the manifest has form %d; this version reads form %d", m.Format, ManifestFormat)
	case m.BackupID == "" || m.Attempt == "" || m.Engine == "":
		return Errorf(CodeInvalid, "the manifest does not say which backup it is of")
	case m.SnapshotAt.IsZero() || m.FinishedAt.Before(m.StartedAt):
		return Errorf(CodeInvalid, "the manifest's times contradict each other")
	case len(m.Parts) == 0:
		return Errorf(CodeInvalid, "the manifest has no parts")
	}
	if err := ValidTarget(m.Target); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, p := range m.Parts {
		if p.Name == "" || p.Object == "" || seen[p.Name] || p.Stored.Bytes <= 0 ||
			!digestHex.MatchString(p.Stored.SHA256) || !digestHex.MatchString(p.Plain.SHA256) {
			return Errorf(CodeInvalid, "the manifest's part %q is not whole", p.Name)
		}
		seen[p.Name] = true
	}
	return nil
}

// TableFingerprint is the content of one table at one snapshot: how many rows and the sum
// of their hashes, which does not depend on their order.
type TableFingerprint struct {
	Table string `json:"table"` // schema-qualified and quoted
	Rows  int64  `json:"rows"`
	Hash  string `json:"hash"` // decimal
	// Method says how rows are hashed: "record" (hash_record_extended) or "text", where a
	// column's type has no hash function.
	Method string `json:"method"`
}

// SequenceFingerprint is where a sequence stood before the snapshot. Sequences are not
// part of snapshots: a restored one may be further on, never further back.
type SequenceFingerprint struct {
	Sequence string `json:"sequence"`
	Last     int64  `json:"last"`
}

// Fingerprint is the content of a database at one snapshot.
type Fingerprint struct {
	Tables    []TableFingerprint    `json:"tables"`
	Sequences []SequenceFingerprint `json:"sequences,omitempty"`
}

// Table returns what is known of a table, by its qualified and quoted name.
func (f Fingerprint) Table(name string) (TableFingerprint, bool) {
	i := slices.IndexFunc(f.Tables, func(t TableFingerprint) bool { return t.Table == name })
	if i < 0 {
		return TableFingerprint{}, false
	}
	return f.Tables[i], true
}

// Rows counts all rows.
func (f Fingerprint) Rows() int64 {
	var n int64
	for _, t := range f.Tables {
		n += t.Rows
	}
	return n
}

// Differences compares a restored database with what was saved, a line for each table or
// sequence that is not the same. No line holds anything of a row.
func (f Fingerprint) Differences(restored Fingerprint) []string {
	var lines []string
	found := map[string]TableFingerprint{}
	for _, t := range restored.Tables {
		found[t.Table] = t
	}
	for _, want := range f.Tables {
		got, ok := found[want.Table]
		delete(found, want.Table)
		switch {
		case !ok:
			lines = append(lines, fmt.Sprintf("table %s is missing (%d rows)", want.Table, want.Rows))
		case got.Rows != want.Rows:
			lines = append(lines, fmt.Sprintf("table %s has %d rows instead of %d", want.Table, got.Rows, want.Rows))
		case got.Method != want.Method || got.Hash != want.Hash:
			lines = append(lines, fmt.Sprintf("table %s has %d rows with other content", want.Table, got.Rows))
		}
	}
	for name := range found {
		lines = append(lines, fmt.Sprintf("table %s was not in the source", name))
	}
	last := map[string]int64{}
	for _, s := range restored.Sequences {
		last[s.Sequence] = s.Last
	}
	for _, want := range f.Sequences {
		got, ok := last[want.Sequence]
		switch {
		case !ok:
			lines = append(lines, fmt.Sprintf("sequence %s is missing", want.Sequence))
		case got < want.Last:
			lines = append(lines, fmt.Sprintf("sequence %s stands at %d, before %d", want.Sequence, got, want.Last))
		}
	}
	slices.Sort(lines)
	return lines
}

// BackupEvidence is what one verification of a backup found. Failures is empty when every
// check passed: only then the backup counts.
type BackupEvidence struct {
	VerificationID string    `json:"verification_id"`
	BackupID       string    `json:"backup_id"`
	Target         string    `json:"target"`
	StartedAt      time.Time `json:"started_at"`
	FinishedAt     time.Time `json:"finished_at"`
	// Server and Tool are those that restored it.
	Server   string   `json:"server"`
	Tool     string   `json:"tool"`
	Tables   int      `json:"tables"`
	Rows     int64    `json:"rows"`
	Checks   []string `json:"checks"`
	Failures []string `json:"failures,omitempty"`
	// DownloadedBytes were read from the storage; RestoreSeconds took the restore alone.
	DownloadedBytes int64   `json:"downloaded_bytes"`
	RestoreSeconds  float64 `json:"restore_seconds"`
}

// Passed reports whether the backup was proven.
func (e BackupEvidence) Passed() bool { return len(e.Failures) == 0 && len(e.Checks) > 0 }

// BackupState is where a backup stands in the catalogue.
type BackupState string

// The states of a backup. A stored backup is committed and not proven yet; only a verified
// one counts.
const (
	BackupRunning   BackupState = "running"
	BackupStored    BackupState = "stored"
	BackupVerified  BackupState = "verified"
	BackupRejected  BackupState = "rejected" // restored, and not what the source was
	BackupFailed    BackupState = "failed"
	BackupCancelled BackupState = "cancelled"
	BackupRemoved   BackupState = "removed" // by the retention
)

// BackupTrigger is what began a backup.
type BackupTrigger string

// What begins a backup.
const (
	BackupScheduled BackupTrigger = "schedule"
	BackupAsked     BackupTrigger = "person"
	BackupAgain     BackupTrigger = "rejected_before" // the last one was rejected
	BackupRestores  BackupTrigger = "restore"         // what is there, before a restore
)

// BackupStep is what a job has come to, for the catalogue. Zero fields leave what is there.
type BackupStep struct {
	BackupID string      `json:"backup_id"`
	State    BackupState `json:"state,omitempty"`
	Phase    string      `json:"phase,omitempty"`
	Bytes    int64       `json:"bytes,omitempty"` // plain bytes of the phase so far
	// Manifest is set once the backup is committed, Evidence once it was verified.
	Manifest *BackupManifest `json:"manifest,omitempty"`
	Evidence *BackupEvidence `json:"evidence,omitempty"`
	Error    Code            `json:"error,omitempty"`
	Detail   string          `json:"detail,omitempty"` // what the error says, nothing of a row
	At       time.Time       `json:"at"`               // UTC
}

// NewBackup is a backup that begins.
type NewBackup struct {
	BackupID string        `json:"backup_id"`
	Target   string        `json:"target"`
	Trigger  BackupTrigger `json:"trigger"`
	By       string        `json:"by,omitempty"` // the person's user ID
	At       time.Time     `json:"at"`
}

// Committed reports whether a backup in this state should lie in the storage.
func (s BackupState) Committed() bool {
	return s == BackupStored || s == BackupVerified || s == BackupRejected
}

// Ended reports whether nothing more happens to a backup in this state but its removal.
func (s BackupState) Ended() bool { return s != BackupRunning && s != BackupStored }

// BackupRecord is a backup as the catalogue knows it. Times are UTC, zero where not known.
type BackupRecord struct {
	BackupID    string
	Target      string
	Engine      string
	Trigger     BackupTrigger
	RequestedBy string // user ID; "" for the schedule
	State       BackupState
	Phase       string
	Bytes       int64 // plain bytes of the phase so far
	StartedAt   time.Time
	SnapshotAt  time.Time
	FinishedAt  time.Time
	VerifiedAt  time.Time
	StoredBytes int64
	PlainBytes  int64
	Tables      int
	Rows        int64
	Server      string
	Tool        string
	Error       Code
	Detail      string
	Evidence    *BackupEvidence
	HeldBy      string // user ID; "" when it is not held
	HeldReason  string // coded
	// ReleasedBy and ReleasedReason are of the end of the last hold.
	ReleasedBy     string
	ReleasedReason string
	BuriedAt       time.Time
	RemovedAt      time.Time
}

// Held reports whether a person keeps this backup from being removed.
func (r BackupRecord) Held() bool { return r.HeldBy != "" }

// BackupInventory is what lies in the storage below one target.
type BackupInventory struct {
	Backups []StoredBackup
	// Attempts have no manifest that speaks of them.
	Attempts []StoredAttempt
	// Removing are backups whose removal has begun and not ended.
	Removing []string
	// Unreadable are folders whose manifest is damaged or signed by nobody we trust: they
	// are left alone and shown.
	Unreadable []string
}

// StoredBackup is a committed backup with its newest evidence that passed, or else its
// newest evidence.
type StoredBackup struct {
	Manifest BackupManifest
	Evidence *BackupEvidence
	BuriedAt time.Time
	Held     bool
}

// StoredAttempt is the folder of one try, and when something in it changed last, UTC.
type StoredAttempt struct {
	BackupID  string
	Attempt   string
	ChangedAt time.Time
}

// BackupFilter selects backups, the newest first; BeforeAt and BeforeID are the last one
// of the page before.
type BackupFilter struct {
	Target   string      // "" for all
	State    BackupState // "" for all
	BeforeAt time.Time
	BeforeID string
	Limit    int
}

// BackupSchedule is when backups begin by themselves.
type BackupSchedule struct {
	Paused bool
	Note   string      // of who paused or resumed it last
	Next   []time.Time // UTC; none while it is paused
}
