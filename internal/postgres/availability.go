package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Availability returns what a slot search needs: the doctor's schedule, the type, and
// the windows that live visits occupy within span and its neighbourhood.
func (s *Store) Availability(ctx context.Context, doctorID, typeID string, span domain.Window) (domain.Availability, error) {
	if o, known := s.offers.of(doctorID, typeID, span.Start); known {
		stamp, busy, err := s.stampAndBusy(ctx, doctorID, span, o.pad())
		if err != nil {
			return domain.Availability{}, err
		}
		if stamp == o.stamp {
			return o.availability(busy, span)
		}
	}
	o, busy, err := s.offerAndBusy(ctx, doctorID, typeID, span)
	if err != nil {
		return domain.Availability{}, err
	}
	s.offers.remember(o)
	if o.pad() > busyRoom {
		return s.availability(ctx, s.q, doctorID, typeID, span)
	}
	return o.availability(busy, span)
}

// stampAndBusy asks, in one round trip, whether an offer is the one that is remembered,
// and for what visits occupy.
func (s *Store) stampAndBusy(ctx context.Context, doctorID string, span domain.Window, pad time.Duration) (stamp string, busy []db.BusyWindowsRow, err error) {
	var p pipeline
	var found bool
	addIf(&p, &stamp, &found, func(q *db.Queries) (string, error) { return q.OfferStamp(ctx, doctorID) })
	add(&p, &busy, func(q *db.Queries) ([]db.BusyWindowsRow, error) {
		return q.BusyWindows(ctx, busyParams(doctorID, span, pad))
	})
	if err := p.run(ctx, s.pool); err != nil {
		return "", nil, fmt.Errorf("reading occupied times: %w", err)
	}
	return stamp, busy, nil
}

// busyRoom is room for visits of a day and its buffers, where a type's are not known yet.
const busyRoom = 24 * time.Hour

// offerAndBusy reads both in one round trip.
func (s *Store) offerAndBusy(ctx context.Context, doctorID, typeID string, span domain.Window) (o offer, busy []db.BusyWindowsRow, err error) {
	var p pipeline
	var r db.OfferRow
	var found bool
	wide := memorable(span.Start)
	addIf(&p, &r, &found, func(q *db.Queries) (db.OfferRow, error) { return q.Offer(ctx, offerParams(doctorID, typeID, wide)) })
	add(&p, &busy, func(q *db.Queries) ([]db.BusyWindowsRow, error) {
		return q.BusyWindows(ctx, busyParams(doctorID, span, busyRoom))
	})
	if err := p.run(ctx, s.pool); err != nil {
		return offer{}, nil, fmt.Errorf("reading a schedule: %w", err)
	}
	if !found {
		return offer{}, nil, missing(pgx.ErrNoRows, "doctor and appointment type")
	}
	o, err = offerOf(r, doctorID, wide.Start)
	return o, busy, err
}

func (s *Store) availability(ctx context.Context, q *db.Queries, doctorID, typeID string, span domain.Window) (domain.Availability, error) {
	o, err := s.offer(ctx, q, doctorID, typeID, span)
	if err != nil {
		return domain.Availability{}, err
	}
	rows, err := q.BusyWindows(ctx, busyParams(doctorID, span, o.pad()))
	if err != nil {
		return domain.Availability{}, fmt.Errorf("reading occupied times: %w", err)
	}
	return o.availability(rows, span)
}

func busyParams(doctorID string, span domain.Window, pad time.Duration) db.BusyWindowsParams {
	return db.BusyWindowsParams{DoctorID: doctorID, SpanStart: span.Start.Add(-pad), SpanEnd: span.End.Add(pad)}
}

// availability is an offer within a span, whose busy windows are rows.
func (o offer) availability(rows []db.BusyWindowsRow, span domain.Window) (domain.Availability, error) {
	if !o.active {
		return domain.Availability{}, domain.Errorf(domain.CodeDoctorInactive, "this doctor does not take this kind of appointment at the moment")
	}
	a := domain.Availability{Schedule: o.schedule, Type: o.typ, Busy: make([]domain.Window, 0, len(rows))}
	for _, r := range rows {
		a.Busy = append(a.Busy, domain.Window{Start: r.StartsAt.UTC(), End: r.EndsAt.UTC()})
	}
	// A remembered offer knows of years; each slot looks through what is left here.
	a.Schedule.TimeOff = nil
	near := domain.Window{Start: span.Start.Add(-busyRoom), End: span.End.Add(o.pad() + busyRoom)}
	for _, w := range o.schedule.TimeOff {
		if w.Overlaps(near) {
			a.Schedule.TimeOff = append(a.Schedule.TimeOff, w)
		}
	}
	return a, nil
}
