// Package searchattr names the search attributes by which people find appointments in
// Temporal UI. Temporal keeps search attributes in plain text: nothing about a person
// goes into one. Lists and searches of the product itself read PostgreSQL.
//
// It is a package of its own, without dependencies, because workflows set what the
// set-up of a namespace registers.
package searchattr

import "go.temporal.io/sdk/temporal"

// The attributes of an appointment's process.
var (
	// Status is the appointment's status, such as "pending".
	Status = temporal.NewSearchAttributeKeyKeyword("CareflowStatus")
	// NextStep is a code for what the process waits for, such as "doctor_answers".
	NextStep = temporal.NewSearchAttributeKeyKeyword("CareflowNextStep")
	// NextStepAt is when the process moves on by itself, in UTC.
	NextStepAt = temporal.NewSearchAttributeKeyTime("CareflowNextStepAt")
	// Doctor is the doctor's UUID.
	Doctor = temporal.NewSearchAttributeKeyKeyword("CareflowDoctor")
	// StartsAt is when the visit starts, in UTC.
	StartsAt = temporal.NewSearchAttributeKeyTime("CareflowStartsAt")
	// Stuck is the reason code of a process that needs a person; unset otherwise.
	Stuck = temporal.NewSearchAttributeKeyKeyword("CareflowStuck")
)

// All returns every attribute. On SQL a namespace has room for three datetimes and ten
// keywords of its own, so a new one is a decision.
func All() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{Status, NextStep, NextStepAt, Doctor, StartsAt, Stuck}
}
