package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Accounts lists those accounts that the caller manages, newest first.
func (s *Store) Accounts(ctx context.Context, by domain.Caller, f domain.AccountFilter) ([]domain.AccountRecord, error) {
	rows, err := s.q.ListAccounts(ctx, db.ListAccountsParams{
		Within: namesOf(by.Manages()), Text: f.Text, Role: string(f.Role), Disabled: f.Disabled, AfterID: optional(f.AfterID),
		MaxRows: int32(f.Limit), //nolint:gosec // small bounds
	})
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	records := make([]domain.AccountRecord, 0, len(rows))
	for _, r := range rows {
		records = append(records, recordOf(db.ManagedAccountRow(r)))
	}
	return records, nil
}

// ManagedAccount returns one account; CodeNotFound where the caller does not manage it.
func (s *Store) ManagedAccount(ctx context.Context, by domain.Caller, id string) (domain.AccountRecord, error) {
	row, err := s.q.ManagedAccount(ctx, db.ManagedAccountParams{ID: id, Within: namesOf(by.Manages())})
	if err != nil {
		return domain.AccountRecord{}, missing(err, "account")
	}
	return recordOf(row), nil
}

// CreateAccount makes an account. CodeForbidden for roles the caller may not give,
// CodeEmailTaken when the address has an account.
func (s *Store) CreateAccount(ctx context.Context, by domain.Access, n domain.NewAccount) (domain.AccountRecord, error) {
	if !by.Caller.MayGive(n.Roles) {
		return domain.AccountRecord{}, mayNotGive()
	}
	var record domain.AccountRecord
	err := s.inTx(ctx, func(q *db.Queries) (err error) {
		record, err = insertAccount(ctx, q, by, n)
		return err
	})
	return record, err
}

// CreateFirstAdmin makes an admin while there is no active one; CodeConflict otherwise.
// An address that has an account already is CodeEmailTaken.
func (s *Store) CreateFirstAdmin(ctx context.Context, n domain.NewAccount) (domain.AccountRecord, error) {
	var record domain.AccountRecord
	err := s.inTx(ctx, func(q *db.Queries) error {
		if err := q.LockAccounts(ctx); err != nil {
			return fmt.Errorf("locking the accounts: %w", err)
		}
		admins, err := q.LockActiveAdmins(ctx)
		if err != nil {
			return fmt.Errorf("looking for admins: %w", err)
		}
		if len(admins) > 0 {
			return domain.Errorf(domain.CodeConflict, "There is an active admin already, who makes all other accounts.")
		}
		record, err = insertAccount(ctx, q, domain.Access{}, n)
		return err
	})
	return record, err
}

func insertAccount(ctx context.Context, q *db.Queries, by domain.Access, n domain.NewAccount) (domain.AccountRecord, error) {
	row, err := q.InsertAccount(ctx, db.InsertAccountParams{
		ID: domain.NewID(), Email: n.Email, Name: n.Name, PasswordHash: n.PasswordHash, Roles: namesOf(n.Roles), Locale: n.Locale, TimeZone: n.Zone,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return domain.AccountRecord{}, domain.Errorf(domain.CodeEmailTaken, "There is an account with this e-mail address already.")
	}
	if err != nil {
		return domain.AccountRecord{}, fmt.Errorf("creating an account: %w", err)
	}
	return recordOf(db.ManagedAccountRow(row)), errors.Join(
		recordAccount(ctx, q, row.ID, "created", by, row.Roles), addOwnPatient(ctx, q, row.ID))
}

// ChangeAccount gives an account a name, roles and a state, if it still has the version.
// Disabling ends its sessions. CodeStale when it was changed meanwhile, CodeLastAdmin when
// nobody could manage accounts afterwards, CodeForbidden for roles the caller may not give.
func (s *Store) ChangeAccount(ctx context.Context, by domain.Access, c domain.AccountChange, now time.Time) (domain.AccountRecord, error) {
	if !by.Caller.MayGive(c.Roles) {
		return domain.AccountRecord{}, mayNotGive()
	}
	var record domain.AccountRecord
	err := s.inTx(ctx, func(q *db.Queries) error {
		// Before the account itself: whoever takes an admin away holds all of them first.
		admins, err := q.LockActiveAdmins(ctx)
		if err != nil {
			return fmt.Errorf("locking the admins: %w", err)
		}
		old, err := q.LockManagedAccount(ctx, db.LockManagedAccountParams{ID: c.ID, Within: namesOf(by.Caller.Manages())})
		if err != nil {
			return missing(err, "account")
		}
		if c.Version != 0 && int(old.Version) != c.Version {
			return domain.Errorf(domain.CodeStale, "This account was changed since you read it. Read it again and decide anew.")
		}
		stays := !c.Disabled && slices.Contains(c.Roles, domain.RoleAdmin)
		if !stays && len(admins) == 1 && admins[0] == c.ID {
			return domain.Errorf(domain.CodeLastAdmin, "This is the last active admin. Make another account an admin first.")
		}
		row, err := q.UpdateAccount(ctx, db.UpdateAccountParams{ID: c.ID, Name: c.Name, Roles: namesOf(c.Roles), Disabled: c.Disabled})
		if err != nil {
			return fmt.Errorf("changing an account: %w", err)
		}
		record = recordOf(db.ManagedAccountRow(row))
		if slices.Contains(row.Roles, string(domain.RolePatient)) && !slices.Contains(old.Roles, string(domain.RolePatient)) {
			if err := addOwnPatient(ctx, q, row.ID); err != nil {
				return err
			}
		}
		return recordChange(ctx, q, by, old, row, now)
	})
	return record, err
}

// recordChange writes an event for each thing that changed.
func recordChange(ctx context.Context, q *db.Queries, by domain.Access, old db.LockManagedAccountRow, row db.UpdateAccountRow, now time.Time) error {
	if old.Name != row.Name {
		if err := recordAccount(ctx, q, row.ID, "renamed", by, nil); err != nil {
			return err
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(old.Roles)), slices.Sorted(slices.Values(row.Roles))) {
		if err := recordAccount(ctx, q, row.ID, "roles_changed", by, row.Roles); err != nil {
			return err
		}
	}
	switch {
	case old.Disabled && !row.Disabled:
		return recordAccount(ctx, q, row.ID, "enabled", by, nil)
	case !old.Disabled && row.Disabled:
		return endAndRecord(ctx, q, row.ID, by, endDisabled, "disabled", now)
	}
	return nil
}

// ReplacePassword sets the caller's own password, whose present hash is oldHash, and ends
// the account's other sessions. CodeConflict when the password was changed meanwhile.
func (s *Store) ReplacePassword(ctx context.Context, by domain.Access, oldHash, newHash string, now time.Time) error {
	err := s.inTx(ctx, func(q *db.Queries) error {
		n, err := q.ReplacePassword(ctx, db.ReplacePasswordParams{ID: by.Caller.UserID, OldHash: oldHash, PasswordHash: newHash})
		if err != nil {
			return fmt.Errorf("changing a password: %w", err)
		}
		if n == 0 {
			return domain.Errorf(domain.CodeConflict, "The password was changed meanwhile. Log in with the new one.")
		}
		return errors.Join(
			endAndRecord(ctx, q, by.Caller.UserID, by, endPasswordChanged, "password_changed", now),
			owePasswordChanged(ctx, q, by.Caller.UserID, now))
	})
	s.wakeAfter(err)
	return err
}

// ResetPassword sets a new password for an account that the caller manages and ends all
// its sessions. Whoever manages accounts has seen who its owner is, so the address counts as
// verified from then on. CodeNotFound where the caller does not manage it.
func (s *Store) ResetPassword(ctx context.Context, by domain.Access, id, hash string, now time.Time) error {
	err := s.inTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockManagedAccount(ctx, db.LockManagedAccountParams{ID: id, Within: namesOf(by.Caller.Manages())}); err != nil {
			return missing(err, "account")
		}
		if err := q.SetPassword(ctx, db.SetPasswordParams{ID: id, PasswordHash: hash}); err != nil {
			return fmt.Errorf("setting a password: %w", err)
		}
		return errors.Join(
			endAndRecord(ctx, q, id, by, endPasswordChanged, "password_reset", now),
			verify(ctx, q, id, by, now),
			owePasswordChanged(ctx, q, id, now))
	})
	s.wakeAfter(err)
	return err
}

