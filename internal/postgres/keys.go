package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/careflow/careflow/internal/domain"
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

// RingKeys returns the wrapped keys of rings, each ring's newest first.
func (k *DataKeys) RingKeys(ctx context.Context) ([]domain.WrappedKey, error) {
	rows, err := k.q.RingKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of rings: %w", err)
	}
	keys := make([]domain.WrappedKey, 0, len(rows))
	for _, r := range rows {
		keys = append(keys, domain.WrappedKey{Ring: r.Ring, ID: r.ID, KEKID: r.KekID, Wrapped: r.Wrapped, CreatedAt: r.CreatedAt.UTC()})
	}
	return keys, nil
}

// SaveRingKey inserts a key and does nothing where its ring has one of that ID.
func (k *DataKeys) SaveRingKey(ctx context.Context, key domain.WrappedKey) error {
	err := k.q.SaveRingKey(ctx, db.SaveRingKeyParams{Ring: key.Ring, ID: key.ID, KekID: key.KEKID, Wrapped: key.Wrapped, CreatedAt: key.CreatedAt})
	if err != nil {
		return fmt.Errorf("saving a %s key: %w", key.Ring, err)
	}
	return nil
}

// ReplaceRingKey stores a key that was wrapped anew.
func (k *DataKeys) ReplaceRingKey(ctx context.Context, key domain.WrappedKey) error {
	if err := k.q.ReplaceRingKey(ctx, db.ReplaceRingKeyParams{Ring: key.Ring, ID: key.ID, KekID: key.KEKID, Wrapped: key.Wrapped}); err != nil {
		return fmt.Errorf("replacing a %s key: %w", key.Ring, err)
	}
	return nil
}

// Wrapped returns every key that the database keeps, those of columns too, as backups
// hold them. CodeForbidden where the role may not read them.
func (k *DataKeys) Wrapped(ctx context.Context) ([]domain.WrappedKey, error) {
	columns, err := k.All(ctx)
	if err != nil {
		return nil, mayNotRead(err)
	}
	keys, err := k.RingKeys(ctx)
	if err != nil {
		return nil, mayNotRead(err)
	}
	for _, c := range columns {
		keys = append(keys, domain.WrappedKey{Ring: domain.RingColumn, ID: c.ID, KEKID: c.KEKID, Wrapped: c.Wrapped, CreatedAt: c.CreatedAt})
	}
	return keys, nil
}

func mayNotRead(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == insufficientPrivilege {
		return domain.Errorf(domain.CodeForbidden, "the role of CAREFLOW_DATABASE_URL may not read the wrapped keys: grant it select on data_keys and ring_keys").Because(err)
	}
	return err
}

// insufficientPrivilege is an SQLSTATE.
const insufficientPrivilege = "42501"
