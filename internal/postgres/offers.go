package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// offer is a doctor's schedule and one type of visit, as of a stamp: as long as the
// doctor's row has that stamp, nothing of it has changed. It is shared, and so never
// changed.
type offer struct {
	stamp    string
	since    time.Time // days with other hours and time off before then are left out
	schedule domain.Schedule
	typ      domain.AppointmentType
	terms    []byte // typ.Terms, as an appointment keeps them
	doctor   string // name
	active   bool   // doctor and type take bookings
}

// pad is how far past a span visits matter: one that starts within it may be long and
// padded.
func (o offer) pad() time.Duration {
	return o.typ.Rules.Duration.Std() + o.typ.Terms.BufferBefore.Std() + o.typ.Terms.BufferAfter.Std()
}

// offer reads an offer as far as a span needs it.
func (s *Store) offer(ctx context.Context, q *db.Queries, doctorID, typeID string, span domain.Window) (offer, error) {
	r, err := q.Offer(ctx, offerParams(doctorID, typeID, span))
	if err != nil {
		return offer{}, missing(err, "doctor and appointment type")
	}
	return offerOf(r, doctorID, span.Start)
}

func offerParams(doctorID, typeID string, span domain.Window) db.OfferParams {
	first, last := localDays(span)
	return db.OfferParams{
		DoctorID: doctorID, TypeID: typeID, FirstDay: first, LastDay: last,
		SpanStart: span.Start.Add(-24 * time.Hour), SpanEnd: span.End.Add(24 * time.Hour),
	}
}

func offerOf(r db.OfferRow, doctorID string, since time.Time) (offer, error) {
	o := offer{
		stamp: r.Stamp, since: since, schedule: domain.Schedule{Zone: r.TimeZone}, doctor: r.DoctorName,
		active: r.DoctorActive && r.TypeActive,
	}
	if err := json.Unmarshal(r.Hours, &o.schedule.Hours); err != nil {
		return offer{}, fmt.Errorf("reading weekly hours: %w", err)
	}
	if err := json.Unmarshal(r.TimeOff, &o.schedule.TimeOff); err != nil {
		return offer{}, fmt.Errorf("reading time off: %w", err)
	}
	if err := json.Unmarshal(r.Overrides, &o.schedule.Overrides); err != nil {
		return offer{}, fmt.Errorf("reading the days with other hours: %w", err)
	}
	var err error
	o.typ, err = typeOf(typeRow{
		id: r.TypeID, doctorID: doctorID, name: r.TypeName, duration: r.DurationMinutes, step: r.StepMinutes,
		notice: r.MinimumNoticeMinutes, window: r.BookingWindowDays, price: r.PriceMinor,
		currency: r.PriceCurrency, terms: r.Terms, zone: r.TimeZone, mode: r.Mode,
	})
	if err != nil {
		return offer{}, err
	}
	if o.terms, err = json.Marshal(o.typ.Terms); err != nil {
		return offer{}, fmt.Errorf("storing the terms: %w", err)
	}
	return o, nil
}

// maxOffers bounds the memory of offers: when there are more, all are read again.
const maxOffers = 10_000

// offers remembers offers. What it remembers may be over: whoever uses it has the database
// compare its stamp, in the transaction that counts on it.
type offers struct {
	mu    sync.Mutex
	known map[offerID]offer
}

type offerID struct{ doctor, typ string }

func newOffers() *offers { return &offers{known: map[offerID]offer{}} }

// of returns an offer that is good for spans from start on.
func (m *offers) of(doctorID, typeID string, start time.Time) (offer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.known[offerID{doctorID, typeID}]
	return o, ok && !start.Before(o.since)
}

func (m *offers) remember(o offer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= maxOffers {
		clear(m.known)
	}
	m.known[offerID{o.typ.DoctorID, o.typ.ID}] = o
}

// memorable is the span of an offer that is to be remembered: from yesterday on, or
// earlier where start is, without an end.
func memorable(start time.Time) domain.Window {
	w := domain.Window{Start: time.Now().UTC().AddDate(0, 0, -1), End: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if start.Before(w.Start) {
		w.Start = start
	}
	return w
}
