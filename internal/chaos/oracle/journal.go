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
	Status        int       `json:"status"`
	Code          string    `json:"code,omitempty"`
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
