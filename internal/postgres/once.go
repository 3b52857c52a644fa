package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// once carries out what belongs to an idempotency key in one transaction with it: sent
// again, the key gives the first answer. A refusal leaves the key free.
func (s *Store) once(ctx context.Context, key domain.IdempotencyKey, create func(*db.Queries) (domain.StoredResponse, error)) (resp domain.StoredResponse, replayed bool, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		stored, err := claimKey(ctx, q, key)
		if err != nil {
			return err
		}
		if stored != nil {
			resp, replayed = *stored, true
			return nil
		}
		replayed = false
		if resp, err = create(q); err != nil {
			return err
		}
		return answerKey(ctx, q, key, resp)
	})
	return resp, replayed, err
}

// duplicate names the constraint that a second row of its kind would break (23505), ""
// for any other error.
func duplicate(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" {
		return pg.ConstraintName
	}
	return ""
}

// likePart escapes what LIKE would read as a pattern.
func likePart(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.TrimSpace(text))
}

// claimKey takes a key for this transaction. It waits for a concurrent use of the same
// key to end, and returns that one's answer if it has one.
func claimKey(ctx context.Context, q *db.Queries, key domain.IdempotencyKey) (*domain.StoredResponse, error) {
	var row db.ReadKeyRow
	for {
		n, err := q.ClaimKey(ctx, db.ClaimKeyParams{
			Principal: key.Principal, Operation: key.Operation, Key: key.Key, BodyHash: key.BodyHash,
		})
		if err != nil {
			return nil, fmt.Errorf("taking the idempotency key: %w", err)
		}
		if n == 1 {
			return nil, nil
		}
		row, err = q.ReadKey(ctx, db.ReadKeyParams{Principal: key.Principal, Operation: key.Operation, Key: key.Key})
		if errors.Is(err, pgx.ErrNoRows) {
			continue // its command was refused and freed the key in this very moment
		}
		if err != nil {
			return nil, fmt.Errorf("reading the idempotency key: %w", err)
		}
		break
	}
	stored, answered, err := answeredBefore(row, key)
	if err != nil || !answered {
		return nil, err
	}
	return &stored, nil
}

// answeredBefore returns the first answer under a key, if there is one already.
// CodeIdempotencyReused when the key belongs to another body.
func answeredBefore(row db.ReadKeyRow, key domain.IdempotencyKey) (stored domain.StoredResponse, answered bool, err error) {
	if !bytes.Equal(row.BodyHash, key.BodyHash) {
		return stored, false, domain.Errorf(domain.CodeIdempotencyReused, "this Idempotency-Key was used with another body: send a new key for a new command")
	}
	return domain.StoredResponse{Status: int(row.Status), Body: row.Response}, row.Status != 0, nil
}

func answerKey(ctx context.Context, q *db.Queries, key domain.IdempotencyKey, resp domain.StoredResponse) error {
	_, err := q.AnswerKey(ctx, db.AnswerKeyParams{
		Status: int32(resp.Status), Response: resp.Body, //nolint:gosec // an HTTP status fits
		Principal: key.Principal, Operation: key.Operation, Key: key.Key,
	})
	if err != nil {
		return fmt.Errorf("keeping the answer: %w", err)
	}
	return nil
}
