package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// AppointmentTypes returns what a doctor offers by name, with the effective price and
// terms; inactive types only where they are asked for.
func (s *Store) AppointmentTypes(ctx context.Context, doctorID string, inactiveToo bool) ([]domain.AppointmentType, error) {
	return readTypes(ctx, s.q, db.TypesOfDoctorParams{DoctorID: doctorID, InactiveToo: inactiveToo})
}

// AppointmentType returns one type of a doctor, active or not.
func (s *Store) AppointmentType(ctx context.Context, doctorID, id string) (domain.AppointmentType, error) {
	return readType(ctx, s.q, doctorID, id)
}

func readType(ctx context.Context, q *db.Queries, doctorID, id string) (domain.AppointmentType, error) {
	types, err := readTypes(ctx, q, db.TypesOfDoctorParams{DoctorID: doctorID, InactiveToo: true, ID: &id})
	if err != nil {
		return domain.AppointmentType{}, err
	}
	if len(types) == 0 {
		return domain.AppointmentType{}, domain.Errorf(domain.CodeNotFound, "there is no such appointment type")
	}
	return types[0], nil
}

func readTypes(ctx context.Context, q *db.Queries, p db.TypesOfDoctorParams) ([]domain.AppointmentType, error) {
	rows, err := q.TypesOfDoctor(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("listing appointment types: %w", err)
	}
	types := make([]domain.AppointmentType, 0, len(rows))
	for _, r := range rows {
		t, err := typeOf(typeRow{
			id: r.ID, doctorID: r.DoctorID, name: r.Name, duration: r.DurationMinutes, step: r.StepMinutes,
			notice: r.MinimumNoticeMinutes, window: r.BookingWindowDays, price: r.PriceMinor,
			currency: r.PriceCurrency, terms: r.Terms, zone: r.TimeZone, mode: r.Mode,
		})
		if err != nil {
			return nil, err
		}
		t.JoinURL, t.Active, t.Version = r.JoinUrl, r.Active, int(r.Version)
		if r.OwnPriceMinor != nil {
			t.OwnPrice = &domain.Money{Minor: *r.OwnPriceMinor, Currency: r.PriceCurrency}
		}
		types = append(types, t)
	}
	return types, nil
}

// CreateAppointmentType adds a type to a doctor under an idempotency key, whose answer
// render makes of the type as it is stored. CodeNotFound for no doctor.
func (s *Store) CreateAppointmentType(ctx context.Context, t domain.AppointmentType, key domain.IdempotencyKey,
	render func(domain.AppointmentType) (domain.StoredResponse, error),
) (resp domain.StoredResponse, replayed bool, err error) {
	return s.once(ctx, key, func(q *db.Queries) (domain.StoredResponse, error) {
		if _, err := q.DoctorByID(ctx, t.DoctorID); err != nil {
			return domain.StoredResponse{}, missing(err, "doctor")
		}
		p, err := typeParams(t)
		if err != nil {
			return domain.StoredResponse{}, err
		}
		if err := q.InsertType(ctx, p); err != nil {
			return domain.StoredResponse{}, fmt.Errorf("adding the appointment type: %w", err)
		}
		stored, err := readType(ctx, q, t.DoctorID, t.ID)
		if err != nil {
			return domain.StoredResponse{}, err
		}
		return render(stored)
	})
}

