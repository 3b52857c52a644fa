// Package reconcile compares appointments' rows with their processes, on a schedule and on
// demand: it replaces processes that are dead and reports what needs a person. This file
// is its contract; workflow.go is the story.
package reconcile

import (
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Registered workflow names. Histories and schedules refer to them: never rename one.
const (
	// WorkflowName is the reconciliation of all visits.
	WorkflowName = "reconcile"
	// ScheduledName is what the schedule starts: it starts or joins the one reconciliation.
	ScheduledName = "reconcile.scheduled"
	// VisitName puts one visit right on a person's word.
	VisitName = "reconcile.visit"
)

// WorkflowID is the one ID of the reconciliation of a task queue's visits: two never
// overlap, whoever begins them.
func WorkflowID(taskQueue string) string { return "reconcile-" + taskQueue }

// ScheduleID is the ID of a task queue's schedule.
func ScheduleID(taskQueue string) string { return "reconcile-" + taskQueue }

const visitPrefix = "reconcile-visit-"

// VisitWorkflowID is the ID of one visit's retry: two at once are one.
func VisitWorkflowID(appointmentID string) string { return visitPrefix + appointmentID }

// IDFromVisit is the inverse of VisitWorkflowID; ok is false for other workflows.
func IDFromVisit(workflowID string) (appointmentID string, ok bool) {
	return strings.CutPrefix(workflowID, visitPrefix)
}

// MostTime is how long a reconciliation may take, and VisitTime a retry of one visit. One
// that hangs, since the last worker of the version it began on is gone, must not keep the
// next from beginning for longer.
const (
	MostTime  = time.Hour
	VisitTime = 10 * time.Minute
)

// Input begins a reconciliation, or goes on with one after continue-as-new.
type Input struct {
	Trigger domain.ReconcileTrigger `json:"trigger"`
	// The rest is set by continue-as-new only.
	ReconciliationID string                 `json:"reconciliation_id,omitempty"`
	After            string                 `json:"after,omitempty"`
	Counts           domain.ReconcileCounts `json:"counts,omitzero"`
	Findings         []domain.Finding       `json:"findings,omitempty"`
}

// Result is what a reconciliation came to. Findings are the first few: all of them are
// in the database.
type Result struct {
	ReconciliationID string                 `json:"reconciliation_id"`
	Counts           domain.ReconcileCounts `json:"counts"`
	Findings         []domain.Finding       `json:"findings,omitempty"`
}
