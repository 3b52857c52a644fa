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
	}
	for _, role := range r.Roles {
		a.Roles = append(a.Roles, domain.Role(role))
	}
	return a
}

// Doctors returns the active doctors by name.
func (s *Store) Doctors(ctx context.Context) ([]domain.Doctor, error) {
	rows, err := s.q.ActiveDoctors(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing doctors: %w", err)
	}
	doctors := make([]domain.Doctor, 0, len(rows))
	for _, r := range rows {
		doctors = append(doctors, doctorOf(db.DoctorByIDRow(r)))
	}
	return doctors, nil
}

// Doctor returns one doctor, active or not.
func (s *Store) Doctor(ctx context.Context, id string) (domain.Doctor, error) {
	row, err := s.q.DoctorByID(ctx, id)
	if err != nil {
		return domain.Doctor{}, missing(err, "doctor")
	}
	return doctorOf(row), nil
}

func doctorOf(r db.DoctorByIDRow) domain.Doctor {
	return domain.Doctor{
		ID: r.ID, Name: r.Name, Speciality: r.Speciality, Zone: r.TimeZone, Languages: r.Languages, Active: r.Active,
		ConsultationFee: domain.Money{Minor: r.FeeMinor, Currency: r.FeeCurrency},
	}
}

// AppointmentTypes returns what a doctor offers, with the effective price and terms.
func (s *Store) AppointmentTypes(ctx context.Context, doctorID string) ([]domain.AppointmentType, error) {
	rows, err := s.q.TypesOfDoctor(ctx, doctorID)
	if err != nil {
		return nil, fmt.Errorf("listing appointment types: %w", err)
	}
	types := make([]domain.AppointmentType, 0, len(rows))
	for _, r := range rows {
		t, err := typeOf(typeRow{
			id: r.ID, doctorID: r.DoctorID, name: r.Name, duration: r.DurationMinutes, step: r.StepMinutes,
			notice: r.MinimumNoticeMinutes, window: r.BookingWindowDays, price: r.PriceMinor,
			currency: r.PriceCurrency, terms: r.Terms, zone: r.TimeZone,
		})
		if err != nil {
			return nil, err
		}
		types = append(types, t)
	}
	return types, nil
}

// Patients returns the patients of an account.
func (s *Store) Patients(ctx context.Context, accountID string) ([]domain.Patient, error) {
	rows, err := s.q.PatientsOfAccount(ctx, accountID)
	if err != nil {
		return nil, fmt.Errorf("listing patients: %w", err)
	}
	patients := make([]domain.Patient, 0, len(rows))
	for _, r := range rows {
		patients = append(patients, domain.Patient{
			ID: r.ID, AccountID: r.AccountID, Name: r.Name, Relation: r.Relation, Zone: r.TimeZone,
		})
	}
	return patients, nil
}

// Availability returns what a slot search needs: the doctor's schedule, the type, and
// the windows that live visits occupy within span and its neighbourhood.
func (s *Store) Availability(ctx context.Context, doctorID, typeID string, span domain.Window) (domain.Availability, error) {
	o, err := s.offer(ctx, s.q, doctorID, typeID, span)
	if err != nil {
		return domain.Availability{}, err
	}
	if !o.active {
		return domain.Availability{}, domain.Errorf(domain.CodeDoctorInactive, "this doctor does not take this kind of appointment at the moment")
	}
	// A visit that starts within the span may be long and padded: look past its end.
	pad := o.typ.Rules.Duration.Std() + o.typ.Terms.BufferBefore.Std() + o.typ.Terms.BufferAfter.Std()
	rows, err := s.q.BusyWindows(ctx, db.BusyWindowsParams{
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
		currency: r.PriceCurrency, terms: r.Terms, zone: r.TimeZone,
	})
	return o, err
}

type typeRow struct {
	id, doctorID, name             string
	duration, step, notice, window int32
	price                          int64
	currency                       string
	terms                          []byte
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
	terms.Zone, terms.ZoneVersion = r.zone, domain.ZoneVersion()
	if err := terms.Validate(); err != nil {
		return domain.AppointmentType{}, fmt.Errorf("the terms of type %s: %s", r.id, err) //nolint:errorlint // a fault of the clinic's set-up, not of the caller
	}
	return domain.AppointmentType{
		ID: r.id, DoctorID: r.doctorID, Name: r.name, Terms: terms,
		Rules: domain.SlotRules{
			Duration: minutes(r.duration), Step: minutes(r.step), MinimumNotice: minutes(r.notice),
			BookingWindow: minutes(r.window * 24 * 60),
		},
	}, nil
}
