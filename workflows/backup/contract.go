// Package backup is the durable process of one backup: read, stored, checked, committed,
// proven by a restore, and followed by the retention. This file is its contract: names,
// IDs, inputs and results. workflow.go is the story.
package backup

import (
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Registered workflow names. Histories and schedules refer to them: never rename one.
const (
	// WorkflowName is one backup of one target.
	WorkflowName = "backup"
	// ScheduledName is what the schedule starts: it starts or joins the backup of each target.
	ScheduledName = "backup.scheduled"
	// VerifyName proves a backup again, on a person's word.
	VerifyName = "backup.verify"
	// PruneName applies the retention, on a person's word.
	PruneName = "backup.prune"
	// HoldName keeps a backup from being removed, or ends that.
	HoldName = "backup.hold"
)

const workflowIDPrefix = "backup-"

// WorkflowID is the one ID of the backups of a target on a task queue: two never overlap,
// whoever begins them.
func WorkflowID(taskQueue, target string) string { return workflowIDPrefix + taskQueue + "-" + target }

// TargetFromWorkflow is the inverse of WorkflowID; ok is false for other workflows.
func TargetFromWorkflow(taskQueue, workflowID string) (target string, ok bool) {
	return strings.CutPrefix(workflowID, workflowIDPrefix+taskQueue+"-")
}

// VerifyWorkflowID is the ID of the proof of one backup: two at once are one.
func VerifyWorkflowID(backupID string) string { return "backup-verify-" + backupID }

// PruneWorkflowID is the ID of the retention of one target on a person's word.
func PruneWorkflowID(taskQueue, target string) string {
	return "backup-prune-" + taskQueue + "-" + target
}

// PreviewWorkflowID is the ID of what PruneWorkflowID would do.
func PreviewWorkflowID(taskQueue, target string) string {
	return "backup-preview-" + taskQueue + "-" + target
}

// HoldWorkflowID is the ID of a hold, or of its end: one at a time for a backup.
func HoldWorkflowID(backupID string) string { return "backup-hold-" + backupID }

// ScheduleID is the ID of a task queue's nightly schedule.
func ScheduleID(taskQueue string) string { return "backup-" + taskQueue }

// MostTime is how long a backup may take with its proof. One that hangs must not keep the
// next night's from beginning.
const MostTime = 20 * time.Hour

// Input begins a backup. Its ID is the first run ID of the workflow.
type Input struct {
	Target  string               `json:"target"`
	Trigger domain.BackupTrigger `json:"trigger"`
	By      string               `json:"by,omitempty"` // user ID of who asked
	// Again is set on the one new backup that follows a rejected one.
	Again bool `json:"again,omitempty"`
}

// Result is what a backup came to.
type Result struct {
	BackupID string             `json:"backup_id"`
	State    domain.BackupState `json:"state"`
	Rows     int64              `json:"rows,omitempty"`
	Bytes    int64              `json:"bytes,omitempty"` // in the storage
}

// ScheduledInput names the targets that are saved each night.
type ScheduledInput struct {
	Targets []string `json:"targets"`
}

// VerifyInput names the backup to prove again.
type VerifyInput struct {
	Target   string `json:"target"`
	BackupID string `json:"backup_id"`
}
