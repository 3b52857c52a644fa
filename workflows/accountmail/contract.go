// Package accountmail delivers the letters that one account owes its owner: links to
// confirm an address or to choose a password, and alarms. This file is its contract;
// workflow.go is the story.
package accountmail

import (
	"strings"

	acts "github.com/careflow/careflow/activities/accountmail"
)

// WorkflowName is the registered name. Histories refer to it: never rename it.
const WorkflowName = "accountmail"

// SignalOwed says that the account owes another letter. It carries nothing: the ledger
// says what is owed.
const SignalOwed = "owed"

const workflowIDPrefix = "account-mail-"

// WorkflowID is the one ID under which an account's letters are delivered: two deliveries
// of one account never overlap, and so its letters arrive in order.
func WorkflowID(accountID string) string { return workflowIDPrefix + accountID }

// IDFromWorkflow is the inverse of WorkflowID; ok is false for other workflows.
func IDFromWorkflow(workflowID string) (accountID string, ok bool) {
	return strings.CutPrefix(workflowID, workflowIDPrefix)
}

// Input names the account.
type Input struct {
	AccountID string `json:"account_id"`
}

// Result counts what this run delivered.
type Result = acts.DeliverResult
