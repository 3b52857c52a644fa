package domain

import (
	"cmp"
	"errors"
	"slices"
)

// Role is what a log-in may do. A user may have several.
type Role string

// The roles of the product.
const (
	RolePatient   Role = "patient"   // books for the patients of the account
	RoleCaregiver Role = "caregiver" // books for others whose patients are in the account
	RoleDoctor    Role = "doctor"    // answers and sees the own visits
	RoleStaff     Role = "staff"     // front desk: all visits of the clinic
	RoleAdmin     Role = "admin"     // accounts and set-up
	RoleOps       Role = "ops"       // jobs: backups, restores, deployments
)

// Roles lists every role.
func Roles() []Role {
	return []Role{RolePatient, RoleCaregiver, RoleDoctor, RoleStaff, RoleAdmin, RoleOps}
}

// Caller is who asks. The zero Caller may do nothing.
type Caller struct {
	UserID   string
	Roles    []Role
	DoctorID string // the doctor this log-in is, if any
	// SessionID is the log-in that the caller came with.
	SessionID string
	// Claimed is set where the caller is only what a signed token says: all its roles.
	// Whether its session goes on, and the account has these roles still, is then for whoever
	// acts to see, in the transaction that does; see ErrNotLookedUp.
	Claimed []Role
}

// ErrNotLookedUp says that what was asked for is not done for a caller who is only claimed:
// look the session up and ask again. It says nothing about why.
var ErrNotLookedUp = errors.New("the caller's session is to be looked up first")

// Has reports whether the caller holds one of the roles.
func (c Caller) Has(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(c.Roles, r) })
}

// Scope narrows what a caller's queries may see: whatever one of its fields lets through.
// One role sets one field; the zero Scope sees nothing.
type Scope struct {
	All       bool   // staff and admin: the clinic
	AccountID string // patients and caregivers: visits of the account's patients
	DoctorID  string // doctors: their own visits
}

// Or is what either scope shows. Only for lists: a record is read and acted upon in the one
// capacity that allows it.
func (s Scope) Or(other Scope) Scope {
	return Scope{All: s.All || other.All, AccountID: cmp.Or(s.AccountID, other.AccountID), DoctorID: cmp.Or(s.DoctorID, other.DoctorID)}
}

// AppointmentScope returns the widest view of appointments the caller's roles allow.
func (c Caller) AppointmentScope() Scope {
	switch {
	case c.Has(RoleStaff, RoleAdmin):
		return Scope{All: true}
	case c.Has(RoleDoctor) && c.DoctorID != "":
		return Scope{DoctorID: c.DoctorID}
	case c.Has(RolePatient, RoleCaregiver):
		return Scope{AccountID: c.UserID}
	}
	return Scope{}
}

// ActorKind says in which capacity someone acted on an appointment.
type ActorKind string

// Who can act on an appointment.
const (
	ActorPatient ActorKind = "patient" // patient or caregiver
	ActorDoctor  ActorKind = "doctor"
	ActorStaff   ActorKind = "staff"
	ActorSystem  ActorKind = "system" // a deadline or the process itself
)

// Actor is who did something to an appointment; ID is a user ID, empty for the system.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id,omitempty"`
}

// System is the actor behind deadlines and the process's own steps.
func System() Actor { return Actor{Kind: ActorSystem} }
