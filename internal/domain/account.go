package domain

import (
	"slices"
	"time"
)

// AccountRecord is an account as those who manage accounts see it.
type AccountRecord struct {
	ID        string
	Email     string
	Name      string
	Roles     []Role
	Locale    string // BCP 47, for letters
	Zone      string // IANA
	Disabled  bool
	Verified  bool // the address is its owner's: proved by a link, or made by the front desk
	Version   int  // counts the changes: the ETag
	CreatedAt time.Time
	UpdatedAt time.Time
}

// NewAccount asks for an account. PasswordHash is of the password that its owner is given.
type NewAccount struct {
	Email        string
	Name         string
	Roles        []Role
	Locale       string
	Zone         string
	PasswordHash string
}

// AccountChange is what an account becomes, if it still has Version.
type AccountChange struct {
	ID       string
	Version  int
	Name     string
	Roles    []Role
	Disabled bool
}

// AccountFilter narrows a list of accounts, newest first. Zero fields do not filter.
type AccountFilter struct {
	Text     string // part of the name or the e-mail address, in any case
	Role     Role
	Disabled *bool
	AfterID  string // the last one of the page before
	Limit    int
}

// AccountEvent is something that happened to an account.
type AccountEvent struct {
	ID      int64
	Kind    string
	ActorID string // empty: the system
	Roles   []Role // after the change, where it was about them
	At      time.Time
}

// Manages lists the roles of accounts that the caller may manage: an account with any
// other role is out of reach. The front desk looks after patients; everyone else's
// account is for admins, or the front desk could make itself one.
func (c Caller) Manages() []Role {
	switch {
	case c.Has(RoleAdmin):
		return Roles()
	case c.Has(RoleStaff):
		return []Role{RolePatient, RoleCaregiver}
	}
	return nil
}

// MayGive reports whether the caller may make an account with these roles.
func (c Caller) MayGive(roles []Role) bool {
	return !slices.ContainsFunc(roles, func(r Role) bool { return !slices.Contains(c.Manages(), r) })
}
