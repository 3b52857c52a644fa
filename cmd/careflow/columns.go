package main

import (
	"context"

	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/fieldcrypt"
	"github.com/careflow/careflow/internal/postgres"
)

// clinic provides the store with its encrypted columns.
var clinic = fx.Options(
	databasePool,
	fieldcrypt.Module,
	postgres.Module,
	fx.Provide(
		func(keys *postgres.DataKeys) fieldcrypt.KeyStore { return keyStore{keys} },
		func(cipher *fieldcrypt.Cipher) postgres.Cipher { return cipher },
	),
)

// keyStore stands between two adapters that do not know each other: the cipher's keys are
// rows of the clinic's database.
type keyStore struct{ rows *postgres.DataKeys }

func (k keyStore) LoadDataKeys(ctx context.Context) ([]fieldcrypt.WrappedKey, error) {
	rows, err := k.rows.All(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]fieldcrypt.WrappedKey, len(rows))
	for i, r := range rows {
		keys[i] = fieldcrypt.WrappedKey(r)
	}
	return keys, nil
}

func (k keyStore) SaveDataKey(ctx context.Context, key fieldcrypt.WrappedKey) error {
	return k.rows.Save(ctx, postgres.DataKey(key))
}

func (k keyStore) ReplaceDataKey(ctx context.Context, key fieldcrypt.WrappedKey) error {
	return k.rows.Replace(ctx, postgres.DataKey(key))
}
