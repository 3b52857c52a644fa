package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// fakeDirectory is what the clinic set up, in memory.
type fakeDirectory struct {
	version int // of the schedule, less one
	edits   []domain.TimetableEdit
	spans   []domain.Window
}

func (s *fakeStore) Timetable(_ context.Context, doctorID string, span domain.Window) (domain.Timetable, error) {
	defer s.lock()()
	if s.err != nil || doctorID != idDoctor {
		return domain.Timetable{}, firstError(s.err, notFound())
	}
	s.directory.spans = append(s.directory.spans, span)
	return domain.Timetable{
		DoctorID: doctorID, Version: s.directory.version + 1, Zone: "Europe/Berlin",
		Hours:     []domain.LocalHours{{Weekday: time.Monday, Start: 9 * 60, End: 24 * 60}},
		Overrides: []domain.DayOverride{{Date: "2026-03-14", Hours: []domain.Stretch{{Start: 600, End: 780}}}, {Date: "2026-04-03"}},
		TimeOff:   []domain.TimeOff{{ID: idNobody, Window: domain.Window{Start: now, End: now.Add(time.Hour)}}},
	}, nil
}

func (s *fakeStore) EditTimetable(_ context.Context, doctorID string, expect int, edit domain.TimetableEdit, _ time.Time) (domain.TimetableChange, error) {
	defer s.lock()()
	if s.err != nil || doctorID != idDoctor {
		return domain.TimetableChange{}, firstError(s.err, notFound())
	}
	if expect != 0 && expect != s.directory.version+1 {
		return domain.TimetableChange{}, domain.Errorf(domain.CodeStale, "this was changed since you read it")
	}
	s.directory.version++
	s.directory.edits = append(s.directory.edits, edit)
	return domain.TimetableChange{Version: s.directory.version + 1, Affected: []domain.Appointment{s.visits[idAppointment]}}, nil
}
