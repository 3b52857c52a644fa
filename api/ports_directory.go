package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Schedules is what the API asks of the database about when doctors see patients.
type Schedules interface {
	// Timetable returns the weekly hours, and the overrides and time off that touch span.
	// CodeNotFound for no doctor.
	Timetable(ctx context.Context, doctorID string, span domain.Window) (domain.Timetable, error)
	// EditTimetable changes one part under the schedule's lock and tells which live visits
	// lie outside the doctor's time since. expect is the version that was read, 0 for any.
	// Errors: CodeStale, CodeInvalid, CodeNotFound.
	EditTimetable(ctx context.Context, doctorID string, expect int, edit domain.TimetableEdit, now time.Time) (domain.TimetableChange, error)
}

// Directory is what the API asks of the database about who sees whom, and for what. An
// edit names the version that was read, 0 for any, and is CodeStale when it is not the
// current one; what is created keeps the answer that render makes under its key.
type Directory interface {
	// Doctors searches, by (name, ID).
	Doctors(ctx context.Context, f domain.DoctorFilter, p domain.DoctorPage) ([]domain.Doctor, error)
	Doctor(ctx context.Context, id string) (domain.Doctor, error)
	// CreateDoctor and UpdateDoctor return CodeConflict for what another doctor has.
	CreateDoctor(ctx context.Context, d domain.Doctor, key domain.IdempotencyKey,
		render func(domain.Doctor) (domain.StoredResponse, error)) (resp domain.StoredResponse, replayed bool, err error)
	UpdateDoctor(ctx context.Context, d domain.Doctor, expect int) (domain.Doctor, error)

	// AppointmentTypes lists by name.
	AppointmentTypes(ctx context.Context, doctorID string, inactiveToo bool) ([]domain.AppointmentType, error)
	AppointmentType(ctx context.Context, doctorID, id string) (domain.AppointmentType, error)
	CreateAppointmentType(ctx context.Context, t domain.AppointmentType, key domain.IdempotencyKey,
		render func(domain.AppointmentType) (domain.StoredResponse, error)) (resp domain.StoredResponse, replayed bool, err error)
	UpdateAppointmentType(ctx context.Context, t domain.AppointmentType, expect int) (domain.AppointmentType, error)

	Patients(ctx context.Context, accountID string) ([]domain.Patient, error)
	// Patient and UpdatePatient see one account's patients, or with an empty account all.
	Patient(ctx context.Context, accountID, id string) (domain.Patient, error)
	CreatePatient(ctx context.Context, p domain.Patient, key domain.IdempotencyKey,
		render func(domain.Patient) (domain.StoredResponse, error)) (resp domain.StoredResponse, replayed bool, err error)
	UpdatePatient(ctx context.Context, p domain.Patient, expect int) (domain.Patient, error)
}
