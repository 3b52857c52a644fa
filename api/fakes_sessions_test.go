package api

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
)

// Examples of the contract.
const (
	idSession    = "01950000-0000-7000-8000-0000000000f1"
	exampleToken = "cfr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// fakeSessions are log-ins in memory; the rules of refreshing are the store's to test.
type fakeSessions struct {
	callers  map[string]domain.Caller // by session ID; absent: ended
	lookedUp int
	tokens   map[string]string // hash → session ID
	opened   []domain.NewSession
	rotated  []domain.Rotation
	reused   bool // what the next refresh finds

	attempts, forgiven []domain.Attempt
	full               error // what the next attempt finds
}

func newFakeSessions() fakeSessions {
	token, _ := auth.ParseRefreshToken(exampleToken)
	return fakeSessions{
		callers: map[string]domain.Caller{idSession: {UserID: idAccount, SessionID: idSession}},
		tokens:  map[string]string{string(token.Hash()): idSession},
	}
}

func over() error {
	return domain.Errorf(domain.CodeUnauthenticated, "The session is over: log in again.")
}

func (s *fakeStore) OpenSession(_ context.Context, n domain.NewSession) (domain.OpenedSession, error) {
	defer s.lock()()
	id := domain.NewID()
	for _, a := range s.accounts {
		if a.ID == n.AccountID {
			s.callers[id] = domain.Caller{UserID: a.ID, Roles: a.Roles, DoctorID: a.DoctorID, SessionID: id}
		}
	}
	s.tokens[string(n.TokenHash)] = id
	s.opened = append(s.opened, n)
	return domain.OpenedSession{ID: id, TokenExpiresAt: n.Now.Add(domain.SessionIdle)}, s.err
}

func (s *fakeStore) RefreshSession(_ context.Context, r domain.Rotation) (domain.OpenedSession, error) {
	defer s.lock()()
	id, ok := s.tokens[string(r.Hash)]
	switch {
	case s.err != nil:
		return domain.OpenedSession{}, s.err
	case s.reused:
		return domain.OpenedSession{}, domain.Errorf(domain.CodeUnauthenticated, "The session is over: log in again.").Because(domain.ErrTokenReused)
	case !ok:
		return domain.OpenedSession{}, over()
	}
	delete(s.tokens, string(r.Hash))
	s.tokens[string(r.NextHash)] = id
	s.rotated = append(s.rotated, r)
	return domain.OpenedSession{
		ID: id, Account: domain.Account{ID: s.callers[id].UserID}, Salt: r.Salt, TokenExpiresAt: r.Now.Add(domain.SessionIdle),
	}, nil
}

func (s *fakeStore) SessionCaller(_ context.Context, id string, _ time.Time) (domain.Caller, error) {
	defer s.lock()()
	s.lookedUp++
	caller, ok := s.callers[id]
	if s.err != nil || !ok {
		return domain.Caller{}, firstError(s.err, over())
	}
	return caller, nil
}

func (s *fakeStore) Sessions(_ context.Context, accountID string, at time.Time) ([]domain.Session, error) {
	defer s.lock()()
	var list []domain.Session
	for id, caller := range s.callers {
		if caller.UserID == accountID {
			list = append(list, domain.Session{ID: id, Device: "Firefox on Linux", CreatedAt: at, LastUsedAt: at, ExpiresAt: at.Add(time.Hour)})
		}
	}
	slices.SortFunc(list, func(a, b domain.Session) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	return list, s.err
}

func (s *fakeStore) EndSession(_ context.Context, accountID, id string, _ time.Time) error {
	defer s.lock()()
	if s.callers[id].UserID != accountID {
		return firstError(s.err, notFound())
	}
	delete(s.callers, id)
	return s.err
}

func (s *fakeStore) EndSessions(_ context.Context, by domain.Access, _ time.Time) error {
	defer s.lock()()
	for id, caller := range s.callers {
		if caller.UserID == by.Caller.UserID {
			delete(s.callers, id)
		}
	}
	return s.err
}

func (s *fakeStore) Attempt(_ context.Context, a domain.Attempt) error {
	defer s.lock()()
	s.attempts = append(s.attempts, a)
	return firstError(s.err, s.full)
}

func (s *fakeStore) Forgive(_ context.Context, a domain.Attempt) error {
	defer s.lock()()
	s.forgiven = append(s.forgiven, a)
	return s.err
}
