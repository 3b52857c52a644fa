package api

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// IDs of the examples in the contract, so that its examples work as requests.
const (
	idAccount     = "01950000-0000-7000-8000-0000000000a1"
	idPatient     = "01950000-0000-7000-8000-0000000000b1"
	idAppointment = "01950000-0000-7000-8000-0000000000c1"
	idDoctor      = "01950000-0000-7000-8000-0000000000d1"
	idType        = "01950000-0000-7000-8000-0000000000e1"
	idMessage     = "01950000-0000-7000-8000-0000000000f1"
	idNobody      = "01950000-0000-7000-8000-00000000dead"
)

// fakeStore is a clinic in memory. err, where set, is what every call returns.
type fakeStore struct {
	fakeSessions
	fakeRegistrations
	fakeAccounts
	mu        sync.Mutex
	err       error
	accounts  map[string]domain.Account // by e-mail address
	visits    map[string]domain.Appointment
	owners    map[string]string // patient → account
	events    map[string][]domain.Event
	answers   map[string]keptAnswer
	webhooks  map[string]domain.Webhook
	deferred  []string // update IDs
	abandoned int
	reads     []domain.Access
	wanted    []domain.AnyDoctor
	bookings  []domain.BookingRequest
	filters   []domain.AppointmentFilter
	onLook    func(*fakeStore) // runs at each look at the timeline, under the lock
	panics    bool
	bookedBy  []domain.Caller
	locale    string // of the account

	directory fakeDirectory
	fakeLedger
	cases fakeCases
}

type keptAnswer struct {
	hash []byte
	resp *domain.StoredResponse
}

func newFakeStore() *fakeStore {
	visit := exampleVisit()
	return &fakeStore{
		fakeSessions: newFakeSessions(),
		fakeAccounts: newFakeAccounts(),
		accounts:     map[string]domain.Account{},
		visits:       map[string]domain.Appointment{visit.ID: visit},
		owners:       map[string]string{idPatient: idAccount},
		events: map[string][]domain.Event{visit.ID: {{
			Seq: 1, Version: 1, Kind: "booked", To: domain.StatusRequested, Actor: domain.Actor{Kind: domain.ActorPatient, ID: idAccount}, At: now,
		}}},
		answers:  map[string]keptAnswer{},
		webhooks: map[string]domain.Webhook{},
	}
}

// exampleVisit is a paid visit in Berlin that waits for its payment.
func exampleVisit() domain.Appointment {
	terms := domain.DefaultTerms()
	terms.Price, terms.Zone = domain.Money{Minor: 8000, Currency: "EUR"}, "Europe/Berlin"
	start := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	return domain.Appointment{
		ID: idAppointment, DoctorID: idDoctor, DoctorName: "Dr. Grace Weber", PatientID: idPatient, BookedBy: idAccount,
		TypeID: idType, TypeName: "First visit", Status: domain.StatusRequested, Version: 1, Generation: 1,
		Visit: domain.Window{Start: start, End: start.Add(30 * time.Minute)}, Local: "2026-03-02T09:00:00+01:00",
		Terms: terms, PayBy: now.Add(15 * time.Minute), CreatedAt: now, UpdatedAt: now, Reason: "a mole", Notes: "seen",
	}
}

func (s *fakeStore) lock() func() {
	s.mu.Lock()
	if s.panics {
		s.mu.Unlock()
		panic("secret text of a panic")
	}
	return s.mu.Unlock
}

func (s *fakeStore) sees(scope domain.Scope, a domain.Appointment) bool {
	return scope.All || (scope.DoctorID != "" && scope.DoctorID == a.DoctorID) ||
		(scope.AccountID != "" && scope.AccountID == s.owners[a.PatientID])
}

func notFound() error { return domain.Errorf(domain.CodeNotFound, "there is no such record") }

func (s *fakeStore) Ping(context.Context) error { defer s.lock()(); return s.err }

func (s *fakeStore) AccountByEmail(_ context.Context, email string) (domain.Account, error) {
	defer s.lock()()
	a, ok := s.accounts[email]
	if s.err != nil || !ok {
		return domain.Account{}, firstError(s.err, notFound())
	}
	return a, nil
}

