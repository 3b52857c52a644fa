package domain

import (
	"time"

	"github.com/google/uuid"
)

// NewID returns a UUIDv7: unique, and ordered by time so that indexes stay dense.
// Not for workflow code, which must be deterministic.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Clinic is the clinic that this installation serves.
type Clinic struct {
	ID      string
	Name    string
	Address string
	Email   string
	Zone    string // IANA
}

// BookingRequest asks for a slot. Reason is clinical text: it is encrypted before it
// is stored and never leaves the record. AnyDoctor stands in the place of DoctorID and
// TypeID where the patient does not mind who it is.
type BookingRequest struct {
	DoctorID  string
	TypeID    string
	PatientID string
	StartsAt  time.Time
	Reason    string
	AnyDoctor *AnyDoctor
}

// Appointment is a visit as the database knows it.
type Appointment struct {
	ID         string
	DoctorID   string
	PatientID  string
	BookedBy   string
	AccountID  string // the patient's; in a full record only
	TypeID     string
	TypeName   string
	JoinURL    string // where a telehealth visit is held; in a full record only
	DoctorName string
	Status     Status
	// Version counts the transitions: the timeline has exactly one event for each.
	Version int
	// Generation counts the attempts to be paid, from 1.
	Generation int
	Visit      Window
	// Local is the start as promised at booking, in the visit's zone (Terms.Zone).
	Local       string
	Terms       Terms
	Reschedules int
	Sequence    int // ICS SEQUENCE
	PayBy       time.Time
	AnswerBy    time.Time
	// OverBy is until when the visit may still be checked in after an outage of ours; zero
	// where the terms say it (Terms.VisitOver).
	OverBy time.Time
	// Graces counts the deadlines that were put off because we were down over them.
	Graces  int
	Payment Payment
	// Fee is what a person's no-show mark asks for; its Status is "" where there is none.
	Fee NoShowFee
	// Kept is captured money the clinic keeps after the end, minor units; whatever was
	// captured beyond it goes back.
	Kept int64
	// CancelledBy and ReasonCode say who ended the visit and why, in codes.
	CancelledBy ActorKind
	ReasonCode  string
	Stuck       Code
	CreatedAt   time.Time
	UpdatedAt   time.Time
	EndedAt     time.Time
	// Reason and Notes are decrypted clinical text, present in a full record only.
	Reason string
	Notes  string
	// CaseID is the oldest open payment case; "" where there is none.
	CaseID string
	// ProcessStarted says whether the workflow has claimed the visit.
	ProcessStarted bool
}

// Payment is the money side of an appointment's newest generation.
type Payment struct {
	IntentID      string
	ClientSecret  string // for the payer only
	Status        PaymentStatus
	Amount        Money
	Captured      int64
	Refunded      int64
	CaptureBefore time.Time
}

// Event is one line of an appointment's timeline.
type Event struct {
	Seq        int // counts the lines from 1: a line that moves nothing has one too
	Version    int
	Transition string // the transition's own ID: the same one twice is a no-op
	Kind       string // what happened, such as "confirmed" or "payment_opened"
	From       Status
	To         Status
	Actor      Actor
	ReasonCode string
	At         time.Time
}

// TimelineEvent is a line of one of many timelines.
type TimelineEvent struct {
	AppointmentID string
	Event
}

// MessageStatus is where a message of the ledger stands.
type MessageStatus string

// The statuses of a message.
const (
	MessagePending MessageStatus = "pending"
	MessageSending MessageStatus = "sending" // handed to the vendor, reply not seen yet
	MessageSent    MessageStatus = "sent"
	MessageFailed  MessageStatus = "failed"  // refused for good
	MessageUnknown MessageStatus = "unknown" // may have been sent; not sent again
	MessageSkipped MessageStatus = "skipped"
)

// Message is a row of the message ledger, without its content.
type Message struct {
	ID            string
	AppointmentID string
	Seq           int64
	Kind          MessageKind
	Recipient     Recipient
	Status        MessageStatus
	Attempts      int
	Unknowns      int // attempts whose outcome the vendor never told
	ErrorCode     string
	CreatedAt     time.Time
	SentAt        time.Time
	// ForStart is the start it speaks of, UTC.
	ForStart time.Time
	// Delivery is what the provider said after it had taken the message.
	Delivery DeliveryState
	// Problem is what staff have to look at: failed, unknown, skipped, bounced, dropped,
	// spam_report; "" where nothing went wrong.
	Problem  string
	ResendOf string // the message this one repeats
	ResentAs string // the message that repeats this one
}
