package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Timetable returns a doctor's weekly hours, and the overrides and time off that touch
// span, by time.
func (s *Store) Timetable(ctx context.Context, doctorID string, span domain.Window) (domain.Timetable, error) {
	return timetable(ctx, s.q, doctorID, span)
}

func timetable(ctx context.Context, q *db.Queries, doctorID string, span domain.Window) (domain.Timetable, error) {
	first, last := localDays(span)
	r, err := q.Timetable(ctx, db.TimetableParams{
		DoctorID: doctorID, SpanStart: span.Start, SpanEnd: span.End, FirstDay: first, LastDay: last,
	})
	if err != nil {
		return domain.Timetable{}, missing(err, "doctor")
	}
	t := domain.Timetable{DoctorID: doctorID, Version: int(r.Version), Zone: r.TimeZone}
	for _, part := range []struct {
		raw  []byte
		into any
	}{{r.Hours, &t.Hours}, {r.Overrides, &t.Overrides}, {r.TimeOff, &t.TimeOff}} {
		if err := json.Unmarshal(part.raw, part.into); err != nil {
			return domain.Timetable{}, fmt.Errorf("reading the schedule: %w", err)
		}
	}
	return t, nil
}

// localDays are the first and last day that a span touches in any zone: a local day may
// begin or end most of a day away from the one in UTC.
func localDays(span domain.Window) (first, last string) {
	return span.Start.UTC().AddDate(0, 0, -1).Format(time.DateOnly), span.End.UTC().AddDate(0, 0, 1).Format(time.DateOnly)
}

// EditTimetable changes a part of a doctor's schedule under its lock: a booking under way
// is in before it, and then counted among the affected visits, or judged by what is saved
// here. expect is the version that the edit was made on, 0 for any.
//
// Errors: CodeInvalid, CodeStale when another edit came first, CodeNotFound.
func (s *Store) EditTimetable(ctx context.Context, doctorID string, expect int, edit domain.TimetableEdit, now time.Time) (domain.TimetableChange, error) {
	if err := edit.Validate(); err != nil {
		return domain.TimetableChange{}, err
	}
	var change domain.TimetableChange
	err := s.inTx(ctx, func(q *db.Queries) error {
		version, err := q.LockScheduleForEdit(ctx, doctorID)
		if err != nil {
			return missing(err, "doctor")
		}
		if err := current(expect, version); err != nil {
			return err
		}
		if err := applyEdit(ctx, q, doctorID, edit); err != nil {
			return err
		}
		if version, err = q.BumpSchedule(ctx, doctorID); err != nil {
			return fmt.Errorf("counting the edit: %w", err)
		}
		change = domain.TimetableChange{Version: int(version)}
		change.Affected, err = affected(ctx, q, doctorID, edit, now)
		return err
	})
	return change, err
}

// current refuses an edit of a version that is not there any more.
func current(expect int, version int32) error {
	if expect != 0 && expect != int(version) {
		return domain.Errorf(domain.CodeStale, "this was changed since you read it: read it again and decide anew")
	}
	return nil
}

func applyEdit(ctx context.Context, q *db.Queries, doctorID string, edit domain.TimetableEdit) error {
	var (
		err  error
		rows int64 = 1
		what       = "entry"
	)
	switch {
	case edit.Hours != nil:
		err = replaceHours(ctx, q, doctorID, *edit.Hours)
	case edit.Override != nil:
		hours := edit.Override.Hours
		if hours == nil {
			hours = []domain.Stretch{}
		}
		var raw []byte
		if raw, err = json.Marshal(hours); err == nil {
			err = q.SetOverride(ctx, db.SetOverrideParams{DoctorID: doctorID, Day: edit.Override.Date, Hours: raw})
		}
	case edit.RemoveOverride != "":
		what = "day with other hours"
		rows, err = q.DropOverride(ctx, db.DropOverrideParams{DoctorID: doctorID, Day: edit.RemoveOverride})
	case edit.TimeOff != nil:
		err = q.InsertTimeOff(ctx, db.InsertTimeOffParams{
			ID: edit.TimeOff.ID, DoctorID: doctorID, StartsAt: edit.TimeOff.Start, EndsAt: edit.TimeOff.End,
		})
	case edit.RemoveTimeOff != "":
		what = "time off"
		rows, err = q.DropTimeOff(ctx, db.DropTimeOffParams{DoctorID: doctorID, ID: edit.RemoveTimeOff})
	}
	if err != nil {
		return fmt.Errorf("saving the schedule: %w", err)
	}
	if rows == 0 {
		return domain.Errorf(domain.CodeNotFound, "there is no such %s", what)
	}
	return nil
}

