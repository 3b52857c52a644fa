package domain

import "time"

// StandingVisit is an appointment's row that has stood still for a while: what its
// process has to agree with.
type StandingVisit struct {
	AppointmentID string
	Status        Status
	Version       int
	StartsAt      time.Time // UTC
	Stuck         Code      // "" where the row is not marked
	ChangedAt     time.Time // last transition, UTC
	// RunID is the run that claimed the visit; "" where none has.
	RunID string
	// InTimeline says that the row is what its last event says. Otherwise somebody wrote
	// it by hand.
	InTimeline bool
	// Replaced is how often the reconciler has replaced the process in the last 24 hours.
	Replaced int
}

// ProcessState is how an appointment's process stands in Temporal.
type ProcessState string

// The states of a process.
const (
	ProcessMissing   ProcessState = "missing"   // Temporal knows of none, or not any more
	ProcessRunning   ProcessState = "running"   // its latest run is open
	ProcessDead      ProcessState = "dead"      // failed, terminated, cancelled or timed out
	ProcessCompleted ProcessState = "completed" // it ended well
)

// Process is what Temporal knows of an appointment's process.
type Process struct {
	State ProcessState
	// RunID is the open run, where there is one.
	RunID string
	// Since is when the run began, or when it ended; UTC. Zero for a missing one.
	Since time.Time
	// Status and StartsAt are what an open run shows of the visit; zero where it shows
	// nothing.
	Status   Status
	StartsAt time.Time
}

// Replacement is a process about to be started in the place of another.
type Replacement struct {
	AppointmentID string
	// Dead is the claim as it was seen: the replacement takes place only while it stands.
	Dead       string
	Version    int
	Actor      Actor
	ReasonCode string
}

// FindingCode says what the reconciler found. Beside these it may be the code under which
// a visit is marked as stuck.
type FindingCode string

// What the reconciler leaves to people.
const (
	FindingVersionConflict  FindingCode = "version_conflict"  // row and process, or row and timeline, disagree
	FindingProcessCompleted FindingCode = "process_completed" // it ended although the visit has not
	FindingNotClaimed       FindingCode = "not_claimed"       // it runs and has not begun: no worker takes it
	FindingReplacedOften    FindingCode = "replaced_often"    // each replacement dies too
	FindingUndelivered      FindingCode = "messages_undelivered"
	FindingOutboxLate       FindingCode = "outbox_late"
	FindingLocalTimeMoved   FindingCode = "local_time_moved"  // its zone changed its rules since it was booked
	FindingCaseLate         FindingCode = "payment_case_late" // its process has not looked when it meant to
	FindingUnreachable      FindingCode = "not_examined"      // a fault while it was looked at
)

// Finding is something that needs a person.
type Finding struct {
	// Subject is appointment/<id>, message/<id>, outbox/<id> or payment_case/<id>.
	Subject       string      `json:"subject"`
	Code          FindingCode `json:"code"`
	AppointmentID string      `json:"appointment_id,omitempty"`
	Detail        string      `json:"detail,omitempty"` // codes and numbers
	At            time.Time   `json:"at,omitzero"`      // UTC; set when it is read back
}

// ReconcileTrigger says what began a reconciliation.
type ReconcileTrigger string

// What begins a reconciliation.
const (
	BySchedule ReconcileTrigger = "schedule"
	ByPerson   ReconcileTrigger = "person"
)

// ReconcileCounts are the figures of a reconciliation.
type ReconcileCounts struct {
	Checked  int `json:"checked"`
	Replaced int `json:"replaced"`
	Reported int `json:"reported"`
}

// Add returns the sum.
func (c ReconcileCounts) Add(other ReconcileCounts) ReconcileCounts {
	return ReconcileCounts{c.Checked + other.Checked, c.Replaced + other.Replaced, c.Reported + other.Reported}
}

// Reconciliation is one comparison of all rows with their processes.
type Reconciliation struct {
	ID         string
	Trigger    ReconcileTrigger
	StartedAt  time.Time
	FinishedAt time.Time // zero while it runs, or when it was broken off
	Counts     ReconcileCounts
	Findings   []Finding // the first ones; Counts.Reported is their whole number
}

// RepairAction says what a retry of one visit came to.
type RepairAction string

// What a retry can come to.
const (
	RepairReplaced RepairAction = "replaced" // a new process carries the visit
	RepairNone     RepairAction = "none"     // its process runs and agrees with the row
	RepairReported RepairAction = "reported" // a person has to look
)
