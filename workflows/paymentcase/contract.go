// Package paymentcase is the durable process of money that does not go its usual way: one
// intent of one visit, followed until it is voided, refunded, decided by the bank, or
// resolved by a person. This file is its contract; workflow.go is the story.
//
// Postgres decides: the case's row says how it stands, and a person's decision is written
// there first. The process drives: it looks, waits, tries again and tells people.
package paymentcase

import (
	"strings"

	"github.com/careflow/careflow/internal/domain"
)

// WorkflowName is the registered name of the process. Histories refer to it: never rename
// it.
const WorkflowName = "payment_case"

const workflowIDPrefix = "payment-case-"

// WorkflowID returns the workflow ID of an intent's case.
func WorkflowID(intentID string) string { return workflowIDPrefix + intentID }

// IDFromWorkflow is the inverse of WorkflowID; ok is false for other workflows.
func IDFromWorkflow(workflowID string) (intentID string, ok bool) {
	return strings.CutPrefix(workflowID, workflowIDPrefix)
}

// SignalNews tells the process to look again: the provider has news, or a person decided.
// It carries no facts to believe.
const SignalNews = "news"

// News is the argument of SignalNews.
type News struct {
	EventID string `json:"event_id,omitempty"`
	Type    string `json:"type,omitempty"`
}

// Input starts a process. All else is in the case's row.
type Input struct {
	IntentID      string `json:"intent_id"`
	AppointmentID string `json:"appointment_id"`
}

// Result is what a finished process returns.
type Result struct {
	Kind    domain.CaseKind `json:"kind"`
	Outcome string          `json:"outcome"`
}
