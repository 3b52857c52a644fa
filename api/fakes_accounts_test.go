package api

import (
	"context"
	"slices"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// idOther is the account that the examples of the contract manage.
const idOther = "01950000-0000-7000-8000-0000000000a2"

// fakeAccounts are managed accounts in memory; the rules are the store's to test.
type fakeAccounts struct {
	records   map[string]domain.AccountRecord
	managing  []domain.Access
	looking   []domain.Caller
	searches  []domain.AccountFilter
	passwords map[string]string // by account: the new hash
	replaced  []string          // old hashes
	changed   []domain.AccountChange
}

func newFakeAccounts() fakeAccounts {
	return fakeAccounts{passwords: map[string]string{}, records: map[string]domain.AccountRecord{idOther: {
		ID: idOther, Email: "grace@example.test", Name: "Grace Caregiver", Roles: []domain.Role{domain.RoleCaregiver},
		Locale: "en", Zone: "Europe/Berlin", Version: 1, CreatedAt: now, UpdatedAt: now,
	}}}
}

func (s *fakeStore) Accounts(_ context.Context, by domain.Caller, f domain.AccountFilter) ([]domain.AccountRecord, error) {
	defer s.lock()()
	s.looking, s.searches = append(s.looking, by), append(s.searches, f)
	var list []domain.AccountRecord
	for _, r := range s.records {
		if f.AfterID == "" || r.ID < f.AfterID {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b domain.AccountRecord) int { return -compare(a.ID, b.ID) })
	return list[:min(len(list), f.Limit)], s.err
}

func compare(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func (s *fakeStore) ManagedAccount(_ context.Context, by domain.Caller, id string) (domain.AccountRecord, error) {
	defer s.lock()()
	s.looking = append(s.looking, by)
	r, ok := s.records[id]
	if s.err != nil || !ok {
		return domain.AccountRecord{}, firstError(s.err, notFound())
	}
	return r, nil
}

func (s *fakeStore) CreateAccount(_ context.Context, by domain.Access, n domain.NewAccount) (domain.AccountRecord, error) {
	defer s.lock()()
	s.managing = append(s.managing, by)
	r := domain.AccountRecord{
		ID: domain.NewID(), Email: n.Email, Name: n.Name, Roles: n.Roles, Locale: n.Locale, Zone: n.Zone, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	s.records[r.ID], s.passwords[r.ID] = r, n.PasswordHash
	return r, s.err
}

func (s *fakeStore) ChangeAccount(_ context.Context, by domain.Access, c domain.AccountChange, _ time.Time) (domain.AccountRecord, error) {
	defer s.lock()()
	s.managing, s.changed = append(s.managing, by), append(s.changed, c)
	r := s.records[c.ID]
	if c.Version != 0 && c.Version != r.Version {
		return r, domain.Errorf(domain.CodeStale, "This account was changed since you read it.")
	}
	r.Name, r.Roles, r.Disabled = c.Name, c.Roles, c.Disabled
	r.Version++
	s.records[c.ID] = r
	return r, s.err
}

func (s *fakeStore) ReplacePassword(_ context.Context, by domain.Access, oldHash, newHash string, _ time.Time) error {
	defer s.lock()()
	s.replaced = append(s.replaced, oldHash)
	s.fakeAccounts.passwords[by.Caller.UserID] = newHash
	return s.err
}

func (s *fakeStore) ResetPassword(_ context.Context, by domain.Access, id, hash string, _ time.Time) error {
	defer s.lock()()
	s.managing = append(s.managing, by)
	s.fakeAccounts.passwords[id] = hash
	return s.err
}

func (s *fakeStore) AccountEvents(_ context.Context, by domain.Caller, _ string, _ int) ([]domain.AccountEvent, error) {
	defer s.lock()()
	s.looking = append(s.looking, by)
	return []domain.AccountEvent{{ID: 2, Kind: "disabled", ActorID: idAccount, At: now}, {ID: 1, Kind: "created", Roles: []domain.Role{domain.RolePatient}, At: now}}, s.err
}
