package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Reasons why sessions end.
const (
	endLoggedOut       = "logged_out"
	endEverywhere      = "logged_out_everywhere"
	endReused          = "token_reused"
	endDisabled        = "disabled"
	endPasswordChanged = "password_changed"
	endTooMany         = "too_many_sessions"
)

// OpenSession records a log-in. CodeUnauthenticated when the account was disabled or got
// another password meanwhile: the change of an account and a log-in wait for each other.
// A log-in from somewhere new owes its owner a letter, unless it is the first of all; one
// more than domain.MostSessions ends the session that was used longest ago.
func (s *Store) OpenSession(ctx context.Context, n domain.NewSession) (domain.OpenedSession, error) {
	opened := domain.OpenedSession{ID: domain.NewID()}
	err := s.inTx(ctx, func(q *db.Queries) error {
		never, err := q.LockActiveUser(ctx, db.LockActiveUserParams{ID: n.AccountID, PasswordHash: n.PasswordHash})
		if err != nil {
			return over(err)
		}
		if err := alertOf(ctx, q, n, never); err != nil {
			return err
		}
		ends := n.Now.Add(domain.SessionLife)
		opened.TokenExpiresAt = domain.RefreshUntil(n.Now, ends)
		return errors.Join(
			q.NoteFirstLogin(ctx, db.NoteFirstLoginParams{ID: n.AccountID, Now: n.Now}),
			q.ForgetSessions(ctx, db.ForgetSessionsParams{UserID: n.AccountID, Before: n.Now.Add(-domain.SessionKept)}),
			makeRoom(ctx, q, n),
			q.InsertSession(ctx, db.InsertSessionParams{
				ID: opened.ID, UserID: n.AccountID, Device: n.Device, Origin: bytesOf(n.Origin), Now: n.Now, ExpiresAt: ends,
			}),
			q.InsertRefreshToken(ctx, db.InsertRefreshTokenParams{
				Hash: n.TokenHash, SessionID: opened.ID, IssuedAt: n.Now, ExpiresAt: opened.TokenExpiresAt,
			}))
	})
	s.wakeAfter(err)
	return opened, err
}

// alertOf owes a letter about a log-in from a device and network that the account was not
// used from together. The very first log-in is no news to whoever has just got the account.
func alertOf(ctx context.Context, q *db.Queries, n domain.NewSession, never bool) error {
	seen, err := q.SeenBefore(ctx, db.SeenBeforeParams{UserID: n.AccountID, Device: n.Device, Origin: bytesOf(n.Origin)})
	if err != nil {
		return fmt.Errorf("looking for an earlier log-in: %w", err)
	}
	if seen.Known || (never && !seen.LoggedIn) {
		return nil
	}
	return oweAccount(ctx, q, n.AccountID, accountNews{kind: domain.MessageLoginAlert, device: n.Device, link: domain.NewLink{MessageID: domain.NewID()}}, n.Now)
}

// makeRoom ends the sessions used longest ago, so that one more is not too many.
func makeRoom(ctx context.Context, q *db.Queries, n domain.NewSession) error {
	_, err := q.EndOldestSessions(ctx, db.EndOldestSessionsParams{
		UserID: n.AccountID, Now: n.Now, Reason: endTooMany, Keep: domain.MostSessions - 1,
	})
	return err
}

// RefreshSession trades a refresh token in. Every refusal is the same
// CodeUnauthenticated; a token that was used before ends its session.
func (s *Store) RefreshSession(ctx context.Context, r domain.Rotation) (domain.OpenedSession, error) {
	var opened domain.OpenedSession
	verdict := domain.RefreshOver
	err := s.inTx(ctx, func(q *db.Queries) error {
		verdict = domain.RefreshOver
		session, err := q.LockSessionOfToken(ctx, r.Hash)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("locking the session: %w", err)
		}
		token, err := q.RefreshToken(ctx, r.Hash)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // tidied away while this waited
		}
		if err != nil {
			return fmt.Errorf("reading the refresh token: %w", err)
		}
		state := domain.RefreshState{
			ExpiresAt: token.ExpiresAt, UsedAt: utc(token.UsedAt), NextUsedAt: utc(token.NextUsedAt),
			SessionEndedAt: utc(session.EndedAt), SessionExpiresAt: session.ExpiresAt,
		}
		opened.ID = session.ID
		switch verdict = state.Judge(r.Now); verdict {
		case domain.RefreshOver:
			return nil
		case domain.RefreshReused:
			return revokeFamily(ctx, q, session.ID, session.UserID, r.Now)
		case domain.RefreshRepeat:
			opened.Salt, opened.TokenExpiresAt = token.Salt, utc(token.NextExpiresAt)
		case domain.RefreshRotate:
			opened.Salt, opened.TokenExpiresAt = r.Salt, domain.RefreshUntil(r.Now, session.ExpiresAt.UTC())
			if err := rotate(ctx, q, session.ID, r, opened.TokenExpiresAt); err != nil {
				return err
			}
		}
		account, err := q.AccountByID(ctx, session.UserID)
		if err != nil {
			return fmt.Errorf("reading the account of a session: %w", err)
		}
		opened.Account = accountOf(account)
		return nil
	})
	switch {
	case err != nil:
		return domain.OpenedSession{}, err
	case verdict == domain.RefreshRotate || verdict == domain.RefreshRepeat:
		return opened, nil
	case verdict == domain.RefreshReused:
		return domain.OpenedSession{}, sessionOver().Because(domain.ErrTokenReused)
	}
	return domain.OpenedSession{}, sessionOver()
}

