package domain

import "time"

// Account is a log-in.
type Account struct {
	ID           string
	Email        string
	Name         string
	PasswordHash string // argon2id, encoded with its parameters
	Roles        []Role
	DoctorID     string // the doctor this log-in is, if any
	Disabled     bool
	Unverified   bool // registered, and the address was not confirmed yet: cannot log in
}

// IdempotencyKey identifies one command of one caller. The same key with the same
// body gets the first answer again; with another body it is refused.
type IdempotencyKey struct {
	Principal string // user ID
	Operation string // operation ID of the API contract, with the target's ID where it has one
	Key       string // the caller's text, at most 255 characters
	BodyHash  []byte // SHA-256 of the canonical request body
}

// StoredResponse is an answer that can be given again.
type StoredResponse struct {
	Status int
	Body   []byte // JSON
}

// Access says who reads a patient's record and through which request, for the audit.
type Access struct {
	Caller    Caller
	RequestID string
}

// LinkedVisit is a visit as the page behind a link of a letter shows it, without clinical
// text. Its reader is the account that gets the patient's letters.
type LinkedVisit struct {
	Appointment
	AccountID     string
	Locale        string // BCP 47, of the reader
	Zone          string // IANA, of the reader
	ClinicName    string
	ClinicAddress string
}

// Availability is what slot search needs of one doctor and type for a span.
type Availability struct {
	Schedule Schedule
	Type     AppointmentType
	Busy     []Window // occupied windows of live visits, padded by their buffers
}

// AppointmentFilter narrows a list. Zero fields do not filter.
type AppointmentFilter struct {
	Statuses  []Status
	Fee       FeeStatus // only visits whose no-show fee stands there
	DoctorID  string
	PatientID string
	From      time.Time // visits that start at or after
	To        time.Time // visits that start before
}

// Page asks for up to Limit rows after a position in the list's order (start, ID);
// the zero position is the beginning.
type Page struct {
	AfterTime time.Time
	AfterID   string
	Limit     int
}

// Webhook is a verified event of a vendor, reduced to identifiers, as the outbox
// keeps it. Source and ID together are unique.
type Webhook struct {
	Source        string // stripe, sendgrid
	ID            string
	Type          string
	AppointmentID string // empty when the event matches nothing we know
	IntentID      string
	Created       time.Time
	Refunded      int64  // see PaymentEvent
	Status        string // see PaymentEvent
}
