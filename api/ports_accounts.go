package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Attempts counts tries to log in.
type Attempts interface {
	// Attempt counts a try before its password is looked at. CodeTooMany, with the time to
	// wait, when there is no room for it.
	Attempt(ctx context.Context, a domain.Attempt) error
	// Forgive takes a try back whose password was right.
	Forgive(ctx context.Context, a domain.Attempt) error
	// Allow counts a request that sends a mail; CodeTooMany as above.
	Allow(ctx context.Context, allowances []domain.Allowance, now time.Time) error
}

// Registrations is what the API asks of the database about accounts that people open and
// recover themselves. Links are known by their hash; one that opens nothing is
// CodeLinkExpired, whatever the reason.
type Registrations interface {
	// Register and SendLink do not tell whether there is an account.
	Register(ctx context.Context, r domain.Registration, link domain.NewLink, now time.Time) error
	SendLink(ctx context.Context, kind domain.AccountMessageKind, email string, link domain.NewLink, now time.Time) error
	// AccountOfLink looks without using the link.
	AccountOfLink(ctx context.Context, kind domain.AccountMessageKind, hash []byte, now time.Time) (domain.Account, error)
	// VerifyEmail uses the link, if the account still has the password hash that was checked.
	VerifyEmail(ctx context.Context, hash []byte, checked string, by domain.Access, now time.Time) error
	RedeemReset(ctx context.Context, hash []byte, newHash string, by domain.Access, now time.Time) error
}

// Sessions is what the API asks of the database about log-ins.
type Sessions interface {
	// OpenSession records a log-in; CodeUnauthenticated when the account was disabled or
	// got another password meanwhile.
	OpenSession(ctx context.Context, n domain.NewSession) (domain.OpenedSession, error)
	// RefreshSession trades a refresh token in. Every refusal is CodeUnauthenticated.
	RefreshSession(ctx context.Context, r domain.Rotation) (domain.OpenedSession, error)
	// SessionCaller returns whom a session speaks for now; CodeUnauthenticated when it
	// ended, is over, or its account was disabled.
	SessionCaller(ctx context.Context, id string, now time.Time) (domain.Caller, error)
	// Sessions lists the live sessions of an account, last used first.
	Sessions(ctx context.Context, accountID string, now time.Time) ([]domain.Session, error)
	// EndSession returns CodeNotFound when the account has no such live session.
	EndSession(ctx context.Context, accountID, id string, now time.Time) error
	// EndSessions logs the account of the caller out everywhere.
	EndSessions(ctx context.Context, by domain.Access, now time.Time) error
}

// Accounts is what the API asks of the database about accounts. Callers see and change
// those that domain.Caller.Manages allows; others are CodeNotFound.
type Accounts interface {
	// Accounts lists newest first.
	Accounts(ctx context.Context, by domain.Caller, f domain.AccountFilter) ([]domain.AccountRecord, error)
	ManagedAccount(ctx context.Context, by domain.Caller, id string) (domain.AccountRecord, error)
	// CreateAccount returns CodeForbidden for roles the caller may not give and
	// CodeEmailTaken when the address has an account.
	CreateAccount(ctx context.Context, by domain.Access, n domain.NewAccount) (domain.AccountRecord, error)
	// ChangeAccount returns CodeForbidden as above, CodeStale when it was changed
	// meanwhile, and CodeLastAdmin.
	ChangeAccount(ctx context.Context, by domain.Access, c domain.AccountChange, now time.Time) (domain.AccountRecord, error)
	// ReplacePassword sets the caller's own password; CodeConflict when oldHash is not the
	// account's any more.
	ReplacePassword(ctx context.Context, by domain.Access, oldHash, newHash string, now time.Time) error
	ResetPassword(ctx context.Context, by domain.Access, id, hash string, now time.Time) error
	// AccountEvents lists newest first.
	AccountEvents(ctx context.Context, by domain.Caller, id string, limit int) ([]domain.AccountEvent, error)
	// AccountMessages lists what the account owed its owner, newest first.
	AccountMessages(ctx context.Context, by domain.Caller, id string, limit int) ([]domain.AccountMessage, error)
}
