package postgres

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Register opens an account that nobody can log in to before its address is verified, and
// owes the letter for that. An address that was registered and not verified is registered
// anew; the owner of a verified one is written to instead. The caller cannot tell which.
func (s *Store) Register(ctx context.Context, r domain.Registration, link domain.NewLink, now time.Time) error {
	if err := s.forgetAbandoned(ctx, now); err != nil {
		return err
	}
	err := s.inTx(ctx, func(q *db.Queries) error {
		id := domain.NewID()
		made, err := q.InsertRegistered(ctx, db.InsertRegisteredParams{
			ID: id, Email: r.Email, Name: r.Patient.Name, PasswordHash: r.PasswordHash, Locale: r.Locale, TimeZone: r.Patient.Zone,
		})
		if err != nil {
			return fmt.Errorf("opening an account: %w", err)
		}
		if made == 0 {
			known, err := q.LockByEmail(ctx, r.Email)
			if errors.Is(err, pgx.ErrNoRows) {
				return domain.Errorf(domain.CodeUnavailable, "Try again in a moment.") // forgotten between the two
			}
			if err != nil {
				return fmt.Errorf("looking for an account: %w", err)
			}
			switch id = known.ID; {
			case known.Disabled:
				return nil
			case !known.Unverified:
				return oweAccount(ctx, q, id, accountNews{kind: domain.MessageAccountExists, link: domain.NewLink{MessageID: link.MessageID}}, now)
			}
			err = q.RegisterAgain(ctx, db.RegisterAgainParams{
				ID: id, Name: r.Patient.Name, PasswordHash: r.PasswordHash, Locale: r.Locale, TimeZone: r.Patient.Zone,
			})
			if err != nil {
				return fmt.Errorf("registering again: %w", err)
			}
		}
		return errors.Join(
			q.KeepRegistration(ctx, db.KeepRegistrationParams{
				AccountID: id, DateOfBirth: optional(r.Patient.DateOfBirth), Gender: optional(r.Patient.Gender), Phone: optional(r.Patient.Phone), Now: now,
			}),
			recordAccount(ctx, q, id, "registered", domain.Access{RequestID: r.RequestID}, nil),
			oweAccount(ctx, q, id, accountNews{kind: domain.MessageVerifyEmail, link: link}, now))
	})
	s.wakeAfter(err)
	return err
}

// forgetAbandoned removes accounts that were never verified. It runs beside registrations,
// which are what makes it necessary.
func (s *Store) forgetAbandoned(ctx context.Context, now time.Time) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		ids, err := q.AbandonedRegistrations(ctx, now.Add(-domain.RegistrationKept))
		if err != nil {
			return fmt.Errorf("looking for abandoned registrations: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		return errors.Join(q.ForgetAccountEvents(ctx, ids), q.ForgetAccounts(ctx, ids))
	})
}

// SendLink owes the letter with a link to whoever has the address: to verify it, only
// while it is not verified; to choose a new password, to every account that is not
// disabled. For all others nothing happens, and the caller cannot tell.
func (s *Store) SendLink(ctx context.Context, kind domain.AccountMessageKind, email string, link domain.NewLink, now time.Time) error {
	err := s.inTx(ctx, func(q *db.Queries) error {
		known, err := q.LockByEmail(ctx, email)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking for an account: %w", err)
		}
		if known.Disabled || (kind == domain.MessageVerifyEmail && !known.Unverified) {
			return nil
		}
		return oweAccount(ctx, q, known.ID, accountNews{kind: kind, link: link}, now)
	})
	s.wakeAfter(err)
	return err
}

// AccountOfLink returns the account whose letter holds a link, without using it.
// CodeLinkExpired for every link that opens nothing.
func (s *Store) AccountOfLink(ctx context.Context, kind domain.AccountMessageKind, hash []byte, now time.Time) (domain.Account, error) {
	return accountOfLink(ctx, s.q, kind, hash, now)
}

