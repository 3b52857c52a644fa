package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListDoctors lists who takes appointments.
func (h *handlers) ListDoctors(ctx context.Context, _ openapi.ListDoctorsRequestObject) (openapi.ListDoctorsResponseObject, error) {
	ctx, _ = begin(ctx)
	doctors, err := h.store.Doctors(ctx)
	if err != nil {
		return nil, err
	}
	return openapi.ListDoctors200JSONResponse{Items: convert(doctors, doctorView)}, nil
}

// GetDoctor shows one doctor.
func (h *handlers) GetDoctor(ctx context.Context, req openapi.GetDoctorRequestObject) (openapi.GetDoctorResponseObject, error) {
	ctx, _ = begin(ctx)
	doctor, err := h.store.Doctor(ctx, req.DoctorID)
	if err != nil {
		return nil, err
	}
	return openapi.GetDoctor200JSONResponse(doctorView(doctor)), nil
}

// ListAppointmentTypes lists what a doctor can be visited for.
func (h *handlers) ListAppointmentTypes(ctx context.Context, req openapi.ListAppointmentTypesRequestObject) (openapi.ListAppointmentTypesResponseObject, error) {
	ctx, _ = begin(ctx)
	if _, err := h.store.Doctor(ctx, req.DoctorID); err != nil {
		return nil, err
	}
	types, err := h.store.AppointmentTypes(ctx, req.DoctorID)
	if err != nil {
		return nil, err
	}
	return openapi.ListAppointmentTypes200JSONResponse{Items: convert(types, func(t domain.AppointmentType) openapi.AppointmentType {
		return openapi.AppointmentType{
			ID: t.ID, DoctorID: t.DoctorID, Name: t.Name,
			DurationMinutes: minutes(t.Rules.Duration), Terms: termsView(t.Terms),
		}
	})}, nil
}

// ListSlots lists free times, by the same rules that a booking is checked with.
func (h *handlers) ListSlots(ctx context.Context, req openapi.ListSlotsRequestObject) (openapi.ListSlotsResponseObject, error) {
	ctx, _ = begin(ctx)
	span := domain.Window{Start: req.Params.From.UTC(), End: req.Params.To.UTC()}
	switch {
	case !span.End.After(span.Start):
		return nil, invalidField("query/to", "is after from")
	case span.End.Sub(span.Start) > domain.MaxSlotSpan:
		return nil, invalidField("query/to", "is at most 31 days after from: ask for a shorter span")
	}
	free, err := h.store.Availability(ctx, req.DoctorID, req.Params.TypeID, span)
	if err != nil {
		return nil, err
	}
	slots, err := domain.Slots(free.Schedule, free.Type.Rules, free.Type.Terms, free.Busy, span, h.cfg.Clock().UTC())
	if err != nil {
		return nil, err
	}
	return openapi.ListSlots200JSONResponse{Items: convert(slots, func(s domain.Slot) openapi.Slot {
		in := zone(s.Zone)
		return openapi.Slot{
			StartsAt: s.Start.In(in), EndsAt: s.End.In(in), LocalTime: wallClock(s.Local, s.Start.In(in)), TimeZone: s.Zone,
		}
	})}, nil
}

func doctorView(d domain.Doctor) openapi.Doctor {
	return openapi.Doctor{
		ID: d.ID, Name: d.Name, Speciality: d.Speciality, TimeZone: d.Zone,
		Languages: convert(d.Languages, func(l string) string { return l }),
	}
}

func termsView(t domain.Terms) openapi.Terms {
	return openapi.Terms{
		Price: money(t.Price.Minor, t.Price.Currency), InstantConfirm: t.InstantConfirm, NoShowFeePercent: t.NoShowFeeShare,
		RescheduleLimit: t.RescheduleLimit, RescheduleUntilMinutes: minutes(t.RescheduleUntil),
		RefundTiers: convert(t.RefundTiers, func(r domain.RefundTier) openapi.RefundTier {
			return openapi.RefundTier{BeforeMinutes: minutes(r.Before), Percent: r.Percent}
		}),
	}
}

func money(minor int64, currency string) openapi.Money {
	return openapi.Money{Minor: minor, Currency: currency}
}

func minutes(d domain.Duration) int { return int(d.Std() / time.Minute) }
