package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Doctors returns a page of the doctors that match a filter, by name.
func (s *Store) Doctors(ctx context.Context, f domain.DoctorFilter, p domain.DoctorPage) ([]domain.Doctor, error) {
	rows, err := s.q.SearchDoctors(ctx, db.SearchDoctorsParams{
		InactiveToo: f.InactiveToo, NamePart: likePart(f.Name), SpecialityPart: likePart(f.Speciality),
		AfterName: p.AfterName, AfterID: optional(p.AfterID), MaxRows: int32(p.Limit), //nolint:gosec // a page
	})
	if err != nil {
		return nil, fmt.Errorf("listing doctors: %w", err)
	}
	doctors := make([]domain.Doctor, 0, len(rows))
	for _, r := range rows {
		doctors = append(doctors, doctorOf(db.DoctorByIDRow(r)))
	}
	return doctors, nil
}

// Doctor returns one doctor, active or not.
func (s *Store) Doctor(ctx context.Context, id string) (domain.Doctor, error) {
	return readDoctor(ctx, s.q, id)
}

func readDoctor(ctx context.Context, q *db.Queries, id string) (domain.Doctor, error) {
	row, err := q.DoctorByID(ctx, id)
	if err != nil {
		return domain.Doctor{}, missing(err, "doctor")
	}
	return doctorOf(row), nil
}

func doctorOf(r db.DoctorByIDRow) domain.Doctor {
	return domain.Doctor{
		ID: r.ID, Version: int(r.Version), Name: r.Name, Speciality: r.Speciality, Degree: r.Degree,
		PractisingSince: int(deref(r.PractisingSince)), About: r.About, Address: r.Address, PictureURL: r.PictureUrl,
		Zone: r.TimeZone, Languages: r.Languages, Active: r.Active, Email: r.Email, ExternalID: deref(r.ExternalID),
		ConsultationFee: domain.Money{Minor: r.FeeMinor, Currency: r.FeeCurrency},
	}
}

// CreateDoctor adds a doctor, with an empty schedule, under an idempotency key. An account
// that has the doctor's address and role becomes the doctor's log-in. CodeConflict when
// the address or the external ID is another doctor's.
func (s *Store) CreateDoctor(ctx context.Context, d domain.Doctor, key domain.IdempotencyKey,
	render func(domain.Doctor) (domain.StoredResponse, error),
) (resp domain.StoredResponse, replayed bool, err error) {
	return s.once(ctx, key, func(q *db.Queries) (domain.StoredResponse, error) {
		clinic, err := q.TheClinic(ctx)
		if err != nil {
			return domain.StoredResponse{}, noClinic(err)
		}
		if err := insertDoctor(ctx, q, clinic.ID, d); err != nil {
			return domain.StoredResponse{}, err
		}
		stored, err := readDoctor(ctx, q, d.ID)
		if err != nil {
			return domain.StoredResponse{}, err
		}
		return render(stored)
	})
}

// UpdateDoctor replaces a doctor's profile. A doctor's zone moves the hours, so the
// schedule is locked as for an edit of it. expect is the version that was read, 0 for any:
// else CodeStale. CodeConflict as in CreateDoctor.
func (s *Store) UpdateDoctor(ctx context.Context, d domain.Doctor, expect int) (stored domain.Doctor, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		// The schedule before the row, as everywhere.
		if _, err := q.LockScheduleForEdit(ctx, d.ID); err != nil {
			return missing(err, "doctor")
		}
		version, err := q.LockDoctor(ctx, d.ID)
		if err != nil {
			return missing(err, "doctor")
		}
		if err := current(expect, version); err != nil {
			return err
		}
		if err := updateDoctor(ctx, q, d); err != nil {
			return err
		}
		stored, err = readDoctor(ctx, q, d.ID)
		return err
	})
	return stored, err
}

func insertDoctor(ctx context.Context, q *db.Queries, clinicID string, d domain.Doctor) error {
	err := q.InsertDoctor(ctx, db.InsertDoctorParams{
		ID: d.ID, ClinicID: clinicID, Name: d.Name, Speciality: d.Speciality, Languages: languages(d), TimeZone: d.Zone,
		FeeMinor: d.ConsultationFee.Minor, FeeCurrency: d.ConsultationFee.Currency, Active: d.Active, Degree: d.Degree,
		PractisingSince: optional(int32(d.PractisingSince)), About: d.About, Address: d.Address, PictureUrl: d.PictureURL, //nolint:gosec // a year
		Email: optional(strings.ToLower(d.Email)), ExternalID: optional(d.ExternalID),
	})
	if err != nil {
		return alike(err)
	}
	if err := q.InsertSchedule(ctx, d.ID); err != nil {
		return fmt.Errorf("adding the doctor's schedule: %w", err)
	}
	return nil
}

func updateDoctor(ctx context.Context, q *db.Queries, d domain.Doctor) error {
	return alike(q.UpdateDoctor(ctx, db.UpdateDoctorParams{
		ID: d.ID, Name: d.Name, Speciality: d.Speciality, Languages: languages(d), TimeZone: d.Zone,
		FeeMinor: d.ConsultationFee.Minor, FeeCurrency: d.ConsultationFee.Currency, Active: d.Active, Degree: d.Degree,
		PractisingSince: optional(int32(d.PractisingSince)), About: d.About, Address: d.Address, PictureUrl: d.PictureURL, //nolint:gosec // a year
		Email: optional(strings.ToLower(d.Email)), ExternalID: optional(d.ExternalID),
	}))
}

// languages is never NULL.
func languages(d domain.Doctor) []string { return append([]string{}, d.Languages...) }

// alike names what two doctors cannot share.
func alike(err error) error {
	switch duplicate(err) {
	case "doctors_email", "doctors_user_id_key":
		return domain.Errorf(domain.CodeConflict, "another doctor has this e-mail address")
	case "doctors_external_id":
		return domain.Errorf(domain.CodeConflict, "another doctor has this external_id")
	}
	if err != nil {
		return fmt.Errorf("saving the doctor: %w", err)
	}
	return nil
}