// UpdateAppointmentType replaces a type's settings. Booked visits keep the terms that they
// were booked with. expect is the version that was read, 0 for any: else CodeStale.
func (s *Store) UpdateAppointmentType(ctx context.Context, t domain.AppointmentType, expect int) (stored domain.AppointmentType, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		// The schedule before the row, as everywhere: bookings hold it, and then look at the type.
		if _, err := q.LockScheduleForEdit(ctx, t.DoctorID); err != nil {
			return missing(err, "doctor")
		}
		version, err := q.LockType(ctx, db.LockTypeParams{ID: t.ID, DoctorID: t.DoctorID})
		if err != nil {
			return missing(err, "appointment type")
		}
		if err := current(expect, version); err != nil {
			return err
		}
		p, err := typeParams(t)
		if err != nil {
			return err
		}
		err = q.UpdateType(ctx, db.UpdateTypeParams{
			ID: p.ID, Name: p.Name, Mode: p.Mode, DurationMinutes: p.DurationMinutes, StepMinutes: p.StepMinutes,
			MinimumNoticeMinutes: p.MinimumNoticeMinutes, BookingWindowDays: p.BookingWindowDays,
			PriceMinor: p.PriceMinor, PriceCurrency: p.PriceCurrency, Terms: p.Terms, Active: p.Active, JoinUrl: p.JoinUrl,
		})
		if err != nil {
			return fmt.Errorf("saving the appointment type: %w", err)
		}
		stored, err = readType(ctx, q, t.DoctorID, t.ID)
		return err
	})
	return stored, err
}

// typeParams writes a valid type (see domain.AppointmentType.ValidateSetup) as a row.
func typeParams(t domain.AppointmentType) (db.InsertTypeParams, error) {
	if err := t.ValidateSetup(); err != nil {
		return db.InsertTypeParams{}, err
	}
	terms, err := ownTerms(t.Terms)
	if err != nil {
		return db.InsertTypeParams{}, err
	}
	whole := func(d domain.Duration, unit time.Duration) int32 { return int32(d.Std() / unit) } //nolint:gosec // validated: years at most
	p := db.InsertTypeParams{
		ID: t.ID, DoctorID: t.DoctorID, Name: t.Name, Mode: string(t.Mode), Active: t.Active, Terms: terms, JoinUrl: t.JoinURL,
		DurationMinutes: whole(t.Rules.Duration, time.Minute), StepMinutes: whole(t.Rules.Step, time.Minute),
		MinimumNoticeMinutes: whole(t.Rules.MinimumNotice, time.Minute), BookingWindowDays: whole(t.Rules.BookingWindow, 24*time.Hour),
	}
	if t.OwnPrice != nil { // a free visit has a price, of nothing
		p.PriceMinor, p.PriceCurrency = &t.OwnPrice.Minor, &t.OwnPrice.Currency
	}
	return p, nil
}

// ownTerms are the terms that a type keeps: price and zone come with each booking.
func ownTerms(t domain.Terms) ([]byte, error) {
	raw, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("storing the terms: %w", err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("storing the terms: %w", err)
	}
	for _, name := range []string{"price", "zone", "zone_version", "mode"} {
		delete(fields, name)
	}
	return json.Marshal(fields)
}

type typeRow struct {
	id, doctorID, name             string
	duration, step, notice, window int32
	price                          int64
	currency                       string
	terms                          []byte
	mode                           string
	zone                           string
}

// typeOf lays the type's own terms over the defaults and adds price and zone.
func typeOf(r typeRow) (domain.AppointmentType, error) {
	minutes := func(n int32) domain.Duration { return domain.Duration(time.Duration(n) * time.Minute) }
	terms := domain.DefaultTerms()
	if err := json.Unmarshal(r.terms, &terms); err != nil {
		return domain.AppointmentType{}, fmt.Errorf("reading the terms of type %s: %w", r.id, err)
	}
	terms.Price = domain.Money{Minor: r.price, Currency: r.currency}
	terms.Zone, terms.ZoneVersion, terms.Mode = r.zone, domain.ZoneVersion(), domain.VisitMode(r.mode)
	if err := terms.Validate(); err != nil {
		return domain.AppointmentType{}, fmt.Errorf("the terms of type %s: %s", r.id, err) //nolint:errorlint // a fault of the clinic's set-up, not of the caller
	}
	return domain.AppointmentType{
		ID: r.id, DoctorID: r.doctorID, Name: r.name, Mode: terms.Mode, Terms: terms,
		Rules: domain.SlotRules{
			Duration: minutes(r.duration), Step: minutes(r.step), MinimumNotice: minutes(r.notice),
			BookingWindow: minutes(r.window * 24 * 60),
		},
	}, nil
}
