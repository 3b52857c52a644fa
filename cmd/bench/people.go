package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// doctor sees patients around the clock, so that there are slots enough.
type doctor struct {
	ID, AccountID string
	// Types of visits: Paid has the default terms, Free costs nothing, Short is paid and
	// archived a second after its end, Reminded is Short with three reminders in its last
	// half minute, Hasty is free and leaves the doctor three seconds to answer.
	Paid, Free, Short, Reminded, Hasty string
	Token                              string
}

// patient is an account with one patient, logged in.
type patient struct{ ID, AccountID, Token string }

const (
	doctors    = 50
	slotLength = 20 * time.Minute
	shortTerms = `"payment_window":"1m","payment_window_max":"2m","answer_deadline":"1h","answer_cutoff":"1s","no_show_grace":"1m","retention":"1s"`
)

// populate adds 50 doctors, one whose visits are read, and n patients, each with a log-in
// of its own.
func (c *clinic) populate(ctx context.Context, n int) error {
	var batch pgx.Batch
	for i := range doctors + 1 {
		d := doctor{
			ID: domain.NewID(), AccountID: domain.NewID(),
			Paid: domain.NewID(), Free: domain.NewID(), Short: domain.NewID(), Reminded: domain.NewID(), Hasty: domain.NewID(),
		}
		var err error
		if d.Token, err = c.logIn(&batch, domain.Account{ID: d.AccountID, Roles: []domain.Role{domain.RoleDoctor}, DoctorID: d.ID}); err != nil {
			return err
		}
		addDoctor(&batch, d)
		if i == doctors {
			c.reader = d
			break
		}
		c.doctors = append(c.doctors, d)
	}
	for range n {
		p := patient{ID: domain.NewID(), AccountID: domain.NewID()}
		var err error
		if p.Token, err = c.logIn(&batch, domain.Account{ID: p.AccountID, Roles: []domain.Role{domain.RolePatient}}); err != nil {
			return err
		}
		batch.Queue(`INSERT INTO patients (id, account_id, name, time_zone) VALUES ($1, $2, 'Bench', 'Europe/Berlin')`, p.ID, p.AccountID)
		c.patients = append(c.patients, p)
	}
	if err := c.db.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	_, err := c.db.Exec(ctx, `ANALYZE`)
	return err
}

// logIn adds an account with a session and returns its access token.
func (c *clinic) logIn(batch *pgx.Batch, a domain.Account) (string, error) {
	session := domain.NewID()
	batch.Queue(`WITH added AS (
			INSERT INTO users (id, email, name, password_hash, roles) VALUES ($1, $2, 'Bench', 'none', $3) RETURNING id)
		INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at)
		SELECT $4, id, now(), now(), now() + interval '1 day' FROM added`,
		a.ID, a.ID+"@careflow.example", a.Roles, session)
	token, err := c.tokens.Issue(a, session)
	return "Bearer " + token.Text, err
}

func addDoctor(batch *pgx.Batch, d doctor) {
	batch.Queue(`INSERT INTO doctors (id, user_id, clinic_id, name, time_zone, fee_minor, fee_currency)
		SELECT $1, $2, clinic_id, 'Dr. Bench', 'Europe/Berlin', 8000, 'EUR' FROM doctors WHERE id = $3`, d.ID, d.AccountID, seed.DoctorID)
	batch.Queue(`INSERT INTO doctor_schedules (doctor_id) VALUES ($1)`, d.ID)
	batch.Queue(`INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute) SELECT $1, d, 0, 1440 FROM generate_series(0, 6) d`, d.ID)
	for _, t := range []struct {
		id      string
		minutes int
		price   int64
		terms   string
	}{
		{d.Paid, 20, 8000, `{}`}, {d.Free, 20, 0, `{}`}, {d.Hasty, 20, 0, `{"answer_deadline":"3s","answer_cutoff":"1s"}`},
		{d.Short, 1, 8000, `{"reminders":[],` + shortTerms + `}`},
		{d.Reminded, 1, 8000, `{"reminders":["30s","20s","10s"],` + shortTerms + `}`},
	} {
		batch.Queue(`INSERT INTO appointment_types (id, doctor_id, name, duration_minutes, step_minutes, price_minor, price_currency, terms)
			VALUES ($1, $2, 'Visit', $3, $3, $4, 'EUR', $5)`, t.id, d.ID, t.minutes, t.price, t.terms)
	}
}

// slot is the kth of distinct slots over all doctors, two days ahead and later.
func (c *clinic) slot(k int) (doctor, time.Time) {
	first := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 2)
	return c.doctors[k%doctors], first.Add(time.Duration(k/doctors) * slotLength)
}

// booking is the request for the kth slot, by the kth patient; typ picks the kind of visit.
func (c *clinic) booking(k int, typ func(doctor) string) bench.Request {
	d, start := c.slot(k)
	return c.bookingAt(d, typ(d), c.patients[k%len(c.patients)], start)
}

func (c *clinic) bookingAt(d doctor, typ string, p patient, start time.Time) bench.Request {
	body, _ := json.Marshal(map[string]any{
		"doctor_id": d.ID, "type_id": typ, "patient_id": p.ID, "starts_at": start.Format(time.RFC3339), "reason": "A cough that does not go away",
	})
	return bench.Request{
		Method: http.MethodPost, URL: c.base + "/v1/appointments", Body: body,
		Header: map[string]string{"Authorization": p.Token, "Content-Type": "application/json", "Idempotency-Key": domain.NewID()},
	}
}

func (c *clinic) bookings(n int, typ func(doctor) string) []bench.Request {
	requests := make([]bench.Request, n)
	for k := range requests {
		requests[k] = c.booking(k, typ)
	}
	return requests
}

func paid(d doctor) string { return d.Paid }
func free(d doctor) string { return d.Free }
