// Package housekeeping removes rows that nobody needs any more, on a schedule and on demand.
// This file is its contract; workflow.go is the story.
package housekeeping

import (
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// WorkflowName is the registered name. Histories and schedules refer to it: never rename it.
const WorkflowName = "housekeeping"

// WorkflowID is the ID of the housekeeping that people ask for: two at once are one. One
// that the schedule began may run beside it: neither waits for the other's rows.
func WorkflowID(taskQueue string) string { return "housekeeping-" + taskQueue }

// ScheduleID is the ID of a task queue's schedule.
func ScheduleID(taskQueue string) string { return "housekeeping-" + taskQueue }

// MostTime is how long a run may take. What it leaves is the next one's.
const MostTime = 6 * time.Hour

// Input begins a run.
type Input struct {
	Trigger domain.ReconcileTrigger `json:"trigger"`
}

// Result is how many rows were removed, by what they were.
type Result struct {
	RunID   string                `json:"run_id"`
	Removed map[domain.Litter]int `json:"removed"`
}
