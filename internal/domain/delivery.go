package domain

import (
	"slices"
	"time"
)

// Delivery is how far a message came after the mail provider had taken it.
type Delivery string

// The states of a delivery, from the earliest to the one that no later news can change.
const (
	DeliveryProcessed Delivery = "processed" // the provider works on it
	DeliveryDeferred  Delivery = "deferred"  // the recipient's server asked for patience
	DeliveryDelivered Delivery = "delivered"
	DeliveryDropped   Delivery = "dropped" // the provider did not even try
	// DeliveryBounced may follow a delivery: servers accept a mail and send it back later.
	DeliveryBounced Delivery = "bounced"
	DeliverySpam    Delivery = "spam_report" // the recipient called it spam
)

var deliveries = []Delivery{"", DeliveryProcessed, DeliveryDeferred, DeliveryDelivered, DeliveryDropped, DeliveryBounced, DeliverySpam}

// Failed reports whether the recipient does not have the message, or does not want it.
func (d Delivery) Failed() bool {
	return d == DeliveryDropped || d == DeliveryBounced || d == DeliverySpam
}

// DeliveryState is a delivery with the reason in a code, never in the words of a mail
// server, and the instant (UTC) at which the provider saw it.
type DeliveryState struct {
	State Delivery
	Code  string
	At    time.Time
}

// Supersedes reports whether s takes the place of old. Events come twice and in any
// order: the furthest state wins, of equal ones the latest, so that the order in which
// they arrive does not matter.
func (s DeliveryState) Supersedes(old DeliveryState) bool {
	a, b := slices.Index(deliveries, s.State), slices.Index(deliveries, old.State)
	switch {
	case a != b:
		return a > b
	case !s.At.Equal(old.At):
		return s.At.After(old.At)
	}
	return s.Code > old.Code
}

// MailEvent is a verified event of the mail provider, without the person it is about.
type MailEvent struct {
	ID        string // the provider's, unique
	MessageID string // ours; "" when the event names none
	DeliveryState
}

// The ledgers that a mail can have come from.
const (
	LedgerAppointments = "appointments"
	LedgerAccounts     = "accounts"
	LedgerNone         = ""
)

// AcceptedMailEvent is what became of an event.
type AcceptedMailEvent struct {
	MailEvent
	Fresh bool // false: it was known
	// Ledger is where its message is; LedgerNone when it matches nothing of ours.
	Ledger        string
	AppointmentID string
	Kind          MessageKind
}

// MessageFilter narrows the list of messages that went wrong. Zero fields do not filter.
type MessageFilter struct {
	Problems  []string // failed, unknown, skipped, bounced, dropped, spam_report
	Kind      string
	Recipient string
	Since     time.Time // written at or after
	Until     time.Time // written before
	OpenOnly  bool      // not those that were sent again
}

// MayResend refuses to send a message again that is not lost, or that would say
// something untrue by now. start is the visit's present start.
func MayResend(m Message, status Status, start, now time.Time) error {
	switch {
	case status == StatusArchived:
		return Errorf(CodeWrongStatus, "this visit is archived: nothing is sent about it any more")
	case m.ResentAs != "":
		return Errorf(CodeConflict, "this message was sent again already: look at message %s", m.ResentAs)
	case m.Status == MessagePending || m.Status == MessageSending:
		return Errorf(CodeConflict, "this message is on its way: wait for what comes of it")
	case m.Delivery.State == DeliverySpam:
		return Errorf(CodeConflict, "the recipient called this message spam: talk to them instead")
	case m.Problem == "":
		return Errorf(CodeConflict, "this message did not fail: the mail provider has taken it")
	}
	return m.stillTrue(status, start, now)
}

// stillTrue refuses letters whose news is no more.
func (m Message) stillTrue(status Status, start, now time.Time) error {
	allowed := lettersOf[m.Kind]
	if len(allowed) == 0 {
		return nil // money and endings stay true
	}
	if !slices.Contains(allowed, status) {
		return Errorf(CodeWrongStatus, "the visit is %s: a letter of kind %s would be wrong", status, m.Kind)
	}
	if !m.ForStart.Equal(start) {
		return Errorf(CodeConflict, "this letter speaks of a time that is no more: the visit was moved")
	}
	if !now.Before(start) {
		return Errorf(CodeTooLate, "the visit has begun: a letter of kind %s comes too late", m.Kind)
	}
	return nil
}

// lettersOf names the statuses in which a letter about what is to come is right.
var lettersOf = map[MessageKind][]Status{
	MessageRequestReceived: {StatusRequested},
	MessageRequestToDoctor: {StatusPending},
	MessageConfirmed:       {StatusConfirmed, StatusCheckedIn},
	MessageMoved:           {StatusPending, StatusConfirmed, StatusCheckedIn},
	MessageReminder:        {StatusConfirmed},
}
