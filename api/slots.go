package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

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
	return openapi.ListSlots200JSONResponse{Items: convert(slots, slotView)}, nil
}

// ListAlternatives lists a few other times for a visit, as the letter does that says that
// it came to nothing.
func (h *handlers) ListAlternatives(ctx context.Context, req openapi.ListAlternativesRequestObject) (openapi.ListAlternativesResponseObject, error) {
	ctx, who := begin(ctx)
	a, err := h.find(ctx, who, req.AppointmentID)
	if err != nil {
		return nil, err
	}
	slots, err := h.store.Alternatives(ctx, a, a.Terms.Zone, h.cfg.Clock().UTC())
	if err != nil {
		return nil, err
	}
	return openapi.ListAlternatives200JSONResponse{Items: convert(slots, slotView)}, nil
}

func slotView(s domain.Slot) openapi.Slot {
	in := zone(s.Zone)
	return openapi.Slot{
		StartsAt: s.Start.In(in), EndsAt: s.End.In(in), LocalTime: wallClock(s.Local, s.Start.In(in)), TimeZone: s.Zone,
	}
}

func termsView(t domain.Terms) openapi.Terms {
	return openapi.Terms{
		Price: money(t.Price.Minor, t.Price.Currency), InstantConfirm: t.InstantConfirm, NoShowFeePercent: t.NoShowFeeShare,
		DisputePeriodMinutes: minutes(domain.Duration(t.DisputeWindow())),
		RescheduleLimit:      t.RescheduleLimit, RescheduleUntilMinutes: minutes(t.RescheduleUntil),
		RefundTiers: convert(t.RefundTiers, func(r domain.RefundTier) openapi.RefundTier {
			return openapi.RefundTier{BeforeMinutes: minutes(r.Before), Percent: r.Percent}
		}),
	}
}

func money(minor int64, currency string) openapi.Money {
	return openapi.Money{Minor: minor, Currency: currency}
}

func minutes(d domain.Duration) int { return int(d.Std() / time.Minute) }
