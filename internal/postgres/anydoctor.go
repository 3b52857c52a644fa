package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// candidatesARound is how many candidates' schedules one booking locks at a time.
const candidatesARound = 16

// Candidates returns what a joint slot search needs of every active doctor's kind of visit
// that fits, by doctor and type. CodeNotFound when nobody fits, CodeInvalid when more than
// domain.MaxCandidates do.
func (s *Store) Candidates(ctx context.Context, want domain.AnyDoctor, span domain.Window) ([]domain.Availability, error) {
	return s.candidates(ctx, s.q, want, span)
}

func (s *Store) candidates(ctx context.Context, q *db.Queries, want domain.AnyDoctor, span domain.Window) ([]domain.Availability, error) {
	first, last := localDays(span)
	p := db.CandidatesParams{
		SpanStart: span.Start.Add(-24 * time.Hour), SpanEnd: span.End.Add(24 * time.Hour), FirstDay: first, LastDay: last,
		Speciality: want.Speciality, DoctorIds: idsOf(want.DoctorIDs), TypeIds: idsOf(want.TypeIDs), Language: want.Language,
		TypeName: want.TypeName, Mode: string(want.Mode), DurationMinutes: int32(want.Duration / time.Minute), //nolint:gosec // bounded by the API
		MaxRows: domain.MaxCandidates + 1,
	}
	if want.MaxPrice != nil {
		p.MaxCurrency, p.MaxMinor = &want.MaxPrice.Currency, want.MaxPrice.Minor
	}
	rows, err := q.Candidates(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("looking for doctors: %w", err)
	}
	switch {
	case len(rows) == 0:
		return nil, domain.Errorf(domain.CodeNotFound, "no doctor who takes appointments fits: ask for less")
	case len(rows) > domain.MaxCandidates:
		return nil, domain.Errorf(domain.CodeInvalid, "more than %d appointment types fit: ask for a speciality, a type's name or doctors", domain.MaxCandidates)
	}
	list := make([]domain.Availability, 0, len(rows))
	for _, r := range rows {
		a, err := availabilityOf(r)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, s.addBusy(ctx, q, list, span)
}

// idsOf is never nil, which would be NULL in the query.
func idsOf(ids []string) []string { return append([]string{}, ids...) }

func availabilityOf(r db.CandidatesRow) (domain.Availability, error) {
	a := domain.Availability{Schedule: domain.Schedule{Zone: r.TimeZone}}
	for _, part := range []struct {
		raw  []byte
		into any
	}{{r.Hours, &a.Schedule.Hours}, {r.Overrides, &a.Schedule.Overrides}, {r.TimeOff, &a.Schedule.TimeOff}} {
		if err := json.Unmarshal(part.raw, part.into); err != nil {
			return a, fmt.Errorf("reading the schedule of %s: %w", r.DoctorID, err)
		}
	}
	var err error
	a.Type, err = typeOf(typeRow{
		id: r.TypeID, doctorID: r.DoctorID, name: r.TypeName, duration: r.DurationMinutes, step: r.StepMinutes,
		notice: r.MinimumNoticeMinutes, window: r.BookingWindowDays, price: r.PriceMinor,
		currency: r.PriceCurrency, terms: r.Terms, zone: r.TimeZone, mode: r.Mode,
	})
	return a, err
}

// addBusy adds what live visits occupy of each candidate's time within span.
func (s *Store) addBusy(ctx context.Context, q *db.Queries, list []domain.Availability, span domain.Window) error {
	var pad time.Duration // a visit that starts within the span may be long and padded
	doctors := make([]string, 0, len(list))
	for _, a := range list {
		t := a.Type.Terms
		pad = max(pad, a.Type.Rules.Duration.Std()+t.BufferBefore.Std()+t.BufferAfter.Std())
		doctors = append(doctors, a.Type.DoctorID)
	}
	rows, err := q.BusyWindowsOf(ctx, db.BusyWindowsOfParams{
		DoctorIds: slices.Compact(doctors), SpanStart: span.Start.Add(-pad), SpanEnd: span.End.Add(pad),
	})
	if err != nil {
		return fmt.Errorf("reading occupied times: %w", err)
	}
	busy := map[string][]domain.Window{}
	for _, r := range rows {
		busy[r.DoctorID] = append(busy[r.DoctorID], domain.Window{Start: r.StartsAt.UTC(), End: r.EndsAt.UTC()})
	}
	for i := range list {
		list[i].Busy = busy[list[i].Type.DoctorID]
	}
	return nil
}

// tryAny books with one of several doctors, in one transaction.
func (b *booking) tryAny(ctx context.Context) error {
	return pgx.BeginFunc(ctx, b.store.pool, func(tx pgx.Tx) error {
		var f bookingFacts
		var p pipeline
		b.askWho(ctx, &p, &f)
		if err := p.run(ctx, tx); err != nil {
			return fmt.Errorf("reading what a booking needs: %w", err)
		}
		if f.answered {
			var err error
			b.resp, b.replayed, err = answeredBefore(f.key, b.key)
			return err
		}
		actor, err := b.mayBook(f)
		if err != nil {
			return err
		}
		return b.any(ctx, b.store.q.WithTx(tx), actor)
	})
}

// any tries the free candidates in domain.FairOrder until one has the time. What was
// free when it was read may be taken when it is tried: then the next one's turn has come,
// and the exclusion constraints decide about each. A transaction that waits for another
// one's row holds none itself, so that two of them never wait in a circle.
func (b *booking) any(ctx context.Context, q *db.Queries, actor domain.Actor) error {
	free, taken, err := b.store.freeCandidates(ctx, q, *b.req.AnyDoctor, b.req.StartsAt.UTC(), b.now)
	if err != nil {
		return err
	}
	overlap := false
	for round := range slices.Chunk(free, candidatesARound) {
		doctors := make([]string, 0, len(round))
		for _, c := range round {
			doctors = append(doctors, c.DoctorID)
		}
		if err := q.LockSchedulesOf(ctx, doctors); err != nil {
			return fmt.Errorf("locking the schedules: %w", err)
		}
		for _, c := range round {
			err := b.with(ctx, q, c, actor)
			switch domain.CodeOf(err) {
			case domain.CodeSlotTaken:
				taken = true
			case domain.CodePatientOverlap:
				overlap = true // a shorter visit may still fit
			case domain.CodeSlotNotOffered, domain.CodeDoctorInactive: // since it was read
			default:
				return err
			}
		}
	}
	return nobody(taken, overlap)
}

// with books with one candidate, whose schedule is locked. It is refused without a trace:
// another one may be tried in the same transaction.
func (b *booking) with(ctx context.Context, q *db.Queries, c domain.Candidate, actor domain.Actor) error {
	req, start := b.req, b.req.StartsAt.UTC()
	req.DoctorID, req.TypeID = c.DoctorID, c.TypeID
	o, err := b.store.offer(ctx, q, c.DoctorID, c.TypeID, domain.Window{Start: start, End: start})
	if err != nil {
		return err
	}
	a, err := b.visit(req, o)
	if err != nil {
		return err
	}
	params, err := b.row(a, o, actor)
	if err != nil {
		return err
	}
	inserted, err := q.InsertAppointment(ctx, params)
	switch {
	case duplicate(err) == keyConstraint:
		return errKeyUsed
	case err != nil:
		return fmt.Errorf("inserting the appointment: %w", err)
	case !inserted.Booked:
		return nameConflict(ctx, q, a.ID, a.DoctorID, a.PatientID, a.Visit, a.Terms.Occupied(a.Visit))
	}
	b.resp = domain.StoredResponse{Status: int(params.Status), Body: params.Response}
	return nil
}

// nobody says why none of the candidates has the time.
func nobody(taken, overlap bool) error {
	switch {
	case overlap:
		return domain.Errorf(domain.CodePatientOverlap, "the patient has another visit at this time: choose another slot or move that visit")
	case taken:
		return domain.Errorf(domain.CodeSlotTaken, "none of these doctors is free any more at this time: choose another start")
	}
	return domain.Errorf(domain.CodeSlotNotOffered, "none of these doctors offers this time: ask for their slots and choose one of them")
}

// freeCandidates are those who offer the start and are free then, in the order to try.
// taken says that others offer it and are not free.
func (s *Store) freeCandidates(ctx context.Context, q *db.Queries, want domain.AnyDoctor, start, now time.Time) (free []domain.Candidate, taken bool, err error) {
	list, err := s.candidates(ctx, q, want, domain.Window{Start: start, End: start.Add(time.Nanosecond)})
	if err != nil {
		return nil, false, err
	}
	days := db.VisitsOfDayParams{DoctorIds: []string{}, DayStarts: []time.Time{}, DayEnds: []time.Time{}}
	for _, a := range list {
		slot, err := domain.SlotAt(a.Schedule, a.Type.Rules, a.Type.Terms, start, now)
		if domain.CodeOf(err) == domain.CodeSlotNotOffered {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		if slices.ContainsFunc(a.Busy, a.Type.Terms.Occupied(slot.Window).Overlaps) {
			taken = true
			continue
		}
		free = append(free, domain.Candidate{DoctorID: a.Type.DoctorID, TypeID: a.Type.ID, Price: a.Type.Terms.Price})
		if n := len(days.DoctorIds); n > 0 && days.DoctorIds[n-1] == a.Type.DoctorID {
			continue
		}
		day, err := a.Schedule.LocalDay(start)
		if err != nil {
			return nil, false, err
		}
		days.DoctorIds = append(days.DoctorIds, a.Type.DoctorID)
		days.DayStarts, days.DayEnds = append(days.DayStarts, day.Start), append(days.DayEnds, day.End)
	}
	return free, taken, orderFairly(ctx, q, free, days)
}

func orderFairly(ctx context.Context, q *db.Queries, free []domain.Candidate, days db.VisitsOfDayParams) error {
	rows, err := q.VisitsOfDay(ctx, days)
	if err != nil {
		return fmt.Errorf("counting visits: %w", err)
	}
	visits := map[string]int{}
	for _, r := range rows {
		visits[r.DoctorID] = int(r.Visits)
	}
	for i := range free {
		free[i].Visits = visits[free[i].DoctorID]
	}
	domain.FairOrder(free)
	return nil
}
