package fieldcrypt

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/careflow/careflow/internal/config"
)

// wrapper wraps and unwraps data keys with a ring of key-encryption keys.
type wrapper struct {
	active string
	keks   map[string]tink.AEAD
}

func newWrapper(ring config.KeyRing) (wrapper, error) {
	if ring.IsZero() {
		return wrapper{}, errors.New("column encryption has no key: set CAREFLOW_COLUMN_KEYS")
	}
	w := wrapper{active: ring.Active().ID, keks: map[string]tink.AEAD{}}
	for _, key := range ring.Keys() {
		kek, err := subtle.NewAESGCM(key.Bytes())
		if err != nil {
			return wrapper{}, fmt.Errorf("column key %s: %w", key.ID, err)
		}
		w.keks[key.ID] = kek
	}
	return w, nil
}

// wrap encrypts a keyset under the active key, bound to the data key's ID, so that
// swapping two rows of the key table is noticed.
func (w wrapper) wrap(handle *keyset.Handle, id string) (wrapped []byte, kekID string, err error) {
	var out bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&out), w.keks[w.active], wrapBinding(id)); err != nil {
		return nil, "", fmt.Errorf("wrap data key %s: %w", id, err)
	}
	return out.Bytes(), w.active, nil
}

func (w wrapper) unwrap(key WrappedKey) (*keyset.Handle, error) {
	kek, found := w.keks[key.KEKID]
	if !found {
		return nil, fmt.Errorf("data key %s is wrapped by %q, which is not in CAREFLOW_COLUMN_KEYS: add it after the first key, then run `careflow keys rewrap`",
			key.ID, key.KEKID)
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(key.Wrapped)), kek, wrapBinding(key.ID))
	if err != nil {
		return nil, fmt.Errorf("data key %s does not open with the column key %q: it was altered, or the key is another one of that name",
			key.ID, key.KEKID)
	}
	return handle, nil
}

func wrapBinding(id string) []byte { return []byte("careflow data key " + id) }

func newDataKey() (*keyset.Handle, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate a data key: %w", err)
	}
	return handle, nil
}
