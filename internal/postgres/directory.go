package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// AccountByEmail returns a log-in by its address, whatever its case.
func (s *Store) AccountByEmail(ctx context.Context, email string) (domain.Account, error) {
	row, err := s.q.AccountByEmail(ctx, email)
	if err != nil {
		return domain.Account{}, missing(err, "account")
	}
	return accountOf(db.AccountByIDRow(row)), nil
}

// AccountByID returns a log-in.
func (s *Store) AccountByID(ctx context.Context, id string) (domain.Account, error) {
	row, err := s.q.AccountByID(ctx, id)
	if err != nil {
		return domain.Account{}, missing(err, "account")
	}
	return accountOf(row), nil
}

func accountOf(r db.AccountByIDRow) domain.Account {
	a := domain.Account{
		ID: r.ID, Email: r.Email, Name: r.Name, PasswordHash: r.PasswordHash, DoctorID: r.DoctorID, Disabled: r.Disabled,
		Unverified: r.Unverified,
	}
	for _, role := range r.Roles {
		a.Roles = append(a.Roles, domain.Role(role))
	}
	return a
}

// Availability returns what a slot search needs: the doctor's schedule, the type, and
// the windows that live visits occupy within span and its neighbourhood.
func (s *Store) Availability(ctx context.Context, doctorID, typeID string, span domain.Window) (domain.Availability, error) {
	return s.availability(ctx, s.q, doctorID, typeID, span)
}

func (s *Store) availability(ctx context.Context, q *db.Queries, doctorID, typeID string, span domain.Window) (domain.Availability, error) {
	o, err := s.offer(ctx, q, doctorID, typeID, span)
	if err != nil {
		return domain.Availability{}, err
	}
	if !o.active {
		return domain.Availability{}, domain.Errorf(domain.CodeDoctorInactive, "this doctor does not take this kind of appointment at the moment")
	}
	// A visit that starts within the span may be long and padded: look past its end.
	pad := o.typ.Rules.Duration.Std() + o.typ.Terms.BufferBefore.Std() + o.typ.Terms.BufferAfter.Std()
	rows, err := q.BusyWindows(ctx, db.BusyWindowsParams{
		DoctorID: doctorID, SpanStart: span.Start.Add(-pad), SpanEnd: span.End.Add(pad),
	})
	if err != nil {
		return domain.Availability{}, fmt.Errorf("reading occupied times: %w", err)
	}
	busy := make([]domain.Window, 0, len(rows))
	for _, r := range rows {
		busy = append(busy, domain.Window{Start: r.StartsAt.UTC(), End: r.EndsAt.UTC()})
	}
	return domain.Availability{Schedule: o.schedule, Type: o.typ, Busy: busy}, nil
}

// offer is a doctor's schedule and one type of visit.
type offer struct {
	schedule domain.Schedule
	typ      domain.AppointmentType
	doctor   string // name
	active   bool   // doctor and type take bookings
}

func (s *Store) offer(ctx context.Context, q *db.Queries, doctorID, typeID string, span domain.Window) (offer, error) {
	first, last := localDays(span)
	r, err := q.Offer(ctx, db.OfferParams{
		DoctorID: doctorID, TypeID: typeID, FirstDay: first, LastDay: last,
		SpanStart: span.Start.Add(-24 * time.Hour), SpanEnd: span.End.Add(24 * time.Hour),
	})
	if err != nil {
		return offer{}, missing(err, "doctor and appointment type")
	}
	o := offer{schedule: domain.Schedule{Zone: r.TimeZone}, doctor: r.DoctorName, active: r.DoctorActive && r.TypeActive}
	if err := json.Unmarshal(r.Hours, &o.schedule.Hours); err != nil {
		return offer{}, fmt.Errorf("reading weekly hours: %w", err)
	}
	if err := json.Unmarshal(r.TimeOff, &o.schedule.TimeOff); err != nil {
		return offer{}, fmt.Errorf("reading time off: %w", err)
	}
	if err := json.Unmarshal(r.Overrides, &o.schedule.Overrides); err != nil {
		return offer{}, fmt.Errorf("reading the days with other hours: %w", err)
	}
	o.typ, err = typeOf(typeRow{
		id: r.TypeID, doctorID: doctorID, name: r.TypeName, duration: r.DurationMinutes, step: r.StepMinutes,
		notice: r.MinimumNoticeMinutes, window: r.BookingWindowDays, price: r.PriceMinor,
		currency: r.PriceCurrency, terms: r.Terms, zone: r.TimeZone, mode: r.Mode,
	})
	return o, err
}
