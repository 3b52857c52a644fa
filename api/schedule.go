package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// GetDoctorHours shows the week as it is edited.
func (h *handlers) GetDoctorHours(ctx context.Context, req openapi.GetDoctorHoursRequestObject) (openapi.GetDoctorHoursResponseObject, error) {
	table, err := h.timetable(ctx, req.DoctorID, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	return openapi.GetDoctorHours200JSONResponse{
		Headers: openapi.GetDoctorHours200ResponseHeaders{ETag: etag(table.Version)},
		Body: openapi.WeeklyHours{TimeZone: table.Zone, Items: convert(table.Hours, func(l domain.LocalHours) openapi.HoursOfWeekday {
			return openapi.HoursOfWeekday{
				Weekday: openapi.Weekday(strings.ToLower(l.Weekday.String())), Start: clockTime(l.Start), End: clockTime(l.End),
			}
		})},
	}, nil
}

// PutDoctorHours replaces the week.
func (h *handlers) PutDoctorHours(ctx context.Context, req openapi.PutDoctorHoursRequestObject) (openapi.PutDoctorHoursResponseObject, error) {
	hours := convert(req.Body.Items, func(l openapi.HoursOfWeekday) domain.LocalHours {
		return domain.LocalHours{Weekday: weekday(l.Weekday), Start: minuteOfDay(l.Start), End: minuteOfDay(l.End)}
	})
	saved, err := h.saveHours(ctx, req.DoctorID, req.Params.IfMatch, domain.TimetableEdit{Hours: &hours})
	return openapi.PutDoctorHours200JSONResponse{ScheduleSavedJSONResponse: saved}, err
}

// ListDoctorOverrides lists the days with other hours than their weekday.
func (h *handlers) ListDoctorOverrides(ctx context.Context, req openapi.ListDoctorOverridesRequestObject) (openapi.ListDoctorOverridesResponseObject, error) {
	table, err := h.timetable(ctx, req.DoctorID, req.Params.From, req.Params.To)
	if err != nil {
		return nil, err
	}
	return openapi.ListDoctorOverrides200JSONResponse{
		Headers: openapi.ListDoctorOverrides200ResponseHeaders{ETag: etag(table.Version)},
		Body: openapi.DayOverrideList{TimeZone: table.Zone, Items: convert(table.Overrides, func(o domain.DayOverride) openapi.DayOverride {
			return openapi.DayOverride{Date: o.Date, Hours: convert(o.Hours, func(s domain.Stretch) openapi.HoursOfDay {
				return openapi.HoursOfDay{Start: clockTime(s.Start), End: clockTime(s.End)}
			})}
		})},
	}, nil
}

// PutDoctorOverride gives one day other hours, or none.
func (h *handlers) PutDoctorOverride(ctx context.Context, req openapi.PutDoctorOverrideRequestObject) (openapi.PutDoctorOverrideResponseObject, error) {
	override := domain.DayOverride{Date: req.Date, Hours: convert(req.Body.Hours, func(s openapi.HoursOfDay) domain.Stretch {
		return domain.Stretch{Start: minuteOfDay(s.Start), End: minuteOfDay(s.End)}
	})}
	saved, err := h.saveHours(ctx, req.DoctorID, req.Params.IfMatch, domain.TimetableEdit{Override: &override})
	return openapi.PutDoctorOverride200JSONResponse{ScheduleSavedJSONResponse: saved}, err
}

// DeleteDoctorOverride gives a day the hours of its weekday again.
func (h *handlers) DeleteDoctorOverride(ctx context.Context, req openapi.DeleteDoctorOverrideRequestObject) (openapi.DeleteDoctorOverrideResponseObject, error) {
	change, err := h.editTimetable(ctx, req.DoctorID, req.Params.IfMatch, domain.TimetableEdit{RemoveOverride: req.Date})
	return openapi.DeleteDoctorOverride204Response{Headers: openapi.ScheduleFreedResponseHeaders{ETag: etag(change.Version)}}, err
}

// timetable reads a doctor's schedule for one who may edit it. A zero from is now, a zero
// to a year later.
func (h *handlers) timetable(ctx context.Context, doctorID string, from, to time.Time) (domain.Timetable, error) {
	ctx, who := begin(ctx)
	if err := who.mayEdit(doctorID); err != nil {
		return domain.Timetable{}, err
	}
	if from.IsZero() {
		from = h.cfg.Clock()
	}
	if to.IsZero() {
		to = from.AddDate(1, 0, 0)
	}
	if !to.After(from) {
		return domain.Timetable{}, invalidField("query/to", "is after from")
	}
	return h.store.Timetable(ctx, doctorID, domain.Window{Start: from.UTC(), End: to.UTC()})
}

func (h *handlers) saveHours(ctx context.Context, doctorID, match string, edit domain.TimetableEdit) (openapi.ScheduleSavedJSONResponse, error) {
	change, err := h.editTimetable(ctx, doctorID, match, edit)
	return openapi.ScheduleSavedJSONResponse{
		Headers: openapi.ScheduleSavedResponseHeaders{ETag: etag(change.Version)},
		Body:    openapi.ScheduleSaved{Affected: convert(change.Affected, affectedView)},
	}, err
}

func (h *handlers) editTimetable(ctx context.Context, doctorID, match string, edit domain.TimetableEdit) (domain.TimetableChange, error) {
	ctx, who := begin(ctx)
	if err := who.mayEdit(doctorID); err != nil {
		return domain.TimetableChange{}, err
	}
	expect, err := ifMatch(match)
	if err != nil {
		return domain.TimetableChange{}, err
	}
	if err := edit.Validate(); err != nil {
		return domain.TimetableChange{}, err
	}
	return h.store.EditTimetable(ctx, doctorID, expect, edit, h.cfg.Clock().UTC())
}

// mayEdit lets staff and admins edit any doctor's schedule, and doctors their own.
func (v *visitor) mayEdit(doctorID string) error {
	if v.caller.Has(domain.RoleStaff, domain.RoleAdmin) || (v.caller.Has(domain.RoleDoctor) && v.caller.DoctorID == doctorID) {
		return nil
	}
	return domain.Errorf(domain.CodeForbidden, "A doctor sees and edits the own schedule only.")
}

func affectedView(a domain.Appointment) openapi.AffectedVisit {
	in := zone(a.Terms.Zone)
	return openapi.AffectedVisit{
		AppointmentID: a.ID, PatientID: a.PatientID, TypeName: a.TypeName, Status: openapi.Status(a.Status),
		StartsAt: a.Visit.Start.In(in), EndsAt: a.Visit.End.In(in), LocalTime: wallClock(a.Local, a.Visit.Start.In(in)), TimeZone: a.Terms.Zone,
	}
}

// clockTime writes a minute of the day as 15:04, and the end of the day as 24:00.
func clockTime(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// minuteOfDay reads what fits the contract's pattern of clock times.
func minuteOfDay(clock string) int {
	var hours, minutes int
	_, _ = fmt.Sscanf(clock, "%d:%d", &hours, &minutes)
	return hours*60 + minutes
}

// weekday reads one of the contract's names.
func weekday(name openapi.Weekday) time.Weekday {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(day.String(), string(name)) {
			return day
		}
	}
	return -1 // refused by the domain; the contract lets nothing else come
}
