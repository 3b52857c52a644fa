package domain

import "time"

// CaseKind says what opened a payment case.
type CaseKind string

// What opens a payment case.
const (
	CaseLatePayment  CaseKind = "late_payment"   // money turned up on a visit that had ended
	CaseUnsettled    CaseKind = "unsettled"      // the provider did not let a hold be voided or money go back
	CaseRefundFailed CaseKind = "refund_failed"  // the provider says that a refund did not arrive
	CaseRefundByHand CaseKind = "refund_by_hand" // somebody refunded at the provider, past us
	CaseDispute      CaseKind = "dispute"        // the cardholder disputes the payment
)

// CaseState is where a payment case stands.
type CaseState string

// The states of a payment case.
const (
	CaseOpen        CaseState = "open"         // its process acts, or waits for someone outside
	CaseRetrying    CaseState = "retrying"     // the provider fails: its process tries again
	CaseNeedsPerson CaseState = "needs_person" // nothing happens until a person acts
	CaseClosed      CaseState = "closed"
)

// CaseWait is whom an open case waits for.
type CaseWait string

// Whom a case can wait for.
const (
	WaitsForProvider CaseWait = "provider" // an answer of the payment provider
	WaitsForBank     CaseWait = "bank"     // a refund on its way
	WaitsForEvidence CaseWait = "evidence" // a person answers the dispute at the provider
	WaitsForDispute  CaseWait = "dispute"  // the bank decides the dispute
	WaitsForPerson   CaseWait = "person"   // a person decides: retry or resolve
	WaitsForNothing  CaseWait = "nothing"
)

// The outcomes of a closed case.
const (
	OutcomeVoided      = "voided"
	OutcomeRefunded    = "refunded"
	OutcomeSettled     = "settled" // there was nothing to move (any more)
	OutcomeDisputeWon  = "dispute_won"
	OutcomeDisputeLost = "dispute_lost"
	OutcomeResolved    = "resolved" // by a person, with a reason
)

// PaymentCase is money of one intent that does not go its usual way, followed to its end.
// Its version counts the lines of its timeline.
type PaymentCase struct {
	ID            string
	IntentID      string
	AppointmentID string
	Kind          CaseKind
	State         CaseState
	WaitsFor      CaseWait
	WaitingSince  time.Time // UTC
	Version       int
	// ErrorCode is the last fault: ours (vendor_unavailable) or the provider's own
	// (charge_already_refunded); "" where there is none.
	ErrorCode string
	Outcome   string // of a closed case
	// RetryBeyond is the number of the failed refund after which a person allowed another.
	RetryBeyond int
	LookAt      time.Time // when its process looks again at the latest, UTC
	Amount      Money
	Captured    int64 // minor units of Amount's currency, as the next two
	Refunded    int64
	ChargedBack int64 // taken by a lost dispute
	Dispute     Dispute
	OpenedAt    time.Time
	UpdatedAt   time.Time
	ClosedAt    time.Time
}

// CaseEvent is one line of a case's timeline.
type CaseEvent struct {
	Version    int
	Kind       string
	State      CaseState
	WaitsFor   CaseWait
	Actor      Actor
	ReasonCode string
	ErrorCode  string
	At         time.Time
}

// CaseOpening asks for a case to be opened, or to be opened again.
type CaseOpening struct {
	AppointmentID string
	IntentID      string
	Kind          CaseKind
	ErrorCode     string
	At            time.Time
}

// CaseWork is what the process of a case works from.
type CaseWork struct {
	Case    PaymentCase
	Status  Status // of the visit
	Payment RecordedPayment
	Kept    int64 // minor units of the intent's captured money that stay with the clinic
}

// CaseMove moves a case from a known version. The zero CaseMove fields replace nothing.
type CaseMove struct {
	IntentID   string
	Version    int
	Kind       string   // the line in the timeline
	Becomes    CaseKind // "" leaves the case's kind as it is
	State      CaseState
	WaitsFor   CaseWait
	ErrorCode  string
	Outcome    string
	LookAt     time.Time
	Actor      Actor
	ReasonCode string
	At         time.Time
}

// CaseFilter narrows a list of cases. Zero fields do not filter.
type CaseFilter struct {
	States        []CaseState
	AppointmentID string
}

// RefundOrigin says who made a refund.
type RefundOrigin string

// Who makes refunds.
const (
	RefundByProcess RefundOrigin = "process" // the visit's process, settling after the end
	RefundByCase    RefundOrigin = "case"
	RefundByHand    RefundOrigin = "hand" // a person, at the provider
)

// RefundStatus is how a refund stands.
type RefundStatus string

// The statuses of a refund. The provider's canceled is failed: no money arrived.
const (
	RefundBegun     RefundStatus = "begun" // written down, and the provider asked perhaps
	RefundPending   RefundStatus = "pending"
	RefundSucceeded RefundStatus = "succeeded"
	RefundFailed    RefundStatus = "failed"
)

