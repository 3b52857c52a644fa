package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Questions asks a database single values, and changes nothing in it.
type Questions struct{ pool *pgxpool.Pool }

// NewQuestions returns the questions to a pool's database.
func NewQuestions(pool *pgxpool.Pool) *Questions { return &Questions{pool: pool} }

// Value is the one value that a question has as its answer, as text.
func (q *Questions) Value(ctx context.Context, question string) (string, error) {
	tx, err := q.pool.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return "", fmt.Errorf("asking the database: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	var value string
	if err := tx.QueryRow(ctx, "SELECT ("+question+")::text").Scan(&value); err != nil {
		return "", fmt.Errorf("asking the database: %w", err)
	}
	return value, nil
}
