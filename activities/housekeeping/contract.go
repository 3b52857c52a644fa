// Package housekeeping holds the side effects of housekeeping: it removes, batch by batch,
// rows that nobody needs any more. What a row was worth is a rule of the domain.
//
// This file is the contract with the workflow: registered names, inputs and results.
package housekeeping

import "github.com/careflow/careflow/internal/domain"

// Registered activity names. Histories refer to them: never rename one.
const (
	Sweep = "housekeeping.sweep"
	Close = "housekeeping.close"
)

// SweepInput asks for one kind of row to be removed.
type SweepInput struct {
	RunID   string                  `json:"run_id"`
	Trigger domain.ReconcileTrigger `json:"trigger"`
	What    domain.Litter           `json:"what"`
}

// SweepResult is what was removed. More says that the sweep's bound ended it, not the rows.
type SweepResult struct {
	Removed int  `json:"removed"`
	More    bool `json:"more,omitempty"`
}

// CloseInput ends a run with what it came to.
type CloseInput struct {
	RunID   string                `json:"run_id"`
	Removed map[domain.Litter]int `json:"removed"`
}
