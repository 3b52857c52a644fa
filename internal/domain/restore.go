package domain

import (
	"cmp"
	"slices"
	"time"
)

// RestoreState is where a restore stands. Until it swaps, what lives is as it was.
type RestoreState string

// The states of a restore, in the order of a good one.
const (
	RestoreResolving        RestoreState = "resolving"         // which backup is meant
	RestoreAwaitingApproval RestoreState = "awaiting_approval" // of its beginning
	RestoreSaving           RestoreState = "saving"            // what is there, before anything
	RestoreFencing          RestoreState = "fencing"           // letters and money stand still
	RestoreRestoring        RestoreState = "restoring"         // into a new database beside the live one
	RestoreComparing        RestoreState = "comparing"
	RestoreAwaitingSwap     RestoreState = "awaiting_swap" // people look at the difference
	RestoreSwapping         RestoreState = "swapping"
	RestoreReconciling      RestoreState = "reconciling"
	RestoreSwapped          RestoreState = "swapped" // it lives; it may be undone for a while
	RestoreUndoing          RestoreState = "undoing"
	RestoreKept             RestoreState = "kept" // a single table, beside the live one for a while

	RestoreFinished RestoreState = "finished" // what lived before is removed, or the copy of a table
	RestoreUndone   RestoreState = "undone"
	RestoreAborted  RestoreState = "aborted"
	RestoreExpired  RestoreState = "expired" // nobody approved it in time
	RestoreFailed   RestoreState = "failed"
)

// Ended reports whether nothing more happens to a restore in this state.
func (s RestoreState) Ended() bool {
	switch s { //nolint:exhaustive // every other state goes on
	case RestoreFinished, RestoreUndone, RestoreAborted, RestoreExpired, RestoreFailed:
		return true
	}
	return false
}

// RestoreWord is what a person may say to a restore under way.
type RestoreWord string

// The words. Swap and undo change what lives; abort and finish only end things.
const (
	WordBegin  RestoreWord = "begin"
	WordSwap   RestoreWord = "swap"
	WordAbort  RestoreWord = "abort"
	WordUndo   RestoreWord = "undo"
	WordFinish RestoreWord = "finish"
)

// Allows reports whether a word means something to a restore in this state. A restore that
// swaps can not be stopped: it is undone afterwards.
func (s RestoreState) Allows(w RestoreWord) bool {
	switch w {
	case WordBegin:
		return s == RestoreAwaitingApproval
	case WordSwap:
		return s == RestoreAwaitingSwap
	case WordUndo:
		return s == RestoreSwapped
	case WordFinish:
		return s == RestoreSwapped || s == RestoreKept
	case WordAbort:
		switch s { //nolint:exhaustive // it is too late in every other state
		case RestoreResolving, RestoreAwaitingApproval, RestoreSaving, RestoreFencing, RestoreRestoring, RestoreComparing, RestoreAwaitingSwap:
			return true
		}
	}
	return false
}

// RestoreApproval is a word that somebody gave.
type RestoreApproval struct {
	Word   RestoreWord `json:"word"`
	By     string      `json:"by"` // user ID
	Reason string      `json:"reason"`
	At     time.Time   `json:"at"` // UTC
}

// RestoreRules say how many different people must agree.
type RestoreRules struct {
	// People is how many must say begin, swap and undo. With two, nobody restores alone.
	People int `json:"people"`
}

// needed is how many different people a word takes. To stop, or to remove what was kept
// for an undo that nobody wants, one is enough.
func (r RestoreRules) needed(w RestoreWord) int {
	if w == WordAbort || w == WordFinish {
		return 1
	}
	return max(1, r.People)
}

// Check reports a word that cannot be taken now: CodeConflict. The same person saying the
// same word again changes nothing, and is told so.
func (r RestoreRules) Check(s RestoreState, given []RestoreApproval, w RestoreWord, by string) error {
	if !s.Allows(w) {
		return Errorf(CodeConflict, "the restore is %s: there is nothing to %s", s, w)
	}
	if slices.ContainsFunc(given, func(a RestoreApproval) bool { return a.Word == w && a.By == by }) {
		return Errorf(CodeConflict, "you have said so already: somebody else has to agree")
	}
	return nil
}

// Agreed reports whether enough different people gave the word.
func (r RestoreRules) Agreed(given []RestoreApproval, w RestoreWord) bool {
	people := map[string]bool{}
	for _, a := range given {
		if a.Word == w {
			people[a.By] = true
		}
	}
	return len(people) >= r.needed(w)
}

// RestoredPoint is the backup that is restored: what was committed by SnapshotAt (UTC) is
// in it, nothing later.
type RestoredPoint struct {
	BackupID   string    `json:"backup_id"`
	SnapshotAt time.Time `json:"snapshot_at"`
	Rows       int64     `json:"rows"`
	Bytes      int64     `json:"bytes"` // stored
}

