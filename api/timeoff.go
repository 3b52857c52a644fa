package api

import (
	"context"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListTimeOff lists a doctor's time off.
func (h *handlers) ListTimeOff(ctx context.Context, req openapi.ListTimeOffRequestObject) (openapi.ListTimeOffResponseObject, error) {
	table, err := h.timetable(ctx, req.DoctorID, req.Params.From, req.Params.To)
	if err != nil {
		return nil, err
	}
	return openapi.ListTimeOff200JSONResponse{
		Headers: openapi.ListTimeOff200ResponseHeaders{ETag: etag(table.Version)},
		Body: openapi.TimeOffList{TimeZone: table.Zone, Items: convert(table.TimeOff, func(o domain.TimeOff) openapi.TimeOff {
			return timeOffView(o, table.Zone)
		})},
	}, nil
}

// AddTimeOff saves time off and answers with the live visits it hits.
func (h *handlers) AddTimeOff(ctx context.Context, req openapi.AddTimeOffRequestObject) (openapi.AddTimeOffResponseObject, error) {
	off := domain.TimeOff{ID: domain.NewID(), Window: domain.Window{Start: req.Body.StartsAt.UTC(), End: req.Body.EndsAt.UTC()}}
	change, err := h.editTimetable(ctx, req.DoctorID, req.Params.IfMatch, domain.TimetableEdit{TimeOff: &off})
	if err != nil {
		return nil, err
	}
	ctx, _ = begin(ctx)
	doctor, err := h.store.Doctor(ctx, req.DoctorID)
	if err != nil {
		doctor.Zone = "UTC" // it is saved: the answer must say so, in whatever zone
	}
	return openapi.AddTimeOff201JSONResponse{
		Headers: openapi.AddTimeOff201ResponseHeaders{ETag: etag(change.Version)},
		Body:    openapi.TimeOffSaved{TimeOff: timeOffView(off, doctor.Zone), Affected: convert(change.Affected, affectedView)},
	}, nil
}

// DeleteTimeOff gives time off back.
func (h *handlers) DeleteTimeOff(ctx context.Context, req openapi.DeleteTimeOffRequestObject) (openapi.DeleteTimeOffResponseObject, error) {
	change, err := h.editTimetable(ctx, req.DoctorID, req.Params.IfMatch, domain.TimetableEdit{RemoveTimeOff: req.TimeOffID})
	return openapi.DeleteTimeOff204Response{Headers: openapi.ScheduleFreedResponseHeaders{ETag: etag(change.Version)}}, err
}

func timeOffView(o domain.TimeOff, zoneName string) openapi.TimeOff {
	in := zone(zoneName)
	return openapi.TimeOff{ID: o.ID, StartsAt: o.Start.In(in), EndsAt: o.End.In(in)}
}
