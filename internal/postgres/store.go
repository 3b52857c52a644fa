// Package postgres keeps the clinic in PostgreSQL: it decides who has a slot, writes
// each step of a visit in one transaction, and holds the outbox, the message ledger
// and the idempotency keys. Queries live in queries/, their generated Go in db/.
package postgres

//go:generate sqlc generate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Cipher encrypts columns. aad binds a value to its table, column and row.
type Cipher interface {
	Seal(plaintext []byte, aad string) (sealed []byte, keyID string, err error)
	Open(sealed []byte, keyID, aad string) ([]byte, error)
}

// Store is the clinic's database. Its methods return *domain.Error for what a caller
// can act on and a plain error for everything else.
type Store struct {
	pool   *pgxpool.Pool
	q      *db.Queries
	cipher Cipher
	wake   chan struct{} // one pending wake-up of the relay, coalesced

	offers   *offers
	readings *readings
	terms    knownTerms
}

// New returns a store on an open pool.
func New(pool *pgxpool.Pool, cipher Cipher) *Store {
	q := db.New(pool)
	return &Store{pool: pool, q: q, cipher: cipher, wake: make(chan struct{}, 1), offers: newOffers(), readings: &readings{q: q}}
}

// Open connects a pool. The password in url never appears in an error.
func Open(ctx context.Context, url string, maxConns int32) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("CAREFLOW_DATABASE_URL is not a PostgreSQL URL such as postgres://user:password@host:5432/careflow")
	}
	if maxConns > 0 {
		cfg.MaxConns = maxConns
	}
	cfg.ConnConfig.Tracer = tracer{}
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	cfg.ConnConfig.RuntimeParams["application_name"] = "careflow"
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	// A statement or a lock that takes this long is a fault, not a wait.
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = "15000"
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "30000"
	return pgxpool.NewWithConfig(ctx, cfg)
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

const txAttempts = 4

// inTx runs fn in one transaction (READ COMMITTED) and again after a deadlock or a
// serialization failure, which PostgreSQL answers with 40P01 and 40001.
func (s *Store) inTx(ctx context.Context, fn func(q *db.Queries) error) error {
	return retrying(ctx, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return fn(s.q.WithTx(tx)) })
	})
}

// retrying carries a transaction out again after a deadlock or a serialization failure.
func retrying(ctx context.Context, transaction func(context.Context) error) error {
	var err error
	for attempt := range txAttempts {
		err = transaction(ctx)
		if !retryable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(attempt+1) * 5 * time.Millisecond):
		}
	}
	return err
}

func retryable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001")
}

// violates reports whether err is an exclusion violation (23P01).
func violates(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23P01"
}

// missing turns "no rows" into CodeNotFound.
func missing(err error, what string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return domain.Errorf(domain.CodeNotFound, "there is no such %s, or it is not yours", what)
	}
	if err != nil {
		return fmt.Errorf("reading the %s: %w", what, err)
	}
	return nil
}

func deref[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

// optional returns nil for a zero value, which the database stores as NULL.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// optionalTime is optional for instants, whose zero value is judged by IsZero.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// utc reads a nullable instant; NULL is the zero time.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
