package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// exampleLink is the token of the contract's examples.
const exampleLink = "cfl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// sentLink is a letter with a link that was asked for.
type sentLink struct {
	kind  domain.AccountMessageKind
	email string
	link  domain.NewLink
}

// fakeRegistrations are accounts of people in memory; the rules are the store's to test.
type fakeRegistrations struct {
	registered []domain.Registration
	links      []sentLink
	linked     domain.Account // whose link every token is
	over       bool           // no link opens anything
	used       []string       // what links were used for, with the hash that came with it
	actors     []domain.Access
	allowed    []domain.Allowance
	noLetters  error // what the next request for a letter finds
}

func (s *fakeStore) Allow(_ context.Context, allowances []domain.Allowance, _ time.Time) error {
	defer s.lock()()
	s.allowed = append(s.allowed, allowances...)
	return firstError(s.err, s.noLetters)
}

func (s *fakeStore) Register(_ context.Context, r domain.Registration, link domain.NewLink, _ time.Time) error {
	defer s.lock()()
	s.registered = append(s.registered, r)
	s.fakeRegistrations.links = append(s.fakeRegistrations.links, sentLink{domain.MessageVerifyEmail, r.Email, link})
	return s.err
}

func (s *fakeStore) SendLink(_ context.Context, kind domain.AccountMessageKind, email string, link domain.NewLink, _ time.Time) error {
	defer s.lock()()
	s.fakeRegistrations.links = append(s.fakeRegistrations.links, sentLink{kind, email, link})
	return s.err
}

func (s *fakeStore) AccountOfLink(_ context.Context, _ domain.AccountMessageKind, _ []byte, _ time.Time) (domain.Account, error) {
	defer s.lock()()
	if s.over {
		return domain.Account{}, domain.ErrLinkOver()
	}
	if s.linked.ID == "" {
		hash, err := passwordHash()
		return domain.Account{ID: idAccount, Email: email, PasswordHash: hash, Unverified: true}, err
	}
	return s.linked, s.err
}

func (s *fakeStore) VerifyEmail(_ context.Context, _ []byte, checked string, by domain.Access, _ time.Time) error {
	defer s.lock()()
	s.used, s.actors = append(s.used, "verify "+checked), append(s.actors, by)
	return s.err
}

func (s *fakeStore) RedeemReset(_ context.Context, _ []byte, newHash string, by domain.Access, _ time.Time) error {
	defer s.lock()()
	s.used, s.actors = append(s.used, "reset "+newHash), append(s.actors, by)
	return s.err
}

func (s *fakeStore) AccountMessages(_ context.Context, by domain.Caller, _ string, _ int) ([]domain.AccountMessage, error) {
	defer s.lock()()
	s.looking = append(s.looking, by)
	return []domain.AccountMessage{{ID: domain.NewID(), Kind: domain.MessageVerifyEmail, Status: domain.MessageFailed, Attempts: 1, ErrorCode: "to", CreatedAt: now}}, s.err
}
