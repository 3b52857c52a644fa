package postgres

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// errNotApplied rolls an import back that was only tried, or that has faults.
var errNotApplied = errors.New("not applied")

// ImportDoctors adds the doctors of a list and changes those who are there already, found
// by external ID or else by e-mail address. It is all or nothing: one fault keeps the
// whole list out. Without apply it does the same and takes it back. Bookings wait for it.
func (s *Store) ImportDoctors(ctx context.Context, lines []domain.DoctorLine, apply bool, now time.Time) (domain.ImportReport, error) {
	var report domain.ImportReport
	err := s.inTx(ctx, func(q *db.Queries) error {
		report = domain.ImportReport{}
		clinic, err := q.TheClinic(ctx)
		if err != nil {
			return noClinic(err)
		}
		if err := q.LockSchedules(ctx, clinic.ID); err != nil {
			return fmt.Errorf("locking the schedules: %w", err)
		}
		rows, err := q.DoctorsForImport(ctx, clinic.ID)
		if err != nil {
			return fmt.Errorf("reading the doctors: %w", err)
		}
		known := newKnown(rows)
		for _, line := range lines {
			if err := importLine(ctx, q, clinic, known, line, now, &report); err != nil {
				return err
			}
		}
		if !apply || len(report.Faults) > 0 {
			return errNotApplied
		}
		return nil
	})
	if errors.Is(err, errNotApplied) {
		err = nil
	}
	return report, err
}

// known finds the doctors who are there already.
type known struct{ byExternalID, byEmail map[string]domain.Doctor }

func newKnown(rows []db.DoctorsForImportRow) known {
	k := known{byExternalID: map[string]domain.Doctor{}, byEmail: map[string]domain.Doctor{}}
	for _, r := range rows {
		d := doctorOf(db.DoctorByIDRow(r))
		if d.ExternalID != "" {
			k.byExternalID[d.ExternalID] = d
		}
		if d.Email != "" {
			k.byEmail[d.Email] = d
		}
	}
	return k
}

func (k known) find(line domain.DoctorLine) (d domain.Doctor, found bool, wrong string) {
	byID, hasID := k.byExternalID[line.ExternalID]
	byEmail, hasEmail := k.byEmail[line.Email]
	switch {
	case hasID && hasEmail && byID.ID != byEmail.ID:
		return d, false, "external_id is one doctor's and email another's"
	case hasID:
		return byID, true, ""
	case hasEmail && byEmail.ExternalID != "" && line.ExternalID != "":
		return d, false, "email is that of a doctor with another external_id"
	}
	return byEmail, hasEmail, ""
}

func importLine(ctx context.Context, q *db.Queries, clinic db.TheClinicRow, k known, line domain.DoctorLine, now time.Time, report *domain.ImportReport) error {
	fault := func(reason string) {
		report.Faults = append(report.Faults, domain.LineFault{Line: line.Line, Reason: reason})
	}
	before, found, wrong := k.find(line)
	if wrong != "" {
		fault(wrong)
		return nil
	}
	if !found {
		before = domain.Doctor{ID: domain.NewID(), Zone: clinic.TimeZone, Active: true}
	}
	after := line.Onto(before)
	if err := after.Validate(now); err != nil {
		var said *domain.Error
		if !errors.As(err, &said) {
			return err
		}
		fault(said.Message)
		return nil
	}
	if len(report.Faults) > 0 {
		return nil // nothing will be saved: look for further faults only
	}
	switch {
	case !found:
		report.Created++
		return onLine(line, insertDoctor(ctx, q, clinic.ID, after))
	case reflect.DeepEqual(before, after):
		report.Unchanged++
		return nil
	}
	report.Updated++
	return onLine(line, updateDoctor(ctx, q, after))
}

// onLine says which line an error came from.
func onLine(line domain.DoctorLine, err error) error {
	var said *domain.Error
	if errors.As(err, &said) {
		return domain.Errorf(said.Code, "line %d: %s", line.Line, said.Message)
	}
	if err != nil {
		return fmt.Errorf("line %d: %w", line.Line, err)
	}
	return nil
}