// endAndRecord ends the sessions of an account, but the caller's own one where it is the
// caller's account.
func endAndRecord(ctx context.Context, q *db.Queries, id string, by domain.Access, reason, kind string, now time.Time) error {
	var but *string
	if reason == endPasswordChanged && id == by.Caller.UserID {
		but = optional(by.Caller.SessionID)
	}
	if _, err := q.EndSessions(ctx, db.EndSessionsParams{UserID: id, Now: now, Reason: reason, But: but}); err != nil {
		return fmt.Errorf("ending sessions: %w", err)
	}
	return recordAccount(ctx, q, id, kind, by, nil)
}

// AccountEvents returns what happened to an account, newest first; CodeNotFound where the
// caller does not manage it.
func (s *Store) AccountEvents(ctx context.Context, by domain.Caller, id string, limit int) ([]domain.AccountEvent, error) {
	if _, err := s.ManagedAccount(ctx, by, id); err != nil {
		return nil, err
	}
	rows, err := s.q.AccountEvents(ctx, db.AccountEventsParams{AccountID: id, MaxRows: int32(limit)}) //nolint:gosec // small bounds
	if err != nil {
		return nil, fmt.Errorf("reading the events of an account: %w", err)
	}
	events := make([]domain.AccountEvent, 0, len(rows))
	for _, r := range rows {
		events = append(events, domain.AccountEvent{ID: r.ID, Kind: r.Kind, ActorID: deref(r.ActorID), Roles: rolesOf(r.Roles), At: r.At.UTC()})
	}
	return events, nil
}

// recordAccount writes what was done to an account, and by whom.
func recordAccount(ctx context.Context, q *db.Queries, accountID, kind string, by domain.Access, roles []string) error {
	return q.AddAccountEvent(ctx, db.AddAccountEventParams{
		AccountID: accountID, Kind: kind, ActorID: optional(by.Caller.UserID), Roles: roles, RequestID: by.RequestID,
	})
}

func mayNotGive() error {
	return domain.Errorf(domain.CodeForbidden, "The front desk manages accounts of patients and caregivers; other roles are for an admin to give.")
}

func recordOf(r db.ManagedAccountRow) domain.AccountRecord {
	return domain.AccountRecord{
		ID: r.ID, Email: r.Email, Name: r.Name, Roles: rolesOf(r.Roles), Locale: r.Locale, Zone: r.TimeZone,
		Disabled: r.Disabled, Verified: r.Verified, Version: int(r.Version), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

func namesOf(roles []domain.Role) []string {
	names := make([]string, 0, len(roles))
	for _, r := range roles {
		names = append(names, string(r))
	}
	return names
}
