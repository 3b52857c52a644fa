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
