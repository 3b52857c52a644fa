// Package restore is the durable process of one restore: a backup is filled into a new
// database beside the live one, people look at the difference, the two change places, and
// what Temporal and the payment provider know since is written forward. This file is its
// contract: names, IDs and inputs; workflow.go is the story.
package restore

import (
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// WorkflowName is the registered name. Histories refer to it: never rename it.
const WorkflowName = "restore"

const workflowIDPrefix = "restore-"

// WorkflowID is the one ID of the restores of a target on a task queue: two never overlap.
func WorkflowID(taskQueue, target string) string { return workflowIDPrefix + taskQueue + "-" + target }

// TargetFromWorkflow is the inverse of WorkflowID; ok is false for other workflows.
func TargetFromWorkflow(taskQueue, workflowID string) (target string, ok bool) {
	return strings.CutPrefix(workflowID, workflowIDPrefix+taskQueue+"-")
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
}

// How long a restore waits for people. Behind the fence the clinic stands still: who does
// not decide in time gets it back as it was.
const (
	BeginPatience = 24 * time.Hour
	SwapPatience  = 4 * time.Hour
	// UndoWindow is for how long what lived before is kept.
	UndoWindow = 24 * time.Hour
)

// MostTime bounds a restore with everything that people and large databases take.
const MostTime = 7 * 24 * time.Hour

// Rules are an installation's: how many people agree, and how long what was under way when
// the fence went up may take to end.
type Rules struct {
	domain.RestoreRules
	Drain time.Duration `json:"drain"`
}
