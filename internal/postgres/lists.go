package postgres

import (
	"context"
	"reflect"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Bounds of a list that has none: later than any visit, and before any ID.
var farAway = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

const noID = "00000000-0000-0000-0000-000000000000"

// listed reads the rows of a list: those of one doctor by a query of its own, see there.
func (s *Store) listed(ctx context.Context, scope domain.Scope, f domain.AppointmentFilter, p domain.Page) ([]db.ListAppointmentsRow, error) {
	if doctor := onlyDoctor(scope, f); doctor != "" {
		return s.listedOf(ctx, doctor, f, p)
	}
	statuses := make([]string, 0, len(f.Statuses))
	for _, st := range f.Statuses {
		statuses = append(statuses, string(st))
	}
	params := db.ListAppointmentsParams{
		AllVisits: scope.All, ScopeDoctor: optional(scope.DoctorID), ScopeAccount: optional(scope.AccountID),
		Statuses: statuses, FeeStatus: optional(string(f.Fee)), DoctorID: optional(f.DoctorID), PatientID: optional(f.PatientID),
		FromStart: optionalTime(f.From), ToStart: optionalTime(f.To), MaxRows: int32(p.Limit), //nolint:gosec // bounded by the API
	}
	if p.AfterID != "" {
		params.AfterStart, params.AfterID = &p.AfterTime, &p.AfterID
	}
	return s.q.ListAppointments(ctx, params)
}

// onlyDoctor names the doctor where scope and filter together ask for nothing but one
// doctor's visits within a time; "" otherwise.
func onlyDoctor(scope domain.Scope, f domain.AppointmentFilter) string {
	rest := f
	rest.DoctorID, rest.From, rest.To = "", time.Time{}, time.Time{}
	if len(rest.Statuses) == 0 {
		rest.Statuses = nil
	}
	if scope.AccountID != "" || !reflect.DeepEqual(rest, domain.AppointmentFilter{}) {
		return ""
	}
	switch {
	case scope.All:
		return f.DoctorID
	case f.DoctorID == "" || f.DoctorID == scope.DoctorID:
		return scope.DoctorID
	}
	return ""
}

func (s *Store) listedOf(ctx context.Context, doctor string, f domain.AppointmentFilter, p domain.Page) ([]db.ListAppointmentsRow, error) {
	params := db.DoctorAppointmentsParams{
		DoctorID: doctor, FromStart: f.From, ToStart: f.To, AfterStart: p.AfterTime, AfterID: p.AfterID,
		MaxRows: int32(p.Limit), //nolint:gosec // bounded by the API
	}
	if params.ToStart.IsZero() {
		params.ToStart = farAway
	}
	if params.AfterID == "" {
		params.AfterID = noID
	}
	rows, err := s.q.DoctorAppointments(ctx, params)
	list := make([]db.ListAppointmentsRow, 0, len(rows))
	for _, r := range rows {
		list = append(list, db.ListAppointmentsRow(r))
	}
	return list, err
}
