// Package reconcile holds the side effects of the reconciler: it compares appointments'
// rows with their processes, replaces processes that are dead, and writes down what needs
// a person. The row is never changed beyond its stuck mark and its timeline.
//
// This file is the contract with the workflows: registered names, inputs and results.
package reconcile

import "github.com/careflow/careflow/internal/domain"

// Registered activity names. Histories refer to them: never rename one.
const (
	Page  = "reconcile.page"
	Close = "reconcile.close"
	Visit = "reconcile.visit"
)

// PageInput asks for the rows after After ("" for the first page) to be examined.
type PageInput struct {
	ReconciliationID string                  `json:"reconciliation_id"`
	Trigger          domain.ReconcileTrigger `json:"trigger"`
	After            string                  `json:"after,omitempty"`
}

// PageResult is how far the page came. Findings are the first few, for people in
// Temporal UI; all of them are in the database.
type PageResult struct {
	Next     string                 `json:"next,omitempty"` // "" when there are no more rows
	Counts   domain.ReconcileCounts `json:"counts"`
	Findings []domain.Finding       `json:"findings,omitempty"`
}

// CloseInput ends a reconciliation with what the pages added up to.
type CloseInput struct {
	ReconciliationID string                 `json:"reconciliation_id"`
	Counts           domain.ReconcileCounts `json:"counts"`
}

// CloseResult is the whole.
type CloseResult struct {
	Counts   domain.ReconcileCounts `json:"counts"`
	Findings []domain.Finding       `json:"findings,omitempty"`
}

// VisitInput asks for one visit's process to be put right now, on a person's word.
type VisitInput struct {
	AppointmentID string       `json:"appointment_id"`
	RequestID     string       `json:"request_id"` // the same on every try
	Actor         domain.Actor `json:"actor"`
	ReasonCode    string       `json:"reason_code"`
}

// VisitResult says what was done. Code is set when a person has to look.
type VisitResult struct {
	Action domain.RepairAction `json:"action"`
	Code   domain.FindingCode  `json:"code,omitempty"`
}

// shownFindings is how many findings a result carries.
const shownFindings = 50
