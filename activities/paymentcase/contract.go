// Package paymentcase holds the side effects of a payment case: one look at the intent
// and the books, and whatever follows from it. Each may run twice: see settlement.
//
// This file is the contract with the workflow: registered names, inputs and results.
package paymentcase

import (
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Registered activity names. Histories refer to them: never rename one.
const Advance = "payment_case.advance"

// AdvanceInput asks for a case to be taken as far as it goes.
type AdvanceInput struct {
	IntentID string `json:"intent_id"`
	// LastTry has a provider that fails shown to people as their business.
	LastTry bool `json:"last_try,omitempty"`
}

// Standing is how a case stands afterwards.
type Standing struct {
	AppointmentID string           `json:"appointment_id"`
	Kind          domain.CaseKind  `json:"kind"`
	State         domain.CaseState `json:"state"`
	WaitsFor      domain.CaseWait  `json:"waits_for"`
	ErrorCode     string           `json:"error_code,omitempty"`
	Outcome       string           `json:"outcome,omitempty"`
	LookAt        time.Time        `json:"look_at"` // UTC
	Amount        domain.Money     `json:"amount"`
	Captured      int64            `json:"captured"` // minor units
	Refunded      int64            `json:"refunded"` // minor units
	// LettersOwed says that the visit owes letters, of the case or of before.
	LettersOwed bool `json:"letters_owed,omitempty"`
}