func replaceHours(ctx context.Context, q *db.Queries, doctorID string, hours []domain.LocalHours) error {
	if err := q.ClearHours(ctx, doctorID); err != nil {
		return err
	}
	p := db.InsertHoursParams{DoctorID: doctorID}
	for _, h := range hours { // validated: each number is within a week or a day
		p.Weekdays = append(p.Weekdays, int16(h.Weekday)) //nolint:gosec // 0 to 6
		p.Starts = append(p.Starts, int16(h.Start))       //nolint:gosec // 0 to 1439
		p.Ends = append(p.Ends, int16(h.End))             //nolint:gosec // 1 to 1440
	}
	return q.InsertHours(ctx, p)
}

// affected finds the live visits that an edit leaves outside the doctor's time: those
// within a new time off; those that have not ended and do not fit new hours.
func affected(ctx context.Context, q *db.Queries, doctorID string, edit domain.TimetableEdit, now time.Time) ([]domain.Appointment, error) {
	switch {
	case edit.TimeOff != nil:
		return liveVisits(ctx, q, doctorID, edit.TimeOff.Start, edit.TimeOff.End)
	case edit.Hours == nil && edit.Override == nil:
		return nil, nil // what is given back takes nothing away
	}
	visits, err := liveVisits(ctx, q, doctorID, now, time.Time{})
	if err != nil || len(visits) == 0 {
		return nil, err
	}
	table, err := timetable(ctx, q, doctorID, domain.Window{Start: visits[0].Visit.Start, End: visits[len(visits)-1].Visit.End})
	if err != nil {
		return nil, err
	}
	hours := domain.Schedule{Zone: table.Zone, Hours: table.Hours, Overrides: table.Overrides}
	var outside []domain.Appointment
	for _, a := range visits {
		if edit.Override != nil {
			date, err := hours.LocalDate(a.Visit.Start)
			if err != nil {
				return nil, err
			}
			if date != edit.Override.Date {
				continue
			}
		}
		covered, err := hours.Covers(a.Visit)
		if err != nil {
			return nil, err
		}
		if !covered {
			outside = append(outside, a)
		}
	}
	return outside, nil
}

// liveVisits lists the visits that hold a doctor's time between from and to; a zero to is
// no end.
func liveVisits(ctx context.Context, q *db.Queries, doctorID string, from, to time.Time) ([]domain.Appointment, error) {
	rows, err := q.LiveVisits(ctx, db.LiveVisitsParams{DoctorID: doctorID, SpanStart: from, SpanEnd: optionalTime(to)})
	if err != nil {
		return nil, fmt.Errorf("looking for visits: %w", err)
	}
	visits := make([]domain.Appointment, 0, len(rows))
	for _, r := range rows {
		a := domain.Appointment{
			ID: r.ID, DoctorID: doctorID, PatientID: r.PatientID, BookedBy: r.BookedBy, TypeID: r.TypeID, TypeName: r.TypeName,
			Status: domain.Status(r.Status), Visit: domain.Window{Start: r.StartsAt.UTC(), End: r.EndsAt.UTC()}, Local: r.LocalStart,
		}
		if err := json.Unmarshal(r.Terms, &a.Terms); err != nil {
			return nil, fmt.Errorf("reading the terms: %w", err)
		}
		visits = append(visits, a)
	}
	return visits, nil
}
