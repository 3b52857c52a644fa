package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Clinic returns the clinic of this installation. CodeConflict while there is none.
func (s *Store) Clinic(ctx context.Context) (domain.Clinic, error) {
	row, err := s.q.TheClinic(ctx)
	if err != nil {
		return domain.Clinic{}, noClinic(err)
	}
	return domain.Clinic{ID: row.ID, Name: row.Name, Address: row.Address, Email: row.Email, Zone: row.TimeZone}, nil
}

// SetClinic names the clinic of this installation, or changes what it is called.
func (s *Store) SetClinic(ctx context.Context, c domain.Clinic) (created bool, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		row, err := q.TheClinic(ctx)
		if created = errors.Is(err, pgx.ErrNoRows); created {
			return q.InsertClinic(ctx, db.InsertClinicParams{ID: domain.NewID(), Name: c.Name, Address: c.Address, Email: c.Email, TimeZone: c.Zone})
		}
		if err != nil {
			return err
		}
		return q.UpdateClinic(ctx, db.UpdateClinicParams{ID: row.ID, Name: c.Name, Address: c.Address, Email: c.Email, TimeZone: c.Zone})
	})
	if err != nil {
		return false, fmt.Errorf("saving the clinic: %w", err)
	}
	return created, nil
}

func noClinic(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return domain.Errorf(domain.CodeConflict, "the clinic has no name yet: run `careflow clinic` first")
	}
	return fmt.Errorf("reading the clinic: %w", err)
}
