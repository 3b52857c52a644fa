package domain

import "time"

// PaymentStatus is where a payment stands at the payment provider, reduced to what
// the lifecycle asks for.
type PaymentStatus string

// Payment statuses, with Stripe's in brackets.
const (
	PaymentAwaitingMethod PaymentStatus = "awaiting_method" // requires_payment_method, requires_confirmation, requires_action
	PaymentProcessing     PaymentStatus = "processing"      // processing
	PaymentAuthorised     PaymentStatus = "authorised"      // requires_capture
	PaymentCaptured       PaymentStatus = "captured"        // succeeded
	PaymentCancelled      PaymentStatus = "cancelled"       // canceled: nothing is held or owed any more
)

// Intent is one attempt to be paid for one appointment: a Stripe PaymentIntent.
type Intent struct {
	ID string
	// ClientSecret lets its holder pay this intent. It is a secret of the payer.
	ClientSecret string
	Status       PaymentStatus
	Amount       Money
	// Captured and Refunded are minor units of Amount's currency.
	Captured int64
	Refunded int64
	// LetGo is how much of it was held when it was cancelled, in minor units.
	LetGo int64
	// CaptureBefore is when the authorisation lapses, UTC; zero when unknown.
	CaptureBefore time.Time
	AppointmentID string
	Generation    int
	// Disputed says that the cardholder has disputed it at some time.
	Disputed bool
}

// IntentRequest asks for an intent. Everything in it comes from the stored terms.
type IntentRequest struct {
	AppointmentID  string
	Generation     int
	Amount         Money
	IdempotencyKey string
}

// RefundRequest asks for money to go back, in minor units of the intent's currency.
type RefundRequest struct {
	IntentID       string
	AppointmentID  string
	Minor          int64
	IdempotencyKey string
}

// Refund is money on its way back: Status is the provider's (pending, succeeded, failed).
type Refund struct {
	ID     string
	Status string
	Minor  int64
	Key    string // the idempotency key that we asked for it with; "" for one made by hand
}

// PaymentEvent is what a verified webhook says. It is a hint: the process reads the
// intent again before it believes anything.
type PaymentEvent struct {
	ID            string
	Type          string
	IntentID      string
	AppointmentID string
	Created       time.Time
	// Refunded is the total of a charge that went back by then, minor units; 0 for other
	// events. Status is a refund's or a dispute's.
	Refunded int64
	Status   string
}
