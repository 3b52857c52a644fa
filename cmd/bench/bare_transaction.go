package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/careflow/careflow/internal/bench"
)

// The bare transaction: what any booking must at least do. It inserts into the product's
// own tables, with their indexes and constraints, a visit and an outbox row.

type visit struct {
	ID, Doctor, Patient, BookedBy, Type string
	Start, End                          time.Time
}

type transactionPlan struct {
	URL    string
	Loop   bench.Loop
	Visits []visit
}

func transactions(ctx context.Context, p transactionPlan) (any, error) {
	pool, err := barePool(ctx, p.URL, p.Loop.Clients)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return bench.Drive(ctx, p.Loop, func(ctx context.Context, i int) error {
		v := p.Visits[i%len(p.Visits)]
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `INSERT INTO appointments (id, doctor_id, patient_id, booked_by, type_id, status, starts_at, ends_at, occupied, local_start, terms)
				VALUES ($1, $2, $3, $4, $5, 'requested', $6, $7, tstzrange($6, $7), '', '{}') ON CONFLICT DO NOTHING`,
				v.ID, v.Doctor, v.Patient, v.BookedBy, v.Type, v.Start, v.End)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				return errors.New("the slot is taken")
			}
			_, err = tx.Exec(ctx, `INSERT INTO outbox (topic, dedupe_key, appointment_id) VALUES ('start', 'start/' || $1::text, $1::text::uuid)`, v.ID)
			return err
		})
	}), nil
}

// barePool has a connection for each client, there before the clock starts.
func barePool(ctx context.Context, url string, clients int) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("no URL of a database")
	}
	cfg.MaxConns, cfg.MinConns = int32(clients), int32(clients) //nolint:gosec // a few
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	return pgxpool.NewWithConfig(ctx, cfg)
}
