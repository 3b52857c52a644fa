package postgres

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// searchedWeeks is how far ahead other times are looked for, a week at a time.
const searchedWeeks = 5

// Alternatives returns the next free times of an appointment's doctor and type, instead of
// its own, as the reader of the given zone (IANA) counts days: a few, by time. None where
// doctor or type take no bookings. now is UTC.
func (s *Store) Alternatives(ctx context.Context, a domain.Appointment, zone string, now time.Time) ([]domain.Slot, error) {
	return s.alternatives(ctx, s.q, a.DoctorID, a.TypeID, a.Visit.Start, zone, now)
}

func (s *Store) alternatives(ctx context.Context, q *db.Queries, doctorID, typeID string, instead time.Time, zone string, now time.Time) ([]domain.Slot, error) {
	reader, err := time.LoadLocation(zone)
	if err != nil {
		reader = time.UTC
	}
	var found, picked []domain.Slot
	for week := range searchedWeeks {
		from := now.AddDate(0, 0, 7*week)
		span := domain.Window{Start: from, End: from.AddDate(0, 0, 7)}
		free, err := s.availability(ctx, q, doctorID, typeID, span)
		if code := domain.CodeOf(err); code == domain.CodeDoctorInactive || code == domain.CodeNotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		slots, err := domain.Slots(free.Schedule, free.Type.Rules, free.Type.Terms, free.Busy, span, now)
		if err != nil {
			return nil, err
		}
		found = append(found, slots...)
		picked = domain.Alternatives(found, instead, reader)
		if len(picked) == domain.MaxAlternatives && onDifferentDays(picked, reader) {
			break
		}
	}
	return picked, nil
}

func onDifferentDays(slots []domain.Slot, in *time.Location) bool {
	for i := 1; i < len(slots); i++ {
		a, b := slots[i-1].Start.In(in), slots[i].Start.In(in)
		if a.YearDay() == b.YearDay() && a.Year() == b.Year() {
			return false
		}
	}
	return true
}