func rotate(ctx context.Context, q *db.Queries, sessionID string, r domain.Rotation, expires time.Time) error {
	return errors.Join(
		q.ForgetAnswer(ctx, r.Hash),
		q.ForgetRefreshTokens(ctx, db.ForgetRefreshTokensParams{SessionID: sessionID, Now: r.Now}),
		q.UseRefreshToken(ctx, db.UseRefreshTokenParams{Hash: r.Hash, Now: r.Now, Salt: r.Salt, NextHash: r.NextHash}),
		q.InsertRefreshToken(ctx, db.InsertRefreshTokenParams{Hash: r.NextHash, SessionID: sessionID, IssuedAt: r.Now, ExpiresAt: expires}),
		q.TouchSession(ctx, db.TouchSessionParams{ID: sessionID, Now: r.Now, Origin: bytesOf(r.Origin)}),
	)
}

func revokeFamily(ctx context.Context, q *db.Queries, sessionID, userID string, now time.Time) error {
	_, err := q.EndSession(ctx, db.EndSessionParams{ID: sessionID, UserID: userID, Now: now, Reason: endReused})
	return errors.Join(err, q.AddAccountEvent(ctx, db.AddAccountEventParams{AccountID: userID, Kind: endReused}))
}

// SessionCaller returns whom a session speaks for now: its account's present roles.
// CodeUnauthenticated when it ended, is over, or its account was disabled.
func (s *Store) SessionCaller(ctx context.Context, id string, now time.Time) (domain.Caller, error) {
	row, err := s.q.SessionCaller(ctx, db.SessionCallerParams{ID: id, Now: now})
	if err != nil {
		return domain.Caller{}, over(err)
	}
	return domain.Caller{UserID: row.ID, Roles: rolesOf(row.Roles), DoctorID: row.DoctorID, SessionID: id}, nil
}

// Sessions lists an account's live sessions, last used first.
func (s *Store) Sessions(ctx context.Context, accountID string, now time.Time) ([]domain.Session, error) {
	rows, err := s.q.LiveSessions(ctx, db.LiveSessionsParams{UserID: accountID, Now: now})
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	sessions := make([]domain.Session, 0, len(rows))
	for _, r := range rows {
		sessions = append(sessions, domain.Session{
			ID: r.ID, Device: r.Device, CreatedAt: r.CreatedAt.UTC(), LastUsedAt: r.LastUsedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(),
		})
	}
	return sessions, nil
}

// EndSession ends one session of an account; CodeNotFound when there is no such live one.
func (s *Store) EndSession(ctx context.Context, accountID, id string, now time.Time) error {
	n, err := s.q.EndSession(ctx, db.EndSessionParams{ID: id, UserID: accountID, Now: now, Reason: endLoggedOut})
	if err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	if n == 0 {
		return domain.Errorf(domain.CodeNotFound, "there is no such session, or it ended already")
	}
	return nil
}

// EndSessions logs the caller's account out everywhere.
func (s *Store) EndSessions(ctx context.Context, by domain.Access, now time.Time) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		// A log-in that is under way is waited for, and ended with the others.
		if _, err := q.LockUser(ctx, by.Caller.UserID); err != nil {
			return missing(err, "account")
		}
		_, err := q.EndSessions(ctx, db.EndSessionsParams{UserID: by.Caller.UserID, Now: now, Reason: endEverywhere})
		return errors.Join(err, recordAccount(ctx, q, by.Caller.UserID, endEverywhere, by, nil))
	})
}

// over turns "no rows" into CodeUnauthenticated.
func over(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return sessionOver()
	}
	return fmt.Errorf("reading the session: %w", err)
}

func sessionOver() *domain.Error {
	return domain.Errorf(domain.CodeUnauthenticated, "The session is over: log in again.")
}

func rolesOf(names []string) []domain.Role {
	roles := make([]domain.Role, 0, len(names))
	for _, name := range names {
		roles = append(roles, domain.Role(name))
	}
	return roles
}

// bytesOf never returns nil, which the database would take for NULL.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
