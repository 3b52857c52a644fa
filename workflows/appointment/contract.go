// Package appointment is the durable process of one visit, from the request to the
// archive. This file is its contract: names, IDs, inputs and results. workflow.go is
// the story.
package appointment

import (
	"errors"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// WorkflowName is the registered name of the process. Histories refer to it: never
// rename it.
const WorkflowName = "appointment"

const workflowIDPrefix = "appointment-"

// WorkflowID returns the workflow ID of an appointment's process.
func WorkflowID(appointmentID string) string { return workflowIDPrefix + appointmentID }

// IDFromWorkflow is the inverse of WorkflowID; ok is false for other workflows.
func IDFromWorkflow(workflowID string) (appointmentID string, ok bool) {
	return strings.CutPrefix(workflowID, workflowIDPrefix)
}

// The commands of people. Each is a workflow update; its update ID is also the ID of
// the transition it causes, so that a repeated command changes nothing.
const (
	UpdateConfirm    = "confirm"
	UpdateDecline    = "decline"
	UpdateCancel     = "cancel"
	UpdateReschedule = "reschedule"
	UpdateCheckIn    = "check_in"
	UpdateComplete   = "complete"
	UpdateNoShow     = "no_show"
	UpdateCorrect    = "correct"
	UpdateDispute    = "dispute"
	UpdateUpholdFee  = "uphold_fee"
	UpdateWaiveFee   = "waive_fee"
)

// Command is the argument of every update.
type Command struct {
	Actor domain.Actor `json:"actor"`
	// ReasonCode is a coded reason (patient_request, doctor_unavailable, ...): never free text.
	ReasonCode string `json:"reason_code,omitempty"`
	// StartsAt is the new start of a reschedule, UTC.
	StartsAt time.Time `json:"starts_at,omitzero"`
	// IfSequence is the ICS sequence of the time that the caller saw, where set: of two
	// who move one visit at once, the second is told. See domain.Transition.
	IfSequence *int `json:"if_sequence,omitempty"`
	// Status is what a correction says the visit came to: completed or no_show.
	Status domain.Status `json:"status,omitempty"`
}

// ErrPending says that a command has no outcome within the wait: it is neither carried
// out nor refused yet.
var ErrPending = errors.New("the command has no outcome yet")

// Outcome is what a command led to.
type Outcome struct {
	Status  domain.Status `json:"status"`
	Version int           `json:"version"`
}

// SignalPaymentHint tells the process that the payment provider has news. It carries
// no facts to believe: the process reads the intent again.
const SignalPaymentHint = "payment_hint"

// PaymentHint is the argument of SignalPaymentHint.
type PaymentHint struct {
	EventID string `json:"event_id"`
	Type    string `json:"type"`
}

// SignalMessageOwed tells the process that the ledger holds a message it does not know
// of: one that a person had sent again, or that a payment case owes. Only one may deliver
// a visit's messages at a time, and that is its process for as long as it lives.
const SignalMessageOwed = "message_owed"

// MessageOwed is the argument of SignalMessageOwed.
type MessageOwed struct {
	// MessageID is empty for whatever there is.
	MessageID string `json:"message_id,omitempty"`
}

// Input starts a process, or resumes one from any status: it is the appointment's row
// at that moment, without anything personal.
type Input struct {
	AppointmentID string        `json:"appointment_id"`
	DoctorID      string        `json:"doctor_id"`
	Status        domain.Status `json:"status"`
	Version       int           `json:"version"`
	Generation    int           `json:"generation"`
	Visit         domain.Window `json:"visit"`
	Terms         domain.Terms  `json:"terms"`
	Reschedules   int           `json:"reschedules"`
	BookedAt      time.Time     `json:"booked_at"`
	PayBy         time.Time     `json:"pay_by,omitzero"`
	AnswerBy      time.Time     `json:"answer_by,omitzero"`
	OverBy        time.Time     `json:"over_by,omitzero"`
	Graces        int           `json:"graces,omitempty"`
	EndedAt       time.Time     `json:"ended_at,omitzero"`
	// ChangedAt is the instant of the last transition: reminders whose moment had
	// passed before the visit was confirmed are not owed.
	ChangedAt time.Time `json:"changed_at"`
	Kept      int64     `json:"kept,omitempty"` // minor units the clinic keeps after the end
	// Fee is what a no-show mark asked for; nil where there is none.
	Fee     *domain.NoShowFee `json:"fee,omitempty"`
	Payment PaymentHandle     `json:"payment"`
	// Replaces is the run ID of a dead process this one takes over from.
	Replaces string `json:"replaces,omitempty"`
}

// PaymentHandle is what the process knows of its payment.
type PaymentHandle struct {
	IntentID string               `json:"intent_id,omitempty"`
	Status   domain.PaymentStatus `json:"status,omitempty"`
	Captured int64                `json:"captured,omitempty"` // minor units
	Refunded int64                `json:"refunded,omitempty"` // minor units
	// CaptureBefore is when the authorisation lapses, UTC; zero when there is none.
	CaptureBefore time.Time `json:"capture_before,omitzero"`
}

// InputOf takes the process's input from an appointment's row.
func InputOf(a domain.Appointment) Input {
	in := Input{
		AppointmentID: a.ID, DoctorID: a.DoctorID, Status: a.Status, Version: a.Version, Generation: a.Generation,
		Visit: a.Visit, Terms: a.Terms, Reschedules: a.Reschedules, BookedAt: a.CreatedAt, PayBy: a.PayBy,
		AnswerBy: a.AnswerBy, OverBy: a.OverBy, Graces: a.Graces, EndedAt: a.EndedAt, ChangedAt: a.UpdatedAt, Kept: a.Kept,
		Payment: PaymentHandle{
			IntentID: a.Payment.IntentID, Status: a.Payment.Status,
			Captured: a.Payment.Captured, Refunded: a.Payment.Refunded, CaptureBefore: a.Payment.CaptureBefore,
		},
	}
	if a.Fee.Status != "" {
		in.Fee = &a.Fee
	}
	return in
}

// Result is what a finished process returns.
type Result struct {
	Status domain.Status `json:"status"`
	// Superseded is set when another run had claimed the appointment and this one
	// ended without doing anything.
	Superseded bool `json:"superseded,omitempty"`
}
