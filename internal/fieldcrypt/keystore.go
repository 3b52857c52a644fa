package fieldcrypt

import (
	"context"
	"time"
)

// WrappedKey is a data key as the database keeps it: useless without the
// key-encryption key that is named beside it.
type WrappedKey struct {
	// ID is the data key's number, "1", "2", …; the highest seals what is new. Rows keep
	// the ID of the key that sealed them.
	ID string
	// KEKID is the ID of the key-encryption key.
	KEKID string
	// Wrapped is the encrypted Tink keyset.
	Wrapped []byte
	// CreatedAt is in UTC.
	CreatedAt time.Time
}

// KeyStore keeps wrapped data keys.
type KeyStore interface {
	// LoadDataKeys returns all data keys, in any order; none is no error.
	LoadDataKeys(ctx context.Context) ([]WrappedKey, error)
	// SaveDataKey inserts a key and does nothing where its ID is taken: of processes that
	// start for the first time together one wins, and all load what it saved.
	SaveDataKey(ctx context.Context, key WrappedKey) error
	// ReplaceDataKey overwrites KEKID and Wrapped of the key with the same ID.
	ReplaceDataKey(ctx context.Context, key WrappedKey) error
}
