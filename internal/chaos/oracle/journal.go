// Package oracle judges a run from outside: it reads the API as its users do, PostgreSQL,
// the vendors' ledger and Temporal's visibility, and compares them with each other and
// with what clients were promised. It imports nothing of the product: the rules of the
// lifecycle are written down here a second time, from the specification.
package oracle

import (
	"slices"
	"sync"
	"time"
)

// Journal is what clients asked for and were told, as they saw it.
type Journal struct {
	mu        sync.Mutex
	Bookings  []*Booking `json:"bookings"`
	Commands  []*Command `json:"commands"`
	Deeds     []Deed     `json:"deeds"`
	Decisions []Decision `json:"decisions"`
	Resends   []*Resend  `json:"resends"`
	Watches   []*Watch   `json:"watches"`
	Promises  []Promise  `json:"backups"`
	Surprises []Finding  `json:"surprises"`
}

// Booking is one request for a visit under one key, however often it was sent.
type Booking struct {
	Life      int       `json:"life"`
	Account   string    `json:"account"` // e-mail address
	PatientID string    `json:"patient_id"`
	DoctorID  string    `json:"doctor_id"`
	TypeID    string    `json:"type_id"`
	StartsAt  time.Time `json:"starts_at"`
	Key       string    `json:"key"`
	// Status is the last definite answer; 0 when there was none.
	Status        int    `json:"status"`
	Code          string `json:"code,omitempty"`
	AppointmentID string `json:"appointment_id,omitempty"`
}

// Command is one command under one key, however often it was sent.
type Command struct {
	AppointmentID string    `json:"appointment_id"`
	Name          string    `json:"name"`
	By            string    `json:"by"` // patient, doctor or staff
	Key           string    `json:"key"`
	StartsAt      time.Time `json:"starts_at,omitzero"` // of a reschedule
	To            string    `json:"to,omitempty"`       // of a correction
	// Letter is the ID of the message whose link was followed; "" for the API.
	Letter string `json:"letter,omitempty"`
	// Outdated says that its sender knew the letter to speak of a time that was no more.
	Outdated bool   `json:"outdated,omitempty"`
	Status   int    `json:"status"`
	Code     string `json:"code,omitempty"`
}

// Deed is what somebody did at the payment provider, past us, and was done there.
type Deed struct {
	AppointmentID string `json:"appointment_id"`
	IntentID      string `json:"intent_id"`
	Name          string `json:"name"` // refund, fail_refunds, dispute_won or dispute_lost
	Minor         int64  `json:"minor,omitempty"`
}

// Decision is what staff decided about a payment case, and were told is done.
type Decision struct {
	CaseID   string `json:"case_id"`
	IntentID string `json:"intent_id"`
	Name     string `json:"name"` // retry or resolve
}

// Resend is a letter that staff asked to be sent again, under one key.
type Resend struct {
	AppointmentID string `json:"appointment_id"`
	MessageID     string `json:"message_id"` // that was lost
	Key           string `json:"key"`
	Status        int    `json:"status"`
	Code          string `json:"code,omitempty"`
	NewID         string `json:"new_id,omitempty"`
}

// Watch is what somebody saw who watched a visit, over all of their connections.
type Watch struct {
	AppointmentID string `json:"appointment_id"`
	Lines         []Line `json:"lines"`
	Connections   int    `json:"connections"`
	// Ended says that the API told that the timeline has ended for good.
	Ended bool `json:"ended"`
}

// Line is a line of a timeline as a stream brought it.
type Line struct {
	Seq  int    `json:"seq"`
	Kind string `json:"kind"`
	To   string `json:"to"`
}

// Promise is a backup that somebody asked for and was told to be under way.
type Promise struct {
	ID     string `json:"id"`
	Joined bool   `json:"joined"`
}

// AddDeed notes a deed once it is done.
func (j *Journal) AddDeed(d Deed) { j.mu.Lock(); defer j.mu.Unlock(); j.Deeds = append(j.Deeds, d) }

// AddDecision notes a decision once it is accepted.
func (j *Journal) AddDecision(d Decision) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Decisions = append(j.Decisions, d)
}

// AddBooking notes a booking before it is sent.
func (j *Journal) AddBooking(b *Booking) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Bookings = append(j.Bookings, b)
}

// AddCommand notes a command before it is sent.
func (j *Journal) AddCommand(c *Command) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Commands = append(j.Commands, c)
}

// AddResend notes a letter to be sent again before it is asked for.
func (j *Journal) AddResend(r *Resend) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Resends = append(j.Resends, r)
}

// AddWatch notes that somebody begins to watch.
func (j *Journal) AddWatch(w *Watch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Watches = append(j.Watches, w)
}

// AddPromise notes a backup that was promised.
func (j *Journal) AddPromise(p Promise) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Promises = append(j.Promises, p)
}

// Answer notes an answer under the journal's lock.
func (j *Journal) Answer(note func()) { j.mu.Lock(); defer j.mu.Unlock(); note() }

// Surprise notes an answer that no fault excuses.
func (j *Journal) Surprise(f Finding) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Contains(j.Surprises, f) {
		j.Surprises = append(j.Surprises, f)
	}
}

// Finding is something that is wrong.
type Finding struct {
	// Rule is what was broken, such as "slot_sold_twice".
	Rule string `json:"rule"`
	// Subject is what it is about: an appointment's ID, an intent, a message.
	Subject string `json:"subject"`
	Detail  string `json:"detail"`
}
