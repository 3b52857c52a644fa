package postgres

import (
	"context"
	"errors"
	"strings"

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
