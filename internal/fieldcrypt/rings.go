package fieldcrypt

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
)

// RingStore keeps the keys of other rings, wrapped like data keys: a backup of the
// database then holds all that is needed to read it and its processes, but for the
// key-encryption key.
type RingStore interface {
	// RingKeys returns all of them, each ring's newest first.
	RingKeys(ctx context.Context) ([]domain.WrappedKey, error)
	// SaveRingKey inserts a key and does nothing where its ring has one of that ID.
	SaveRingKey(ctx context.Context, key domain.WrappedKey) error
	// ReplaceRingKey overwrites KEKID and Wrapped.
	ReplaceRingKey(ctx context.Context, key domain.WrappedKey) error
}

// Keep stores the keys of rings, by their names, that are not stored yet. Keys that have
// left a ring stay: what they protected may be restored. It reports a stored key that is
// another one of the same ID; what that protected cannot be read with the ring's.
func Keep(ctx context.Context, keks config.KeyRing, store RingStore, rings map[string]config.KeyRing) error {
	w, err := newWrapper(keks)
	if err != nil {
		return err
	}
	stored, err := store.RingKeys(ctx)
	if err != nil {
		return err
	}
	known := map[[2]string]domain.WrappedKey{}
	for _, k := range stored {
		known[[2]string{k.Ring, k.ID}] = k
	}
	at := time.Now().UTC()
	for name, ring := range rings {
		for i, key := range ring.Keys() {
			if there, ok := known[[2]string{name, key.ID}]; ok {
				if plain, err := w.open(there); err == nil && !bytes.Equal(plain, key.Bytes()) {
					return fmt.Errorf("the %s key %q is another one than the key of that ID before: give it an ID of its own", name, key.ID)
				}
				continue
			}
			// The first of a ring is the active one, and stays so.
			k := domain.WrappedKey{Ring: name, ID: key.ID, KEKID: w.active, CreatedAt: at.Add(-time.Duration(i) * time.Millisecond)}
			if k.Wrapped, err = w.keks[w.active].Encrypt(key.Bytes(), ringBinding(k)); err != nil {
				return fmt.Errorf("wrap the %s key %s: %w", name, key.ID, err)
			}
			if err := store.SaveRingKey(ctx, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// RewrapRings wraps every stored key of a ring with the first key-encryption key and
// returns how many changed.
func RewrapRings(ctx context.Context, keks config.KeyRing, store RingStore) (changed int, err error) {
	w, err := newWrapper(keks)
	if err != nil {
		return 0, err
	}
	stored, err := store.RingKeys(ctx)
	if err != nil {
		return 0, err
	}
	for _, k := range stored {
		if k.KEKID == w.active {
			continue
		}
		plain, err := w.open(k)
		if err != nil {
			return changed, err
		}
		k.KEKID = w.active
		if k.Wrapped, err = w.keks[w.active].Encrypt(plain, ringBinding(k)); err != nil {
			return changed, fmt.Errorf("wrap the %s key %s: %w", k.Ring, k.ID, err)
		}
		if err := store.ReplaceRingKey(ctx, k); err != nil {
			return changed, err
		}
		changed++
	}
	return changed, nil
}

// OpenRings unwraps the keys that a backup holds, as rings by their names. Data keys of
// columns stay wrapped: the database uses them so. It only makes sure that they open.
func OpenRings(keks config.KeyRing, keys []domain.WrappedKey) (map[string]config.KeyRing, error) {
	w, err := newWrapper(keks)
	if err != nil {
		return nil, err
	}
	found := map[string][]config.Key{}
	for _, k := range keys {
		if k.Ring == domain.RingColumn {
			if _, err := w.unwrap(WrappedKey{ID: k.ID, KEKID: k.KEKID, Wrapped: k.Wrapped}); err != nil {
				return nil, err
			}
			continue
		}
		plain, err := w.open(k)
		if err != nil {
			return nil, err
		}
		key, err := config.NewKey(k.ID, plain)
		if err != nil {
			return nil, err
		}
		found[k.Ring] = append(found[k.Ring], key)
	}
	rings := map[string]config.KeyRing{}
	for name, keys := range found {
		if rings[name], err = config.NewKeyRing(keys...); err != nil {
			return nil, fmt.Errorf("the %s keys: %w", name, err)
		}
	}
	return rings, nil
}

func (w wrapper) open(k domain.WrappedKey) ([]byte, error) {
	kek, found := w.keks[k.KEKID]
	if !found {
		return nil, fmt.Errorf("the %s key %s is wrapped by %q, which is not in CAREFLOW_COLUMN_KEYS: add it after the first key", k.Ring, k.ID, k.KEKID)
	}
	plain, err := kek.Decrypt(k.Wrapped, ringBinding(k))
	if err != nil {
		return nil, fmt.Errorf("the %s key %s does not open with the column key %q: it was altered, or the key is another one of that name", k.Ring, k.ID, k.KEKID)
	}
	return plain, nil
}

// ringBinding keeps a wrapped key from passing for another ring's or another ID's.
func ringBinding(k domain.WrappedKey) []byte {
	return []byte("careflow " + k.Ring + " key " + k.ID)
}
