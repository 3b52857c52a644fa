package domain

import "time"

// Transition is one accepted step of an appointment: it moves the row from a known
// version to the next, appends one event to the timeline and adds the messages it
// owes, in one transaction.
//
// The same transition again is a no-op. Another transition that finds the version
// moved on is CodeStuck: someone else wrote, and a person has to look.
type Transition struct {
	ID            string    `json:"id"` // unique per appointment, the same on every retry
	AppointmentID string    `json:"appointment_id"`
	Version       int       `json:"version"` // the version it starts from
	Kind          string    `json:"kind"`    // the event's name
	To            Status    `json:"to"`
	Actor         Actor     `json:"actor"`
	ReasonCode    string    `json:"reason_code,omitempty"`
	At            time.Time `json:"at"` // when it was decided, UTC
	// IfSequence is the ICS sequence the visit must still have, where set: who asked for the
	// step had that time before their eyes. Another one is CodeConflict, and nothing changes.
	IfSequence *int `json:"if_sequence,omitempty"`
	// Generation, Visit, PayBy, AnswerBy, OverBy, Kept and Fee replace the row's values
	// where set.
	Generation int       `json:"generation,omitempty"`
	Visit      *Window   `json:"visit,omitempty"`
	PayBy      time.Time `json:"pay_by,omitzero"`
	AnswerBy   time.Time `json:"answer_by,omitzero"`
	// OverBy is until when a visit that is over may still be checked in, after an outage.
	OverBy   time.Time       `json:"over_by,omitzero"`
	Kept     *int64          `json:"kept,omitempty"` // minor units
	Fee      *NoShowFee      `json:"fee,omitempty"`
	Payment  *PaymentFact    `json:"payment,omitempty"`
	Messages []MessageIntent `json:"messages,omitempty"`
	// Grace counts one more grace for a deadline that we were down over.
	Grace bool `json:"grace,omitempty"`
}

// PaymentFact is what the payment provider said of an intent.
type PaymentFact struct {
	IntentID      string        `json:"intent_id"`
	Status        PaymentStatus `json:"status"`
	Captured      int64         `json:"captured"` // minor units
	Refunded      int64         `json:"refunded"` // minor units
	CaptureBefore time.Time     `json:"capture_before,omitzero"`
}

// FactOf reduces an intent to what is kept and passed on: no secret, no person.
func FactOf(i Intent) PaymentFact {
	return PaymentFact{
		IntentID: i.ID, Status: i.Status, Captured: i.Captured, Refunded: i.Refunded, CaptureBefore: i.CaptureBefore,
	}
}

// Fact is something that became known about an appointment without moving it: money
// that was voided or refunded after the end. It has its line in the timeline, once.
type Fact struct {
	ID            string
	AppointmentID string
	Kind          string
	At            time.Time
	Payment       PaymentFact
	Messages      []MessageIntent
}

// RecordedPayment is one attempt to be paid as our books have it.
type RecordedPayment struct {
	Generation int
	Amount     Money
	PaymentFact
	ChargedBack int64     // minor units that a lost dispute took
	Case        CaseState // of the intent's payment case; "" where there was none
	// Resolved says that a person has seen to the money: none of it goes back by itself.
	Resolved bool
}

// TurnedUp reports whether money has turned up on an intent of which the books know nothing:
// it is held or was taken, or was held by the time the intent was cancelled.
func (p RecordedPayment) TurnedUp(i Intent) bool {
	switch p.Status {
	case PaymentAuthorised, PaymentCaptured:
		return false
	case PaymentCancelled:
		return i.Status == PaymentAuthorised || i.Status == PaymentCaptured
	case PaymentAwaitingMethod, PaymentProcessing:
	}
	return i.Status == PaymentAuthorised || i.Status == PaymentCaptured || i.LetGo > 0
}

// MessageIntent is a message a transition owes.
type MessageIntent struct {
	Kind      MessageKind `json:"kind"`
	Recipient Recipient   `json:"recipient"`
}

// Reminder is a reminder that has come up: to be sent, or recorded as skipped.
type Reminder struct {
	Offset     Duration         `json:"offset"`
	Start      time.Time        `json:"start"`       // the start it speaks of, UTC
	SendBefore time.Time        `json:"send_before"` // not handed over by then: skipped
	Decision   ReminderDecision `json:"decision"`
}

// DueMessage is the next message of an appointment to hand to the vendor, taken from
// the ledger under a new attempt.
type DueMessage struct {
	Message
	// Interrupted is set when an earlier attempt ended without a recorded outcome:
	// the vendor may have it already.
	Interrupted bool
	Letter      LetterData
}

// TransitionResult is how the row stands after a transition.
type TransitionResult struct {
	Status  Status    `json:"status"`
	Version int       `json:"version"`
	At      time.Time `json:"at"` // when the transition was decided, UTC
	Visit   Window    `json:"visit"`
	// LettersOwed says that an archived visit still owes letters. None is added any more.
	LettersOwed bool `json:"letters_owed,omitempty"`
}