// ChoosePoint picks the backup with an ID, or the newest one whose restore point is not
// after before (zero: any). Only a proven one counts. CodeNotFound where there is none,
// CodeConflict for one that is not proven or about to be removed.
func ChoosePoint(stored []StoredBackup, backupID string, before time.Time) (BackupManifest, error) {
	proven := func(b StoredBackup) bool { return b.Evidence != nil && b.Evidence.Passed() && b.BuriedAt.IsZero() }
	if backupID != "" {
		i := slices.IndexFunc(stored, func(b StoredBackup) bool { return b.Manifest.BackupID == backupID })
		switch {
		case i < 0:
			return BackupManifest{}, Errorf(CodeNotFound, "there is no backup %s of this target", backupID)
		case !proven(stored[i]):
			return BackupManifest{}, Errorf(CodeConflict, "backup %s is not proven, or about to be removed: prove it first", backupID)
		}
		return stored[i].Manifest, nil
	}
	var newest BackupManifest
	for _, b := range stored {
		if proven(b) && (before.IsZero() || !b.Manifest.SnapshotAt.After(before)) && b.Manifest.SnapshotAt.After(newest.SnapshotAt) {
			newest = b.Manifest
		}
	}
	if newest.BackupID == "" {
		return newest, Errorf(CodeNotFound, "there is no proven backup of this target from before that time")
	}
	return newest, nil
}

// TableDifference is how many rows a table has in the live database and in the restored
// one; nil where it is not there or cannot be read.
type TableDifference struct {
	Table    string `json:"table"` // schema-qualified and quoted
	Live     *int64 `json:"live,omitempty"`
	Restored *int64 `json:"restored,omitempty"`
}

// DifferencesOf compares row counts by table, those that differ first, then by name.
func DifferencesOf(live, restored map[string]int64) []TableDifference {
	all := map[string]*TableDifference{}
	at := func(table string) *TableDifference {
		if all[table] == nil {
			all[table] = &TableDifference{Table: table}
		}
		return all[table]
	}
	for table, n := range live {
		at(table).Live = &n
	}
	for table, n := range restored {
		at(table).Restored = &n
	}
	list := make([]TableDifference, 0, len(all))
	for _, d := range all {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b TableDifference) int {
		if a.Same() != b.Same() {
			return cmp.Compare(b.order(), a.order())
		}
		return cmp.Compare(a.Table, b.Table)
	})
	return list
}

// Same reports whether both have as many rows. What cannot be read is not the same.
func (d TableDifference) Same() bool {
	return d.Live != nil && d.Restored != nil && *d.Live == *d.Restored
}

func (d TableDifference) order() int {
	if d.Same() {
		return 0
	}
	return 1
}

// CarriedTable is a table that a restore takes along from what lives instead of setting it
// back. Its columns are the same in both.
type CarriedTable struct {
	Name string // schema-qualified
	// Where is the condition, in SQL, that a row t meets that fits into the restored
	// database; "" for all.
	Where string
}

// RestorePhase is how long one part of a restore took.
type RestorePhase struct {
	Name    RestoreState `json:"name"`
	Seconds float64      `json:"seconds"`
}

// ForwardCounts are the figures of bringing rows up to their processes.
type ForwardCounts struct {
	Visits  int `json:"visits"`  // looked at
	Moved   int `json:"moved"`   // written forward
	Steps   int `json:"steps"`   // recorded again
	Letters int `json:"letters"` // known to have been handed over, and so not sent again
	Failed  int `json:"failed"`  // a person has to look: see the visits of the restore
	Missing int `json:"missing"` // without a row: see the visits of the restore
	Money   int `json:"money"`   // whose money had moved since: see the visits of the restore
}

// RestoreRecord is a restore as its process knows it. Times are UTC, zero where not known.
type RestoreRecord struct {
	RestoreID string       `json:"restore_id"`
	Target    string       `json:"target"`
	State     RestoreState `json:"state"`
	// Seq grows with each change: a note that comes late changes nothing.
	Seq         int           `json:"seq"`
	RequestedBy string        `json:"requested_by"` // user ID
	Reason      string        `json:"reason"`
	Point       RestoredPoint `json:"point"`
	// SafetyBackup is what was saved of the live database before; Unsaved says why none was.
	SafetyBackup string            `json:"safety_backup,omitempty"`
	Unsaved      string            `json:"unsaved,omitempty"`
	People       int               `json:"people"` // who have to agree
	Approvals    []RestoreApproval `json:"approvals,omitempty"`
	ApproveBy    time.Time         `json:"approve_by,omitzero"`
	// Database holds the restored data before the swap, Before what lived, after it.
	Database    string            `json:"database,omitempty"`
	Before      string            `json:"before,omitempty"`
	Differences []TableDifference `json:"differences,omitempty"`
	// Copy is set where a single table is restored beside the live one.
	Copy       *TableCopy      `json:"copy,omitempty"`
	Phases     []RestorePhase  `json:"phases,omitempty"`
	SwapMillis float64         `json:"swap_millis,omitempty"`
	UndoMillis float64         `json:"undo_millis,omitempty"`
	Forward    ForwardCounts   `json:"forward"`
	Reconciled ReconcileCounts `json:"reconciled"`
	Lost       int             `json:"lost"` // visits that are listed
	StartedAt  time.Time       `json:"started_at"`
	SwappedAt  time.Time       `json:"swapped_at,omitzero"`
	UndoUntil  time.Time       `json:"undo_until,omitzero"`
	FinishedAt time.Time       `json:"finished_at,omitzero"`
	Error      Code            `json:"error,omitempty"`
	Detail     string          `json:"detail,omitempty"` // what the error says, nothing of a row
}

// RestoreFilter selects restores, the newest first; BeforeAt and BeforeID are the last one
// of the page before.
type RestoreFilter struct {
	Target   string // "" for all
	BeforeAt time.Time
	BeforeID string
	Limit    int
}
