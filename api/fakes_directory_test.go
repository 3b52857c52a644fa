package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// fakeDirectory is what the clinic set up, in memory.
type fakeDirectory struct {
	version int // of the schedule, less one
	edits   []domain.TimetableEdit
	spans   []domain.Window

	searches []domain.DoctorFilter
	doctors  []domain.Doctor          // saved ones
	types    []domain.AppointmentType // saved ones
	patients []domain.Patient         // saved ones
}

var exampleDoctor = domain.Doctor{
	ID: idDoctor, Version: 1, Name: "Dr. Grace Weber", Speciality: "Dermatology", Zone: "Europe/Berlin", Active: true,
	Email: "grace@example.test", ExternalID: "W-1", ConsultationFee: domain.Money{Minor: 8000, Currency: "EUR"},
}

// Doctors are three of one name, by ID.
func (s *fakeStore) Doctors(_ context.Context, f domain.DoctorFilter, p domain.DoctorPage) ([]domain.Doctor, error) {
	defer s.lock()()
	s.directory.searches = append(s.directory.searches, f)
	var page []domain.Doctor
	for i := range 3 {
		d := exampleDoctor
		d.ID = d.ID[:len(d.ID)-1] + string(rune('1'+i))
		if d.ID > p.AfterID && len(page) < p.Limit {
			page = append(page, d)
		}
	}
	return page, s.err
}

func (s *fakeStore) Doctor(_ context.Context, id string) (domain.Doctor, error) {
	defer s.lock()()
	if s.err != nil || id != idDoctor {
		return domain.Doctor{}, firstError(s.err, notFound())
	}
	return exampleDoctor, nil
}

func (s *fakeStore) CreateDoctor(_ context.Context, d domain.Doctor, key domain.IdempotencyKey,
	render func(domain.Doctor) (domain.StoredResponse, error),
) (domain.StoredResponse, bool, error) {
	d.Version = 1
	return fakeCreate(s, key, &s.directory.doctors, d, render)
}

func (s *fakeStore) UpdateDoctor(_ context.Context, d domain.Doctor, expect int) (domain.Doctor, error) {
	return fakeUpdate(s, &s.directory.doctors, d, expect, d.ID == idDoctor, func(d *domain.Doctor) { d.Version = 2 })
}

func (s *fakeStore) AppointmentTypes(context.Context, string, bool) ([]domain.AppointmentType, error) {
	defer s.lock()()
	return []domain.AppointmentType{exampleType()}, s.err
}

func (s *fakeStore) AppointmentType(_ context.Context, doctorID, id string) (domain.AppointmentType, error) {
	defer s.lock()()
	if s.err != nil || doctorID != idDoctor || id != idType {
		return domain.AppointmentType{}, firstError(s.err, notFound())
	}
	return exampleType(), nil
}

func (s *fakeStore) CreateAppointmentType(_ context.Context, t domain.AppointmentType, key domain.IdempotencyKey,
	render func(domain.AppointmentType) (domain.StoredResponse, error),
) (domain.StoredResponse, bool, error) {
	return fakeCreate(s, key, &s.directory.types, priced(t, 1), render)
}

func (s *fakeStore) UpdateAppointmentType(_ context.Context, t domain.AppointmentType, expect int) (domain.AppointmentType, error) {
	return fakeUpdate(s, &s.directory.types, t, expect, t.ID == idType, func(t *domain.AppointmentType) { *t = priced(*t, 2) })
}

// priced is a type as it is read again.
func priced(t domain.AppointmentType, version int) domain.AppointmentType {
	t.Version, t.Terms.Price, t.Terms.Zone = version, exampleDoctor.ConsultationFee, exampleDoctor.Zone
	if t.OwnPrice != nil {
		t.Terms.Price = *t.OwnPrice
	}
	return t
}

func (s *fakeStore) Patients(_ context.Context, accountID string) ([]domain.Patient, error) {
	defer s.lock()()
	var patients []domain.Patient
	for patient, owner := range s.owners {
		if owner == accountID {
			patients = append(patients, examplePatient(patient, owner))
		}
	}
	return patients, s.err
}