func accountOfLink(ctx context.Context, q *db.Queries, kind domain.AccountMessageKind, hash []byte, now time.Time) (domain.Account, error) {
	l, err := q.LinkOf(ctx, hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return domain.Account{}, domain.ErrLinkOver()
	}
	if err != nil {
		return domain.Account{}, fmt.Errorf("reading a link: %w", err)
	}
	if l.Purpose != string(kind) || l.EndedAt != nil || !now.Before(l.ExpiresAt) || l.Disabled {
		return domain.Account{}, domain.ErrLinkOver()
	}
	return domain.Account{ID: l.AccountID, Email: l.Email, PasswordHash: l.PasswordHash, Unverified: l.Unverified}, nil
}

// useLink uses a link up and returns its account, which is locked from then on.
func useLink(ctx context.Context, q *db.Queries, kind domain.AccountMessageKind, hash []byte, now time.Time) (domain.Account, error) {
	account, err := accountOfLink(ctx, q, kind, hash, now)
	if err != nil {
		return domain.Account{}, err
	}
	// The account first, as everywhere: whoever sends another link holds it too.
	if _, err := q.LockUser(ctx, account.ID); err != nil {
		return domain.Account{}, fmt.Errorf("locking the account of a link: %w", err)
	}
	n, err := q.UseLink(ctx, db.UseLinkParams{Hash: hash, Purpose: string(kind), Now: now})
	if err != nil {
		return domain.Account{}, fmt.Errorf("using a link: %w", err)
	}
	if n == 0 {
		return domain.Account{}, domain.ErrLinkOver()
	}
	return accountOfLocked(ctx, q, account.ID)
}

func accountOfLocked(ctx context.Context, q *db.Queries, id string) (domain.Account, error) {
	row, err := q.AccountByID(ctx, id)
	if err != nil {
		return domain.Account{}, missing(err, "account")
	}
	return accountOf(row), nil
}

// VerifyEmail uses a link up and opens its account, which gets its own patient. checked is
// the hash of the password that was right: when somebody registered anew meanwhile, the
// link is over and nothing changes.
func (s *Store) VerifyEmail(ctx context.Context, hash []byte, checked string, by domain.Access, now time.Time) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		account, err := useLink(ctx, q, domain.MessageVerifyEmail, hash, now)
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare([]byte(account.PasswordHash), []byte(checked)) != 1 {
			return domain.ErrLinkOver()
		}
		return verify(ctx, q, account.ID, by, now)
	})
}

// RedeemReset uses a link up and sets a new password, which ends every session and tells
// the owner. The link came through the address, so that is verified with it.
func (s *Store) RedeemReset(ctx context.Context, hash []byte, newHash string, by domain.Access, now time.Time) error {
	err := s.inTx(ctx, func(q *db.Queries) error {
		account, err := useLink(ctx, q, domain.MessagePasswordReset, hash, now)
		if err != nil {
			return err
		}
		if account.Disabled {
			return domain.ErrLinkOver()
		}
		if err := q.SetPassword(ctx, db.SetPasswordParams{ID: account.ID, PasswordHash: newHash}); err != nil {
			return fmt.Errorf("setting a password: %w", err)
		}
		return errors.Join(
			endAndRecord(ctx, q, account.ID, by, endPasswordChanged, "password_reset", now),
			verify(ctx, q, account.ID, by, now),
			owePasswordChanged(ctx, q, account.ID, now))
	})
	s.wakeAfter(err)
	return err
}

// verify opens an account whose address is proved, once: its owner becomes a patient with
// what was said when registering.
func verify(ctx context.Context, q *db.Queries, id string, by domain.Access, now time.Time) error {
	n, err := q.VerifyAccount(ctx, db.VerifyAccountParams{ID: id, Now: now})
	if err != nil {
		return fmt.Errorf("verifying an account: %w", err)
	}
	if n == 0 {
		return nil
	}
	return errors.Join(
		addOwnPatient(ctx, q, id),
		q.ForgetRegistration(ctx, id),
		recordAccount(ctx, q, id, "email_verified", by, nil))
}

// addOwnPatient makes the owner of a patient's account a patient, where there is none yet.
func addOwnPatient(ctx context.Context, q *db.Queries, accountID string) error {
	if err := q.AddOwnPatient(ctx, db.AddOwnPatientParams{ID: domain.NewID(), AccountID: accountID}); err != nil {
		return fmt.Errorf("adding the account's own patient: %w", err)
	}
	return nil
}
