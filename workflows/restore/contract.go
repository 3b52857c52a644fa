// Package restore is the durable process of one restore: a backup is filled into a new
// database beside the live one, people look at the difference, the two change places, and
// what Temporal and the payment provider know since is written forward. Or a single table is
// put beside the live one, for a while. This file is their contract: names, IDs and inputs;
// workflow.go is the story of the one, table.go of the other.
package restore

import (
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// WorkflowName and TableWorkflowName are the registered names. Histories refer to them: never
// rename them.
const (
	WorkflowName      = "restore"
	TableWorkflowName = "restore-table"
)

const (
	workflowIDPrefix      = "restore-"
	tableWorkflowIDPrefix = "restore-table-"
)

// WorkflowID is the one ID of the restores of a target on a task queue: two never overlap.
func WorkflowID(taskQueue, target string) string { return workflowIDPrefix + taskQueue + "-" + target }

// TargetFromWorkflow is the inverse of WorkflowID; ok is false for other workflows.
func TargetFromWorkflow(taskQueue, workflowID string) (target string, ok bool) {
	return strings.CutPrefix(workflowID, workflowIDPrefix+taskQueue+"-")
}

// TableWorkflowID is the one ID of the copies of a table: a second one waits until the first
// is gone.
func TableWorkflowID(taskQueue, target, table string) string {
	return tableWorkflowIDPrefix + taskQueue + "-" + target + "-" + table
}

// IDOf is the workflow ID of a restore by its record.
func IDOf(taskQueue string, r domain.RestoreRecord) string {
	if r.Copy != nil {
		return TableWorkflowID(taskQueue, r.Target, r.Copy.Table)
	}
	return WorkflowID(taskQueue, r.Target)
}

// UpdateSay is the update by which people say their word. Its result is the record as it is
// then.
const UpdateSay = "say"

// Say is the argument of UpdateSay: a word with the API's signature for it.
type Say struct {
	Word     domain.RestoreWord `json:"word"`
	Approval domain.Approval    `json:"approval"`
}

// Input begins a restore. Its ID is the run ID of the workflow.
type Input struct {
	Target string `json:"target"`
	// BackupID names the backup; "" for the newest proven one whose restore point is not after
	// Before (zero: any).
	BackupID string    `json:"backup_id,omitempty"`
	Before   time.Time `json:"before,omitzero"`
	By       string    `json:"by"`     // user ID of who asked
	Reason   string    `json:"reason"` // what the person wrote
	// Unsaved says why what lives is not saved before: it cannot be read any more.
	Unsaved string `json:"unsaved,omitempty"`
	// Table and Keep belong to the restore of a single table: its name in the schema public,
	// and for how long the copy stays.
	Table string        `json:"table,omitempty"`
	Keep  time.Duration `json:"keep,omitempty"`
}

// How long a restore waits for people. Behind the fence the clinic stands still: who does
// not decide in time gets it back as it was.
const (
	BeginPatience = 24 * time.Hour
	SwapPatience  = 4 * time.Hour
	// UndoWindow is for how long what lived before is kept.
	UndoWindow = 24 * time.Hour
)

// MostTime bounds a restore with everything that people and large databases take,
// MostTableTime that of a single table, which may be kept for domain.MaxCopyDays.
const (
	MostTime      = 7 * 24 * time.Hour
	MostTableTime = (domain.MaxCopyDays + 7) * 24 * time.Hour
)

// Rules are an installation's: how many people agree, and how long what was under way when
// the fence went up may take to end.
type Rules struct {
	domain.RestoreRules
	Drain time.Duration `json:"drain"`
}
