package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Attempt counts a try to log in before its password is looked at, so that many at once
// cannot pass the limit together. CodeTooMany, with the time until the window ends.
func (s *Store) Attempt(ctx context.Context, a domain.Attempt) error {
	var rows []db.LoginAttempt
	err := s.inTx(ctx, func(q *db.Queries) (err error) {
		rows, err = q.CountAttempt(ctx, db.CountAttemptParams{
			Subjects: [][]byte{a.Pair, a.Network, a.Account}, Now: a.Now, WindowEndsAt: a.Now.Add(domain.AttemptWindow),
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("counting a log-in: %w", err)
	}
	var wait time.Duration
	for _, r := range rows {
		left := r.WindowEndsAt.Sub(a.Now)
		switch {
		case bytes.Equal(r.Subject, a.Pair) && r.Attempts > domain.AttemptsPair,
			bytes.Equal(r.Subject, a.Network) && r.Attempts > domain.AttemptsNetwork:
			wait = max(wait, left)
		case bytes.Equal(r.Subject, a.Account) && r.Attempts > domain.AttemptsAccount:
			known, err := s.q.KnownOrigin(ctx, db.KnownOriginParams{Email: a.Email, Origin: a.Origin, Since: a.Now.Add(-domain.SessionLife)})
			if err != nil {
				return fmt.Errorf("looking for a known network: %w", err)
			}
			if !known {
				wait = max(wait, left)
			}
		}
	}
	if wait == 0 {
		return nil
	}
	return domain.Errorf(domain.CodeTooMany, "Too many attempts to log in. Try again after the time that Retry-After says.").After(wait)
}

// Forgive takes an attempt back whose password was right, and forgets windows that were
// over yesterday.
func (s *Store) Forgive(ctx context.Context, a domain.Attempt) error {
	return errors.Join(
		s.inTx(ctx, func(q *db.Queries) error {
			return q.ForgiveAttempt(ctx, db.ForgiveAttemptParams{Pair: a.Pair, Subjects: [][]byte{a.Pair, a.Network, a.Account}})
		}),
		s.q.ForgetAttempts(ctx, a.Now.Add(-24*time.Hour)),
	)
}

// Allow counts a request that sends a mail, before anybody looks whether there is an
// account. CodeTooMany, with the time until the window ends, when there is no room for it.
func (s *Store) Allow(ctx context.Context, allowances []domain.Allowance, now time.Time) error {
	subjects := make([][]byte, 0, len(allowances))
	for _, a := range allowances {
		subjects = append(subjects, a.Subject)
	}
	var rows []db.LoginAttempt
	err := s.inTx(ctx, func(q *db.Queries) (err error) {
		rows, err = q.CountAttempt(ctx, db.CountAttemptParams{Subjects: subjects, Now: now, WindowEndsAt: now.Add(domain.RequestWindow)})
		return err
	})
	if err != nil {
		return fmt.Errorf("counting a request: %w", err)
	}
	var wait time.Duration
	for _, r := range rows {
		for _, a := range allowances {
			if bytes.Equal(r.Subject, a.Subject) && int(r.Attempts) > a.Most {
				wait = max(wait, r.WindowEndsAt.Sub(now))
			}
		}
	}
	if wait == 0 {
		return nil
	}
	return domain.Errorf(domain.CodeTooMany, "Too many letters were asked for. Try again after the time that Retry-After says.").After(wait)
}
