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
	span, err := slotSpan(req.Params.From, req.Params.To)
	if err != nil {
		return nil, err
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

// SearchSlots lists the starts at which any of several doctors is free.
func (h *handlers) SearchSlots(ctx context.Context, req openapi.SearchSlotsRequestObject) (openapi.SearchSlotsResponseObject, error) {
	ctx, _ = begin(ctx)
	p := req.Params
	span, err := slotSpan(p.From, p.To)
	if err != nil {
		return nil, err
	}
	want := domain.AnyDoctor{
		Speciality: p.Speciality, DoctorIDs: p.DoctorID, TypeIDs: p.TypeID, Language: p.Language, TypeName: p.TypeName,
		Mode: domain.VisitMode(p.Mode), Duration: time.Duration(p.DurationMinutes) * time.Minute,
	}
	switch {
	case p.MaxPriceCurrency != "":
		want.MaxPrice = &domain.Money{Minor: p.MaxPriceMinor, Currency: p.MaxPriceCurrency}
	case p.MaxPriceMinor != 0:
		return nil, invalidField("query/max_price_currency", "is required with max_price_minor")
	}
	if p.Cursor != "" {
		after, err := decodeSlotCursor(p.Cursor)
		if err != nil {
			return nil, err
		}
		if !after.Before(span.Start) {
			span.Start = after.Add(time.Nanosecond)
		}
	}
	candidates, err := h.store.Candidates(ctx, want, span)
	if err != nil {
		return nil, err
	}
	slots, more, err := domain.JointSlots(candidates, span, p.Limit, h.cfg.Clock().UTC())
	if err != nil {
		return nil, err
	}
	page := openapi.JointSlotPage{Items: convert(slots, func(s domain.JointSlot) openapi.JointSlot {
		return jointSlotView(s, domain.SharedZone(candidates))
	})}
	if more {
		page.NextCursor = encodeSlotCursor(slots[len(slots)-1].Start)
	}
	return openapi.SearchSlots200JSONResponse(page), nil
}

func jointSlotView(s domain.JointSlot, name string) openapi.JointSlot {
	start := s.Start.In(zone(name))
	return openapi.JointSlot{
		StartsAt: start, LocalTime: start.Format(clock), TimeZone: name, Doctors: s.Doctors,
		Prices:           convert(s.Prices, func(m domain.Money) openapi.Money { return money(m.Minor, m.Currency) }),
		DurationsMinutes: convert(s.Durations, minutes),
	}
}

// slotSpan is the span of a search, or says what is wrong with it.
func slotSpan(from, to time.Time) (domain.Window, error) {
	span := domain.Window{Start: from.UTC(), End: to.UTC()}
	switch {
	case !span.End.After(span.Start):
		return span, invalidField("query/to", "is after from")
	case span.End.Sub(span.Start) > domain.MaxSlotSpan:
		return span, invalidField("query/to", "is at most 31 days after from: ask for a shorter span")
	}
	return span, nil
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
