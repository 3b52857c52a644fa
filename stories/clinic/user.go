package clinic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/testkit"
)

// User is someone who uses the API.
type User struct {
	t     testing.TB
	base  string
	token string
}

// Answer is what the API said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Problem returns the code of a problem answer, "" for other answers.
func (a Answer) Problem() string {
	var p openapi.Problem
	if a.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(a.Body, &p) != nil {
		return ""
	}
	return p.Code
}

func (a Answer) String() string { return fmt.Sprintf("%d %s", a.Status, a.Body) }

// Login returns a seeded account's user: patient, caregiver, doctor, doctor.ny,
// doctor.demo, staff, admin, ops.
func (c *Clinic) Login(name string) *User {
	c.t.Helper()
	return (&User{t: c.t, base: c.API}).login(name + "@careflow.example")
}

// Token is the user's access token, "" for nobody.
func (u *User) Token() string { return u.token }

// At returns the same user at another replica.
func (u *User) At(base string) *User { return &User{t: u.t, base: base, token: u.token} }

// Nobody is not logged in.
func (c *Clinic) Nobody() *User { return &User{t: c.t, base: c.API} }

func (u *User) login(email string) *User {
	u.t.Helper()
	a := u.Do(http.MethodPost, "/v1/sessions", map[string]string{"email": email, "password": seed.Password})
	require.Equal(u.t, http.StatusOK, a.Status, a)
	var s openapi.Session
	require.NoError(u.t, json.Unmarshal(a.Body, &s))
	u.token = s.AccessToken
	return u
}

// Do sends a request. headers are pairs of name and value. Only the test's own
// goroutine may call it; Try is for others.
func (u *User) Do(method, path string, body any, headers ...string) Answer {
	u.t.Helper()
	a, err := u.Try(method, path, body, headers...)
	require.NoError(u.t, err)
	return a
}

// Try is Do for any goroutine; its error is the network's.
func (u *User) Try(method, path string, body any, headers ...string) (Answer, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(u.t.Context(), method, u.base+path, reader)
	if err != nil {
		return Answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if u.token != "" {
		req.Header.Set("Authorization", "Bearer "+u.token)
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: raw}, err
}

// Booking asks for the demonstration doctor, who is there around the clock, unless it is
// changed.
func Booking(start time.Time) openapi.Booking {
	return openapi.Booking{
		DoctorID: seed.DoctorDemoID, TypeID: seed.TypeDemoID, PatientID: seed.PatientID, StartsAt: start,
	}
}

// InMinutes is a whole minute at least n minutes from now.
func InMinutes(n int) time.Time {
	return time.Now().Add(time.Duration(n)*time.Minute + 59*time.Second).Truncate(time.Minute)
}

// Book books and returns the appointment.
func (u *User) Book(b openapi.Booking) openapi.Appointment {
	u.t.Helper()
	a := u.Do(http.MethodPost, "/v1/appointments", b, "Idempotency-Key", domain.NewID())
	require.Equal(u.t, http.StatusCreated, a.Status, a)
	return u.appointment(a)
}

func (u *User) appointment(a Answer) openapi.Appointment {
	u.t.Helper()
	var appointment openapi.Appointment
	require.NoError(u.t, json.Unmarshal(a.Body, &appointment))
	return appointment
}

// Appointment reads one.
func (u *User) Appointment(id string) openapi.Appointment {
	u.t.Helper()
	a := u.Do(http.MethodGet, "/v1/appointments/"+id, nil)
	require.Equal(u.t, http.StatusOK, a.Status, a)
	return u.appointment(a)
}

// Await waits until the appointment has one of the statuses.
func (u *User) Await(id string, statuses ...domain.Status) openapi.Appointment {
	u.t.Helper()
	var last openapi.Appointment
	testkit.Eventually(u.t, func() bool {
		last = u.Appointment(id)
		return slices.Contains(statuses, domain.Status(last.Status))
	}, "appointment %s becomes %v", id, statuses)
	return last
}

// Command sends a command under a key and returns the answer.
func (u *User) Command(id, command string, body any, key string) Answer {
	u.t.Helper()
	return u.Do(http.MethodPost, "/v1/appointments/"+id+"/"+command, body, "Idempotency-Key", key)
}

// Must sends a command and waits until it is carried out, also when that is deferred.
func (u *User) Must(id, command string, body any) {
	u.t.Helper()
	a := u.Command(id, command, body, domain.NewID())
	require.Contains(u.t, []int{http.StatusOK, http.StatusAccepted}, a.Status, "%s: %s", command, a)
}

// Kinds returns the kinds of an appointment's timeline.
func (u *User) Kinds(id string) []string {
	u.t.Helper()
	a := u.Do(http.MethodGet, "/v1/appointments/"+id+"/events", nil)
	require.Equal(u.t, http.StatusOK, a.Status, a)
	var list openapi.EventList
	require.NoError(u.t, json.Unmarshal(a.Body, &list))
	var kinds []string
	for i, e := range list.Items {
		kinds = append(kinds, e.Kind)
		if i > 0 {
			require.LessOrEqual(u.t, list.Items[i-1].Version, e.Version)
		}
	}
	return kinds
}

// Intent waits until the appointment's payment is open and returns its intent.
func (c *Clinic) Intent(u *User, id string) string {
	c.t.Helper()
	var intent string
	testkit.Eventually(c.t, func() bool {
		for _, p := range c.Sandbox.Ledger().Payments {
			if p.AppointmentID == id && u.Appointment(id).Payment.ClientSecret != "" {
				intent = p.IntentID
			}
		}
		return intent != ""
	}, "the payment of %s is open", id)
	return intent
}

// BookAndPay books, pays in the sandbox and waits until the doctor is asked.
func (c *Clinic) BookAndPay(u *User, b openapi.Booking) openapi.Appointment {
	c.t.Helper()
	a := u.Book(b)
	require.NoError(c.t, c.Sandbox.Pay(c.Intent(u, a.ID)))
	return u.Await(a.ID, domain.StatusPending)
}