func (s *fakeStore) AccountByID(_ context.Context, id string) (domain.Account, error) {
	defer s.lock()()
	for _, a := range s.accounts {
		if a.ID == id {
			return a, s.err
		}
	}
	return domain.Account{}, firstError(s.err, notFound())
}

func exampleType() domain.AppointmentType {
	return domain.AppointmentType{ID: idType, DoctorID: idDoctor, Name: "First visit", Mode: domain.InPerson, Active: true, Version: 1, Terms: exampleVisit().Terms, Rules: domain.SlotRules{
		Duration: domain.Duration(30 * time.Minute), Step: domain.Duration(30 * time.Minute), BookingWindow: domain.Duration(90 * 24 * time.Hour),
	}}
}

func (s *fakeStore) Availability(_ context.Context, doctorID, typeID string, _ domain.Window) (domain.Availability, error) {
	defer s.lock()()
	if s.err != nil || doctorID != idDoctor || typeID != idType {
		return domain.Availability{}, firstError(s.err, notFound())
	}
	return domain.Availability{Type: exampleType(), Schedule: domain.Schedule{
		Zone: "Europe/Berlin", Hours: []domain.LocalHours{{Weekday: time.Monday, Start: 9 * 60, End: 10 * 60}},
	}}, nil
}

func (s *fakeStore) Alternatives(_ context.Context, a domain.Appointment, zone string, _ time.Time) ([]domain.Slot, error) {
	defer s.lock()()
	next := domain.Window{Start: a.Visit.Start.Add(24 * time.Hour), End: a.Visit.End.Add(24 * time.Hour)}
	return []domain.Slot{{Window: next, Zone: zone}}, s.err
}

func (s *fakeStore) Candidates(ctx context.Context, want domain.AnyDoctor, span domain.Window) ([]domain.Availability, error) {
	s.wanted = append(s.wanted, want)
	a, err := s.Availability(ctx, idDoctor, idType, span)
	a.Type.DoctorID = idDoctor
	other := a
	other.Type.DoctorID = idNobody
	return []domain.Availability{a, other}, err
}

func (s *fakeStore) Book(_ context.Context, by domain.Caller, req domain.BookingRequest, key domain.IdempotencyKey, at time.Time,
	render func(domain.Appointment) (domain.StoredResponse, error),
) (domain.StoredResponse, bool, error) {
	defer s.lock()()
	if s.err != nil {
		return domain.StoredResponse{}, false, s.err
	}
	if by.Claimed != nil && !slices.Equal(by.Claimed, s.callers[by.SessionID].Roles) {
		return domain.StoredResponse{}, false, domain.ErrNotLookedUp
	}
	if kept, err := s.kept(key); err != nil || kept != nil {
		return deref(kept), kept != nil, err
	}
	s.bookings, s.bookedBy = append(s.bookings, req), append(s.bookedBy, by)
	a := exampleVisit()
	a.BookedBy, a.CreatedAt, a.Reason = by.UserID, at, req.Reason
	s.visits[a.ID] = a
	resp, err := render(a)
	s.answers[keyText(key)] = keptAnswer{hash: key.BodyHash, resp: &resp}
	return resp, false, err
}

func (s *fakeStore) Appointment(_ context.Context, scope domain.Scope, id string, by domain.Access) (domain.Appointment, error) {
	defer s.lock()()
	a, ok := s.visits[id]
	if s.err != nil || !ok || !s.sees(scope, a) {
		return domain.Appointment{}, firstError(s.err, notFound())
	}
	s.reads = append(s.reads, by)
	return a, nil
}

func (s *fakeStore) LinkedVisit(_ context.Context, id, requestID string) (domain.LinkedVisit, error) {
	defer s.lock()()
	a, ok := s.visits[id]
	if s.err != nil || !ok {
		return domain.LinkedVisit{}, firstError(s.err, notFound())
	}
	a.Reason, a.Notes = "", ""
	s.reads = append(s.reads, domain.Access{Caller: domain.Caller{UserID: idAccount}, RequestID: requestID})
	return domain.LinkedVisit{
		Appointment: a, AccountID: idAccount, Locale: s.locale, Zone: "Asia/Kolkata", ClinicName: "Riverside Clinic", ClinicAddress: "12 Water Street",
	}, nil
}

