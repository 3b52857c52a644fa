package postgres

import (
	"context"
	"fmt"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Patients returns the patients of an account.
func (s *Store) Patients(ctx context.Context, accountID string) ([]domain.Patient, error) {
	rows, err := s.q.PatientsOfAccount(ctx, accountID)
	if err != nil {
		return nil, fmt.Errorf("listing patients: %w", err)
	}
	patients := make([]domain.Patient, 0, len(rows))
	for _, r := range rows {
		patients = append(patients, patientOf(db.PatientByIDRow(r)))
	}
	return patients, nil
}

// Patient returns one patient: of an account, or of any where accountID is empty.
// CodeNotFound for another account's.
func (s *Store) Patient(ctx context.Context, accountID, id string) (domain.Patient, error) {
	return readPatient(ctx, s.q, accountID, id)
}

func readPatient(ctx context.Context, q *db.Queries, accountID, id string) (domain.Patient, error) {
	row, err := q.PatientByID(ctx, db.PatientByIDParams{ID: id, AccountID: optional(accountID)})
	if err != nil {
		return domain.Patient{}, missing(err, "patient")
	}
	return patientOf(row), nil
}

func patientOf(r db.PatientByIDRow) domain.Patient {
	return domain.Patient{
		ID: r.ID, AccountID: r.AccountID, Version: int(r.Version), Name: r.Name, Relation: r.Relation,
		DateOfBirth: r.DateOfBirth, Gender: deref(r.Gender), Phone: deref(r.Phone), Zone: r.TimeZone,
	}
}

// CreatePatient adds a patient to an account under an idempotency key. CodeNotFound for no
// account, CodeConflict for one that has domain.MaxPatients.
func (s *Store) CreatePatient(ctx context.Context, p domain.Patient, key domain.IdempotencyKey,
	render func(domain.Patient) (domain.StoredResponse, error),
) (resp domain.StoredResponse, replayed bool, err error) {
	return s.once(ctx, key, func(q *db.Queries) (domain.StoredResponse, error) {
		none := domain.StoredResponse{}
		if _, err := q.LockAccount(ctx, p.AccountID); err != nil { // so that the count is right
			return none, missing(err, "account")
		}
		n, err := q.PatientsCount(ctx, p.AccountID)
		if err != nil {
			return none, fmt.Errorf("counting patients: %w", err)
		}
		if n >= domain.MaxPatients {
			return none, domain.Errorf(domain.CodeConflict, "an account has at most %d patients", domain.MaxPatients)
		}
		err = q.InsertPatient(ctx, db.InsertPatientParams{
			ID: p.ID, AccountID: p.AccountID, Name: p.Name, Relation: p.Relation, DateOfBirth: optional(p.DateOfBirth),
			Gender: optional(p.Gender), Phone: optional(p.Phone), TimeZone: p.Zone,
		})
		if err != nil {
			return none, fmt.Errorf("adding the patient: %w", err)
		}
		stored, err := readPatient(ctx, q, p.AccountID, p.ID)
		if err != nil {
			return none, err
		}
		return render(stored)
	})
}

// UpdatePatient replaces what is known of a patient: of p.AccountID, or of any where that
// is empty. expect is the version that was read, 0 for any: else CodeStale.
func (s *Store) UpdatePatient(ctx context.Context, p domain.Patient, expect int) (stored domain.Patient, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		version, err := q.LockPatient(ctx, db.LockPatientParams{ID: p.ID, AccountID: optional(p.AccountID)})
		if err != nil {
			return missing(err, "patient")
		}
		if err := current(expect, version); err != nil {
			return err
		}
		err = q.UpdatePatient(ctx, db.UpdatePatientParams{
			ID: p.ID, Name: p.Name, Relation: p.Relation, DateOfBirth: optional(p.DateOfBirth),
			Gender: optional(p.Gender), Phone: optional(p.Phone), TimeZone: p.Zone,
		})
		if err != nil {
			return fmt.Errorf("saving the patient: %w", err)
		}
		stored, err = readPatient(ctx, q, p.AccountID, p.ID)
		return err
	})
	return stored, err
}
