package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/careflow/careflow/internal/postgres/db"
)

// DataKey is a wrapped key of encrypted columns: useless without the key-encryption
// key that KEKID names.
type DataKey struct {
	ID        string
	KEKID     string
	Wrapped   []byte
	CreatedAt time.Time
}

// DataKeys keeps the wrapped column keys. It is apart from Store, which cannot be used
// before they are loaded.
type DataKeys struct{ q *db.Queries }

// NewDataKeys returns the keys of the database behind pool.
func NewDataKeys(pool *pgxpool.Pool) *DataKeys { return &DataKeys{q: db.New(pool)} }

// All returns every key, oldest first.
func (k *DataKeys) All(ctx context.Context) ([]DataKey, error) {
	rows, err := k.q.DataKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the column keys: %w", err)
	}
	keys := make([]DataKey, 0, len(rows))
	for _, r := range rows {
		keys = append(keys, DataKey{ID: r.ID, KEKID: r.KekID, Wrapped: r.Wrapped, CreatedAt: r.CreatedAt.UTC()})
	}
	return keys, nil
}

// Save inserts a key and does nothing where its ID is taken.
func (k *DataKeys) Save(ctx context.Context, key DataKey) error {
	err := k.q.SaveDataKey(ctx, db.SaveDataKeyParams{ID: key.ID, KekID: key.KEKID, Wrapped: key.Wrapped, CreatedAt: key.CreatedAt})
	if err != nil {
		return fmt.Errorf("saving a column key: %w", err)
	}
	return nil
}

// Replace stores a key that was wrapped anew.
func (k *DataKeys) Replace(ctx context.Context, key DataKey) error {
	if err := k.q.ReplaceDataKey(ctx, db.ReplaceDataKeyParams{ID: key.ID, KekID: key.KEKID, Wrapped: key.Wrapped}); err != nil {
		return fmt.Errorf("replacing a column key: %w", err)
	}
	return nil
}
