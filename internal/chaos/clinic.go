package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Types of visits that each doctor offers, with terms of seconds instead of days, so that
// every row of the lifecycle happens within minutes. An odd price shows how halves are
// rounded.
const (
	typePaid    = "paid"
	typeFree    = "free"
	typeInstant = "instant"
	typeAsk     = "ask" // a moved visit asks the doctor again
)

// lateAfter is how late a deadline may fire before the terms below count it as our outage.
const lateAfter = 5 * time.Second

const terms = `"payment_window": "25s", "payment_window_max": "50s", "answer_deadline": "25s", "answer_cutoff": "5s",
	"reminders": ["60s", "30s", "10s"], "no_show_grace": "10s", "no_show_fee_share": 40, "dispute_period": "25s", "retention": "12s",
	"reschedule_until": "10s", "reschedule_limit": 2, "late_after": "5s", "fresh_grace": "12s",
	"refund_tiers": [{"before": "60s", "percent": 100}, {"before": "25s", "percent": 50}]`

var types = []struct {
	name  string
	price int64
	terms string
}{
	{typePaid, 7999, "{" + terms + "}"},
	{typeFree, 0, "{" + terms + "}"},
	{typeInstant, 4550, `{"instant_confirm": true, ` + terms + "}"},
	{typeAsk, 12001, `{"reconfirm": true, ` + terms + "}"},
}

// clinic is who takes part: accounts by number, and what they offer.
type clinic struct {
	doctors  []string            // IDs
	offers   []map[string]string // by doctor: type name to type ID
	patients []string            // IDs
}

func patientMail(n int) string { return fmt.Sprintf("patient%d@chaos.example", n) }
func doctorMail(n int) string  { return fmt.Sprintf("doctor%d@chaos.example", n) }

// found inserts doctors who are there around the clock, and patients. Their passwords are
// those of the seeded accounts.
func found(ctx context.Context, database string, p Plan) (clinic, error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return clinic{}, err
	}
	defer func() { _ = conn.Close(ctx) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return clinic{}, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	var c clinic
	for n := range p.Patients {
		id, err := insert(ctx, tx, `WITH account AS (
				INSERT INTO users (id, email, name, password_hash, roles)
				SELECT gen_random_uuid(), $1, 'Patient', password_hash, '{patient}' FROM users WHERE email = 'patient@careflow.example'
				RETURNING id)
			INSERT INTO patients (id, account_id, name, time_zone) SELECT gen_random_uuid(), id, 'Patient', 'Europe/Berlin' FROM account
			RETURNING id::text`, patientMail(n))
		if err != nil {
			return c, err
		}
		c.patients = append(c.patients, id)
	}
	for n := range p.Doctors {
		id, err := insert(ctx, tx, `WITH account AS (
				INSERT INTO users (id, email, name, password_hash, roles)
				SELECT gen_random_uuid(), $1, 'Doctor', password_hash, '{doctor}' FROM users WHERE email = 'doctor.demo@careflow.example'
				RETURNING id)
			INSERT INTO doctors (id, user_id, clinic_id, name, time_zone, fee_minor, fee_currency)
			SELECT gen_random_uuid(), a.id, c.id, 'Doctor', 'Europe/Berlin', 8000, 'EUR' FROM account a, (SELECT id FROM clinics LIMIT 1) c
			RETURNING id::text`, doctorMail(n))
		if err != nil {
			return c, err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO doctor_schedules (doctor_id) VALUES ($1)`, id); err != nil {
			return c, err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute) SELECT $1, d, 0, 1440 FROM generate_series(0, 6) d`, id); err != nil {
			return c, err
		}
		offers := map[string]string{}
		for _, t := range types {
			offers[t.name], err = insert(ctx, tx, `INSERT INTO appointment_types (id, doctor_id, name, duration_minutes, step_minutes, price_minor, price_currency, terms)
				VALUES (gen_random_uuid(), $1, $2, 1, 1, $3, 'EUR', $4) RETURNING id::text`, id, t.name, t.price, t.terms)
			if err != nil {
				return c, err
			}
		}
		c.doctors, c.offers = append(c.doctors, id), append(c.offers, offers)
	}
	return c, tx.Commit(ctx)
}

func insert(ctx context.Context, tx pgx.Tx, statement string, args ...any) (id string, err error) {
	err = tx.QueryRow(ctx, statement, args...).Scan(&id)
	return id, err
}