// RefundStatusOf reads the provider's word.
func RefundStatusOf(provider string) RefundStatus {
	switch provider {
	case "succeeded":
		return RefundSucceeded
	case "failed", "canceled":
		return RefundFailed
	}
	return RefundPending // pending and requires_action: on its way
}

// RecordedRefund is a refund as our books have it.
type RecordedRefund struct {
	Number    int    // counts the refunds of an intent, from 1
	Key       string // our idempotency key; "" for one made by hand
	RefundID  string // "" while its outcome is not known, or it was refused
	Minor     int64
	Status    RefundStatus
	Origin    RefundOrigin
	ErrorCode string
}

// RefundBegin asks to write down a refund that is about to be made.
type RefundBegin struct {
	AppointmentID string
	IntentID      string
	Generation    int
	// Known is how many refunds of the intent the caller saw before it asked the provider:
	// with one more in the books by now, what it found out is out of date.
	Known int
	Minor int64
	// Kept is the share of this intent that the caller reckoned to be kept, minor units: a
	// correction of the visit may have made it more.
	Kept int64
	By   RefundOrigin
	At   time.Time
}

// RefundBooking brings what the provider says of a refund into the books. Without a
// refund ID it says that the provider refused the refund with that key, for good.
type RefundBooking struct {
	AppointmentID string
	IntentID      string
	Refund        Refund
	ErrorCode     string
	At            time.Time
}

// Dispute is a cardholder's objection to a payment, in the provider's words.
type Dispute struct {
	ID         string
	Status     string
	Reason     string
	Minor      int64
	EvidenceBy time.Time // UTC; zero where nothing is asked for
}

// NeedsEvidence reports whether the clinic has to answer.
func (d Dispute) NeedsEvidence() bool {
	return d.Status == "needs_response" || d.Status == "warning_needs_response"
}

// Open reports whether the bank has not decided yet.
func (d Dispute) Open() bool {
	return d.NeedsEvidence() || d.Status == "under_review" || d.Status == "warning_under_review"
}

// Lost reports whether the money is gone.
func (d Dispute) Lost() bool { return d.Status == "lost" }

// KeptShare is how much of one intent's captured money the clinic keeps after the end,
// when it keeps kept of all: the newest attempt to be paid is the one that was kept.
// payments are oldest first. Minor units.
func KeptShare(kept int64, payments []RecordedPayment, generation int) int64 {
	for i := len(payments) - 1; i >= 0; i-- {
		if payments[i].Generation == generation {
			return kept
		}
		kept = max(0, kept-payments[i].Captured)
	}
	return 0
}

// PaymentEventTypes are the events to choose for the clinic's endpoint at Stripe: those that
// something here acts on, by their names there. Others are verified, kept and passed over.
var PaymentEventTypes = []string{
	"charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_reinstated", "charge.dispute.funds_withdrawn", "charge.dispute.updated",
	"charge.refund.updated", "charge.refunded",
	"payment_intent.amount_capturable_updated", "payment_intent.canceled", "payment_intent.succeeded",
	"refund.failed", "refund.updated",
}

// IntentNews is what decides whether an event of the provider is a matter for a case.
type IntentNews struct {
	Event WebhookPayload
	Visit Status
	// CaseOpen says that the intent has an open case.
	CaseOpen bool
	// Recorded says that the intent is in our books, and Refunded how much of it has gone
	// back or is about to, by our own hand or another's, in minor units.
	Recorded bool
	Refunded int64
	Payment  PaymentStatus
}

// Case reports whether the event is a matter for the intent's case, and of what kind.
// Money that turns up on an ended visit stays with the visit's process while that lives.
func (n IntentNews) Case() (CaseKind, bool) {
	if !n.Recorded {
		return "", false
	}
	e := n.Event
	switch e.Type {
	case "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed",
		"charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated":
		return CaseDispute, true
	case "charge.refund.updated", "refund.updated", "refund.failed":
		if RefundStatusOf(e.Status) == RefundFailed && e.Status != "" {
			return CaseRefundFailed, true
		}
		return CaseUnsettled, n.CaseOpen
	case "charge.refunded":
		return CaseRefundByHand, e.Refunded > n.Refunded || (n.CaseOpen && e.Refunded > 0)
	case "payment_intent.amount_capturable_updated", "payment_intent.succeeded":
		unknown := n.Payment != PaymentAuthorised && n.Payment != PaymentCaptured
		return CaseLatePayment, n.CaseOpen || (n.Visit == StatusArchived && unknown)
	case "payment_intent.canceled":
		return CaseLatePayment, n.CaseOpen
	}
	return "", false
}