func examplePatient(id, owner string) domain.Patient {
	return domain.Patient{ID: id, AccountID: owner, Version: 1, Name: "Ada", Relation: "self", Zone: "Europe/Berlin", DateOfBirth: "1980-02-29"}
}

func (s *fakeStore) Patient(_ context.Context, accountID, id string) (domain.Patient, error) {
	defer s.lock()()
	owner, ok := s.owners[id]
	if s.err != nil || !ok || (accountID != "" && owner != accountID) {
		return domain.Patient{}, firstError(s.err, notFound())
	}
	return examplePatient(id, owner), nil
}

func (s *fakeStore) CreatePatient(_ context.Context, p domain.Patient, key domain.IdempotencyKey,
	render func(domain.Patient) (domain.StoredResponse, error),
) (domain.StoredResponse, bool, error) {
	p.Version = 1
	return fakeCreate(s, key, &s.directory.patients, p, render)
}

func (s *fakeStore) UpdatePatient(_ context.Context, p domain.Patient, expect int) (domain.Patient, error) {
	owner, ok := s.owners[p.ID]
	ok = ok && (p.AccountID == "" || p.AccountID == owner)
	return fakeUpdate(s, &s.directory.patients, p, expect, ok, func(p *domain.Patient) { p.Version, p.AccountID = 2, owner })
}

// fakeCreate keeps something new and its answer under a key.
func fakeCreate[T any](s *fakeStore, key domain.IdempotencyKey, list *[]T, v T, render func(T) (domain.StoredResponse, error)) (domain.StoredResponse, bool, error) {
	defer s.lock()()
	if kept, err := s.kept(key); s.err != nil || err != nil || kept != nil {
		return deref(kept), kept != nil, firstError(s.err, err)
	}
	*list = append(*list, v)
	resp, err := render(v)
	s.answers[keyText(key)] = keptAnswer{hash: key.BodyHash, resp: &resp}
	return resp, false, err
}

// fakeUpdate keeps an edit of version 1.
func fakeUpdate[T any](s *fakeStore, list *[]T, v T, expect int, found bool, saved func(*T)) (T, error) {
	defer s.lock()()
	var none T
	switch {
	case s.err != nil:
		return none, s.err
	case !found:
		return none, notFound()
	case expect > 1:
		return none, domain.Errorf(domain.CodeStale, "this was changed since you read it")
	}
	saved(&v)
	*list = append(*list, v)
	return v, nil
}

func (s *fakeStore) Timetable(_ context.Context, doctorID string, span domain.Window) (domain.Timetable, error) {
	defer s.lock()()
	if s.err != nil || doctorID != idDoctor {
		return domain.Timetable{}, firstError(s.err, notFound())
	}
	s.directory.spans = append(s.directory.spans, span)
	return domain.Timetable{
		DoctorID: doctorID, Version: s.directory.version + 1, Zone: "Europe/Berlin",
		Hours:     []domain.LocalHours{{Weekday: time.Monday, Start: 9 * 60, End: 24 * 60}},
		Overrides: []domain.DayOverride{{Date: "2026-03-14", Hours: []domain.Stretch{{Start: 600, End: 780}}}, {Date: "2026-04-03"}},
		TimeOff:   []domain.TimeOff{{ID: idNobody, Window: domain.Window{Start: now, End: now.Add(time.Hour)}}},
	}, nil
}

func (s *fakeStore) EditTimetable(_ context.Context, doctorID string, expect int, edit domain.TimetableEdit, _ time.Time) (domain.TimetableChange, error) {
	defer s.lock()()
	if s.err != nil || doctorID != idDoctor {
		return domain.TimetableChange{}, firstError(s.err, notFound())
	}
	if expect != 0 && expect != s.directory.version+1 {
		return domain.TimetableChange{}, domain.Errorf(domain.CodeStale, "this was changed since you read it")
	}
	s.directory.version++
	s.directory.edits = append(s.directory.edits, edit)
	return domain.TimetableChange{Version: s.directory.version + 1, Affected: []domain.Appointment{s.visits[idAppointment]}}, nil
}
