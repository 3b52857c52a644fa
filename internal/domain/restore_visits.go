package domain

import "time"

// LostVisit is a visit that is known elsewhere and has no row, or not the right one, in the
// restored database: booked after the restore point, as a rule. Or one whose money had moved
// since. It holds IDs only.
type LostVisit struct {
	AppointmentID string    `json:"appointment_id"`
	Why           LostCode  `json:"why"`
	BookedAt      time.Time `json:"booked_at,omitzero"`  // UTC, as all times here; zero where nobody knows
	StartsAt      time.Time `json:"starts_at,omitzero"`  // the same
	DoctorID      string    `json:"doctor_id,omitempty"` // "" where only the provider knows of it
	PatientID     string    `json:"patient_id,omitempty"`
	BookedBy      string    `json:"booked_by,omitempty"` // user ID
	// Status is what the visit had come to, by its process or by the database of before.
	Status  Status `json:"status,omitempty"`
	Version int    `json:"version,omitempty"`
	// Process is how its process stands.
	Process ProcessState `json:"process,omitempty"`
	// Intents are the payments that the provider has for it.
	Intents []LostPayment `json:"intents,omitempty"`
}

// LostPayment is what is known of the money of such a visit, from the provider and from the
// process of its payment case.
type LostPayment struct {
	PaymentFact
	Amount Money `json:"amount"`
	// CaseKind and CaseState are how its case stood, Outcome how that ended; "" for none.
	CaseKind  CaseKind  `json:"case_kind,omitempty"`
	CaseState CaseState `json:"case_state,omitempty"`
	Outcome   string    `json:"outcome,omitempty"`
}

// LostPaymentOf puts together what the provider and the process of a case tell.
func LostPaymentOf(i Intent, c CaseHistory) LostPayment {
	return LostPayment{PaymentFact: FactOf(i), Amount: i.Amount, CaseKind: c.Kind, CaseState: c.State, Outcome: c.Outcome}
}

// LostCode says why a visit is listed.
type LostCode string

// Why a visit is listed.
const (
	LostRow    LostCode = "no_row"       // its row is not in the restored database
	LostBehind LostCode = "not_followed" // its row could not be brought up to its process
	LostMoney  LostCode = "money_moved"  // its money moved after the restore point, and is in the books again
)

// LostVisitFilter selects the listed visits of a restore by ID, after one.
type LostVisitFilter struct {
	RestoreID string
	After     string
	Limit     int
}

// VisitProcess is one run of a visit's process.
type VisitProcess struct {
	AppointmentID string
	RunID         string
	StartedAt     time.Time // UTC
}

// VisitHistory is what one run of a visit's process did to the row, in its order.
type VisitHistory struct {
	// From is the version of the row that the run began with, and Latest what it last left.
	From      int
	Latest    Status
	Version   int
	DoctorID  string
	Visit     Window
	BookedAt  time.Time
	ChangedAt time.Time // the last event of any kind, UTC
	State     ProcessState
	// Superseded runs ended without having claimed the visit.
	Superseded bool
	Steps      []VisitStep
}

// VisitStep is something that a process had recorded; one of its parts is set.
type VisitStep struct {
	At         time.Time
	Transition *Transition
	// OpenedIntent is a payment that was opened for Generation.
	OpenedIntent string
	Generation   int
	// Settled is what the clinic keeps, where the money of an ended visit was put right.
	Settled *int64
	// Delivered is set where everything owed until At was handed over; Clean where all of it
	// was taken.
	Delivered bool
	Clean     bool
	Reminders []Reminder
}