func (s *fakeStore) ProcessInput(_ context.Context, id string) (domain.Appointment, error) {
	defer s.lock()()
	a, ok := s.visits[id]
	if s.err != nil || !ok {
		return domain.Appointment{}, firstError(s.err, notFound())
	}
	a.Reason, a.Notes, a.Payment.ClientSecret = "", "", ""
	return a, nil
}

func (s *fakeStore) Appointments(_ context.Context, scope domain.Scope, f domain.AppointmentFilter, p domain.Page) ([]domain.Appointment, error) {
	defer s.lock()()
	s.filters = append(s.filters, f)
	var rows []domain.Appointment
	for _, id := range slices.Sorted(maps.Keys(s.visits)) {
		a := s.visits[id]
		if s.sees(scope, a) && (p.AfterID == "" || id > p.AfterID) && len(rows) < p.Limit {
			a.Reason, a.Notes, a.Payment.ClientSecret = "", "", ""
			rows = append(rows, a)
		}
	}
	return rows, s.err
}

func (s *fakeStore) Timeline(_ context.Context, scope domain.Scope, id string) ([]domain.Event, error) {
	defer s.lock()()
	if a, ok := s.visits[id]; s.err != nil || !ok || !s.sees(scope, a) {
		return nil, firstError(s.err, notFound())
	}
	if s.onLook != nil {
		s.onLook(s)
	}
	return slices.Clone(s.events[id]), nil
}

func (s *fakeStore) Receipts(_ context.Context, scope domain.Scope, id string) ([]domain.Receipt, error) {
	defer s.lock()()
	if a, ok := s.visits[id]; s.err != nil || !ok || !s.sees(scope, a) {
		return nil, firstError(s.err, notFound())
	}
	return []domain.Receipt{{Number: 42, Kind: domain.ReceiptPayment, Amount: domain.Money{Minor: 8000, Currency: "EUR"}, IssuedAt: now}}, nil
}

func (s *fakeStore) Messages(_ context.Context, scope domain.Scope, id string) ([]domain.Message, error) {
	defer s.lock()()
	if a, ok := s.visits[id]; s.err != nil || !ok || !s.sees(scope, a) {
		return nil, firstError(s.err, notFound())
	}
	return []domain.Message{{ID: "m1", Kind: domain.MessageConfirmed, Recipient: domain.RecipientPatient, Status: domain.MessageSent, CreatedAt: now, SentAt: now}}, nil
}

func keyText(key domain.IdempotencyKey) string {
	return key.Principal + "|" + key.Operation + "|" + key.Key
}

func (s *fakeStore) kept(key domain.IdempotencyKey) (*domain.StoredResponse, error) {
	kept, ok := s.answers[keyText(key)]
	if ok && !bytes.Equal(kept.hash, key.BodyHash) {
		return nil, domain.Errorf(domain.CodeIdempotencyReused, "this key was used with another body")
	}
	return kept.resp, nil
}

func (s *fakeStore) BeginCommand(_ context.Context, key domain.IdempotencyKey) (*domain.StoredResponse, error) {
	defer s.lock()()
	kept, err := s.kept(key)
	if err == nil && kept == nil {
		s.answers[keyText(key)] = keptAnswer{hash: key.BodyHash}
	}
	return kept, firstError(err, s.err)
}

func (s *fakeStore) EndCommand(_ context.Context, key domain.IdempotencyKey, resp domain.StoredResponse) error {
	defer s.lock()()
	s.answers[keyText(key)] = keptAnswer{hash: key.BodyHash, resp: &resp}
	return s.err
}

func (s *fakeStore) AbandonCommand(_ context.Context, key domain.IdempotencyKey) error {
	defer s.lock()()
	s.abandoned++
	delete(s.answers, keyText(key))
	return s.err
}

func (s *fakeStore) DeferCommand(_ context.Context, _, _, updateID string, _ any) error {
	defer s.lock()()
	s.deferred = append(s.deferred, updateID)
	return s.err
}

func (s *fakeStore) AcceptWebhook(_ context.Context, w domain.Webhook) (bool, error) {
	defer s.lock()()
	if s.err != nil {
		return false, s.err
	}
	_, known := s.webhooks[w.ID]
	s.webhooks[w.ID] = w
	return !known, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
