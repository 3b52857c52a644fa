package domain

import "slices"

// Status is where an appointment stands in its lifecycle.
type Status string

// The statuses of an appointment.
const (
	StatusRequested Status = "requested" // slot held, waiting for the payment to be authorised
	StatusPending   Status = "pending"   // authorised, waiting for the doctor's answer
	StatusCapturing Status = "capturing" // accepted, the money is being taken
	StatusConfirmed Status = "confirmed"
	StatusCheckedIn Status = "checked_in"
	StatusCompleted Status = "completed"
	StatusDeclined  Status = "declined"
	StatusCancelled Status = "cancelled"
	StatusExpired   Status = "expired"
	StatusNoShow    Status = "no_show"
	StatusArchived  Status = "archived"
)

// transitions lists where each status may go. End states go to the archive, and no-show and
// completed into each other, since staff may have been wrong. A no-show may stay one: what
// becomes of its fee moves the version only.
var transitions = map[Status][]Status{
	StatusRequested: {StatusPending, StatusExpired, StatusCancelled},
	StatusPending:   {StatusCapturing, StatusConfirmed, StatusDeclined, StatusExpired, StatusCancelled},
	StatusCapturing: {StatusConfirmed, StatusRequested, StatusExpired, StatusCancelled},
	StatusConfirmed: {StatusPending, StatusCheckedIn, StatusCompleted, StatusCancelled, StatusNoShow}, // pending: moved, to be confirmed anew
	StatusCheckedIn: {StatusCompleted, StatusCancelled},
	StatusCompleted: {StatusNoShow, StatusArchived},
	StatusDeclined:  {StatusArchived},
	StatusCancelled: {StatusArchived},
	StatusExpired:   {StatusArchived},
	StatusNoShow:    {StatusNoShow, StatusCompleted, StatusArchived},
	StatusArchived:  nil,
}

// Statuses lists every status in the order of the lifecycle.
func Statuses() []Status {
	return []Status{
		StatusRequested, StatusPending, StatusCapturing, StatusConfirmed, StatusCheckedIn, StatusCompleted,
		StatusDeclined, StatusCancelled, StatusExpired, StatusNoShow, StatusArchived,
	}
}

// MayBecome reports whether the lifecycle has an arrow from s to next. Staying in the
// same live status is allowed: a reschedule or a new fact moves the version only.
func (s Status) MayBecome(next Status) bool {
	return slices.Contains(transitions[s], next) || (s == next && s.Live())
}

// Live reports whether a visit in this status holds its slot. The exclusion
// constraints of the appointments table use the same list.
func (s Status) Live() bool {
	switch s {
	case StatusRequested, StatusPending, StatusCapturing, StatusConfirmed, StatusCheckedIn:
		return true
	case StatusCompleted, StatusDeclined, StatusCancelled, StatusExpired, StatusNoShow, StatusArchived:
		return false
	}
	return false
}

// Ended reports whether the visit is over, one way or another.
func (s Status) Ended() bool { return !s.Live() }
