package postgres

import (
	"context"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// AccountByEmail returns a log-in by its address, whatever its case.
func (s *Store) AccountByEmail(ctx context.Context, email string) (domain.Account, error) {
	row, err := s.q.AccountByEmail(ctx, email)
	if err != nil {
		return domain.Account{}, missing(err, "account")
	}
	return accountOf(db.AccountByIDRow(row)), nil
}

// AccountByID returns a log-in.
func (s *Store) AccountByID(ctx context.Context, id string) (domain.Account, error) {
	row, err := s.q.AccountByID(ctx, id)
	if err != nil {
		return domain.Account{}, missing(err, "account")
	}
	return accountOf(row), nil
}

func accountOf(r db.AccountByIDRow) domain.Account {
	a := domain.Account{
		ID: r.ID, Email: r.Email, Name: r.Name, PasswordHash: r.PasswordHash, DoctorID: r.DoctorID, Disabled: r.Disabled,
		Unverified: r.Unverified,
	}
	for _, role := range r.Roles {
		a.Roles = append(a.Roles, domain.Role(role))
	}
	return a
}
