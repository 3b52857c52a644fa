// Package appointment holds the side effects of one visit's process: the row and its
// timeline, the payment provider, the letters. Each activity may run twice: rows are
// guarded by the transition's own ID, vendors by idempotency keys made from the
// appointment, the step and the generation.
//
// This file is the contract with the workflow: registered names, inputs and results.
package appointment

import (
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Registered activity names. Histories refer to them: never rename one.
const (
	Claim          = "appointment.claim"
	Transition     = "appointment.transition"
	ReportStuck    = "appointment.report_stuck"
	NoticeSent     = "appointment.notice_sent"
	OpenPayment    = "appointment.open_payment"
	ReadPayment    = "appointment.read_payment"
	CapturePayment = "appointment.capture_payment"
	SettlePayments = "appointment.settle_payments"
	DeliverMail    = "appointment.deliver_mail"
)

// Vendor task queues are the base queue with one of these endings, so that each vendor
// has its own rate limit and a slow one holds up nothing else.
const (
	StripeQueueSuffix   = "-stripe"
	SendGridQueueSuffix = "-sendgrid"
)

// ClaimInput asks for the appointment to be this run's.
type ClaimInput struct {
	AppointmentID string `json:"appointment_id"`
	RunID         string `json:"run_id"`
	Replaces      string `json:"replaces,omitempty"`
}

// ReportStuckInput asks for an appointment to be shown to staff as stuck.
type ReportStuckInput struct {
	AppointmentID string      `json:"appointment_id"`
	Code          domain.Code `json:"code"`
}

// NoticeSentInput asks when a letter of a kind was sent to the patient.
type NoticeSentInput struct {
	AppointmentID string             `json:"appointment_id"`
	Kind          domain.MessageKind `json:"kind"`
}

// NoticeSentResult is when it was sent, UTC; zero when it was not.
type NoticeSentResult struct {
	At time.Time `json:"at,omitzero"`
}

// OpenPaymentInput asks for an intent the patient can pay.
type OpenPaymentInput struct {
	AppointmentID string       `json:"appointment_id"`
	Generation    int          `json:"generation"`
	Amount        domain.Money `json:"amount"`
	BookedAt      time.Time    `json:"booked_at"`
	// Until is when it is too late to open one, UTC.
	Until time.Time `json:"until"`
}

// OpenPaymentResult is the intent and the end of the hold, UTC. There is no intent when
// it was too late to open one, and Wanted is false when the visit had ended or moved on.
type OpenPaymentResult struct {
	Wanted   bool      `json:"wanted"`
	IntentID string    `json:"intent_id,omitempty"`
	PayBy    time.Time `json:"pay_by,omitzero"`
}

// ReadPaymentInput asks the provider how an intent stands.
type ReadPaymentInput struct {
	AppointmentID string `json:"appointment_id"`
	IntentID      string `json:"intent_id"`
}

// CapturePaymentInput asks for the authorised money to be taken and, in the same
// breath, for the transition that this allows.
type CapturePaymentInput struct {
	IntentID   string            `json:"intent_id"`
	Generation int               `json:"generation"`
	Captured   domain.Transition `json:"captured"`
}

// CapturePaymentResult is the moved row, or the provider's code for a refusal that will
// not change.
type CapturePaymentResult struct {
	Moved   domain.TransitionResult `json:"moved"`
	Payment domain.PaymentFact      `json:"payment"`
	Refusal string                  `json:"refusal,omitempty"`
}

// SettlePaymentsInput asks for all money of an ended visit to be put right: holds are
// voided, and everything captured beyond Kept (minor units) goes back.
type SettlePaymentsInput struct {
	AppointmentID string `json:"appointment_id"`
	Kept          int64  `json:"kept"`
}

// SettlePaymentsResult says what moved, in minor units.
type SettlePaymentsResult struct {
	Voided   int   `json:"voided"`
	Refunded int64 `json:"refunded"`
	// Handed counts the intents whose money is a payment case's.
	Handed int `json:"handed,omitempty"`
}

// DeliverMailInput asks for everything an appointment owes to be handed over, oldest
// first, after the reminders that have come up were added to the ledger.
type DeliverMailInput struct {
	AppointmentID string            `json:"appointment_id"`
	Reminders     []domain.Reminder `json:"reminders,omitempty"`
}

// DeliverMailResult counts outcomes.
type DeliverMailResult struct {
	Sent    int `json:"sent"`
	Failed  int `json:"failed"`
	Unknown int `json:"unknown"`
}

// Idempotency keys of the payment provider: appointment, step, generation.
func openKey(id string, generation int) string {
	return fmt.Sprintf("careflow/%s/open/%d", id, generation)
}
func captureKey(id string, generation int) string {
	return fmt.Sprintf("careflow/%s/capture/%d", id, generation)
}
