package postgres_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/testkit"
)

// The accounts of the seeded clinic.
const (
	patientAccount   = "01990000-0000-7000-8000-000000000101"
	caregiverAccount = "01990000-0000-7000-8000-000000000102"
	staffAccount     = "01990000-0000-7000-8000-000000000106"
)

var (
	patient   = domain.Caller{UserID: patientAccount, Roles: []domain.Role{domain.RolePatient}}
	caregiver = domain.Caller{UserID: caregiverAccount, Roles: []domain.Role{domain.RoleCaregiver}}
	staff     = domain.Caller{UserID: staffAccount, Roles: []domain.Role{domain.RoleStaff}}
	everyone  = domain.Scope{All: true}

	// now is a Monday at 08:00 in Berlin: the instant at which the tests book.
	now = time.Date(2031, 3, 3, 7, 0, 0, 0, time.UTC)
	// nine is the Tuesday after, 09:00 in Berlin: the first slot of that day.
	nine = time.Date(2031, 3, 4, 8, 0, 0, 0, time.UTC)
)

// later is a slot so many hours after nine. The doctor's lunch lies at 3.
func later(hours int) time.Time { return nine.Add(time.Duration(hours) * time.Hour) }

const secretWords = "a rash that nobody must know of"

// clinic is a store on a database of its own.
type clinic struct {
	*postgres.Store
	url string
	db  *pgxpool.Pool
}

func open(t *testing.T) clinic {
	t.Helper()
	url := testkit.Database(t)
	c := clinic{url: url, db: testkit.Pool(t, url)}
	c.Store = postgres.New(c.db, cipher{})
	c.exec(t, "INSERT INTO data_keys (id, kek_id, wrapped) VALUES ($1, 'dev', '')", keyID)
	return c
}

func (c clinic) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := c.db.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// one reads a single value.
func one[T any](t *testing.T, c clinic, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, c.db.QueryRow(t.Context(), sql, args...).Scan(&v))
	return v
}

func (c clinic) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	return one[int](t, c, "SELECT count(*)::int FROM "+sql, args...)
}

// visit asks for half an hour with the first doctor, for the patient of the patient's account.
func visit(start time.Time) domain.BookingRequest {
	return domain.BookingRequest{
		DoctorID: seed.DoctorID, TypeID: seed.TypeVisitID, PatientID: seed.PatientID, StartsAt: start, Reason: secretWords,
	}
}

// call asks for a free quarter of an hour with the same doctor.
func call(start time.Time) domain.BookingRequest {
	r := visit(start)
	r.TypeID = seed.TypeFreeID
	return r
}

func newKey(by domain.Caller) domain.IdempotencyKey {
	hash := sha256.Sum256([]byte("body"))
	return domain.IdempotencyKey{Principal: by.UserID, Operation: "createAppointment", Key: domain.NewID(), BodyHash: hash[:]}
}

// render answers with the ID, so that a test can read it.
func render(a domain.Appointment) (domain.StoredResponse, error) {
	return domain.StoredResponse{Status: 201, Body: []byte(a.ID)}, nil
}

func (c clinic) try(ctx context.Context, by domain.Caller, r domain.BookingRequest) (id string, err error) {
	resp, _, err := c.Book(ctx, by, r, newKey(by), now, render)
	return string(resp.Body), err
}

// book books and returns the appointment's ID.
func (c clinic) book(t *testing.T, by domain.Caller, r domain.BookingRequest) string {
	t.Helper()
	id, err := c.try(t.Context(), by, r)
	require.NoError(t, err)
	return id
}

// refused books in vain and returns the code.
func (c clinic) refused(t *testing.T, by domain.Caller, r domain.BookingRequest) domain.Code {
	t.Helper()
	_, err := c.try(t.Context(), by, r)
	require.Error(t, err)
	return domain.CodeOf(err)
}

// people adds n accounts with one patient each.
func (c clinic) people(t *testing.T, n int) (accounts, patients []string) {
	t.Helper()
	for i := range n {
		accounts, patients = append(accounts, domain.NewID()), append(patients, domain.NewID())
		c.exec(t, "INSERT INTO users (id, email, name, password_hash, roles) VALUES ($1, $2, 'P', '', '{patient}')",
			accounts[i], fmt.Sprintf("p%d@example.org", i))
		c.exec(t, "INSERT INTO patients (id, account_id, name, time_zone) VALUES ($1, $2, 'P', 'Europe/Berlin')", patients[i], accounts[i])
	}
	return accounts, patients
}

// row reads an appointment as its process sees it.
func (c clinic) row(t *testing.T, id string) domain.Appointment {
	t.Helper()
	a, err := c.ProcessInput(t.Context(), id)
	require.NoError(t, err)
	return a
}

// step builds the transition from the row's version.
func (c clinic) step(t *testing.T, id string, to domain.Status) domain.Transition {
	t.Helper()
	a := c.row(t, id)
	return domain.Transition{
		ID: fmt.Sprintf("%s/%d", to, a.Version), AppointmentID: id, Version: a.Version, Kind: string(to), To: to,
		Actor: domain.System(), At: now.Add(time.Duration(a.Version) * time.Minute),
	}
}

// move carries transitions out, one status after the other.
func (c clinic) move(t *testing.T, id string, to ...domain.Status) {
	t.Helper()
	for _, status := range to {
		_, err := c.Transition(t.Context(), c.step(t, id, status))
		require.NoError(t, err)
	}
}

func (c clinic) timeline(t *testing.T, id string) []domain.Event {
	t.Helper()
	events, err := c.Timeline(t.Context(), everyone, id)
	require.NoError(t, err)
	return events
}

func (c clinic) ledger(t *testing.T, id string) []domain.Message {
	t.Helper()
	messages, err := c.Messages(t.Context(), everyone, id)
	require.NoError(t, err)
	return messages
}

const keyID = "test-key"

// cipher is no cipher, but notices a value that is opened in another place.
type cipher struct{}

func (cipher) Seal(plain []byte, aad string) ([]byte, string, error) {
	masked := bytes.Map(func(r rune) rune { return r ^ 1 }, plain)
	return append([]byte(aad+"|"), masked...), keyID, nil
}

func (cipher) Open(sealed []byte, id, aad string) ([]byte, error) {
	masked, ok := bytes.CutPrefix(sealed, []byte(aad+"|"))
	if !ok || id != keyID {
		return nil, errors.New("sealed for another place")
	}
	return bytes.Map(func(r rune) rune { return r ^ 1 }, masked), nil
}

// contextOf is a context that a test ends by itself.
func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}
