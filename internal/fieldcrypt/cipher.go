package fieldcrypt

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/careflow/careflow/internal/config"
)

// reloadTimeout bounds the look for a data key that another process has made since.
const reloadTimeout = 5 * time.Second

// missPause keeps rows whose data key is gone from turning into a query each: an ID that
// was looked for in vain is not looked for again that soon.
const missPause = 10 * time.Second

// ErrNotLoaded is returned before Load.
var ErrNotLoaded = errors.New("the data keys are not loaded yet")

// ErrUnreadable is returned for a value that does not open: it was altered, belongs to
// another row, or its key is gone.
var ErrUnreadable = errors.New("an encrypted value cannot be read")

// Cipher seals and opens values. It is safe for concurrent use.
type Cipher struct {
	keks  wrapper
	store KeyStore
	now   func() time.Time

	mu     sync.RWMutex
	active string
	data   map[string]tink.AEAD
	missed map[string]time.Time // data key IDs that are not in the store, and since when
}

// New makes a Cipher that is usable after Load. The first key of keks wraps what is new.
func New(keks config.KeyRing, store KeyStore) (*Cipher, error) {
	w, err := newWrapper(keks)
	if err != nil {
		return nil, err
	}
	return &Cipher{keks: w, store: store, now: time.Now, missed: map[string]time.Time{}}, nil
}

// Load fetches the data keys and makes the first one where there is none.
func (c *Cipher) Load(ctx context.Context) error {
	keys, err := c.store.LoadDataKeys(ctx)
	if err != nil {
		return fmt.Errorf("load data keys: %w", err)
	}
	if len(keys) == 0 {
		if err := c.saveNew(ctx, 1); err != nil {
			return err
		}
		// Another process may have been first: what counts is what the store has.
		if keys, err = c.store.LoadDataKeys(ctx); err != nil {
			return fmt.Errorf("load data keys: %w", err)
		}
	}
	return c.use(keys)
}

// Seal encrypts plaintext for the place that aad names (see AAD) and returns the ID of
// the data key, to be stored beside it.
func (c *Cipher) Seal(plaintext []byte, aad string) (ciphertext []byte, keyID string, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	key, found := c.data[c.active]
	if !found {
		return nil, "", ErrNotLoaded
	}
	ciphertext, err = key.Encrypt(plaintext, []byte(aad))
	if err != nil {
		return nil, "", fmt.Errorf("seal: %w", err)
	}
	return ciphertext, c.active, nil
}

// Open decrypts what Seal made for the same aad. A key ID that is not known yet is
// looked for in the store once. Errors wrap ErrUnreadable and name no content.
func (c *Cipher) Open(ciphertext []byte, keyID, aad string) ([]byte, error) {
	key, err := c.dataKey(keyID)
	if err != nil {
		return nil, err
	}
	plaintext, err := key.Decrypt(ciphertext, []byte(aad))
	if err != nil {
		return nil, fmt.Errorf("%w: data key %s does not open it here", ErrUnreadable, keyID)
	}
	return plaintext, nil
}

func (c *Cipher) dataKey(id string) (tink.AEAD, error) {
	key, lookAgain := c.known(id)
	if key != nil {
		return key, nil
	}
	if lookAgain {
		ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
		defer cancel()
		if err := c.Load(ctx); err != nil {
			return nil, err
		}
		if key, _ = c.known(id); key != nil {
			return key, nil
		}
		c.miss(id)
	}
	return nil, fmt.Errorf("%w: there is no data key %q", ErrUnreadable, id)
}

// known returns the key of an ID, or whether it is time to look for it in the store.
func (c *Cipher) known(id string) (key tink.AEAD, lookAgain bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.data[id], c.now().Sub(c.missed[id]) > missPause
}

func (c *Cipher) miss(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed[id] = c.now()
}

// use unwraps keys and makes the one with the highest number active.
func (c *Cipher) use(keys []WrappedKey) error {
	data := map[string]tink.AEAD{}
	newest := 0
	for _, key := range keys {
		number, err := strconv.Atoi(key.ID)
		if err != nil || number < 1 {
			return fmt.Errorf("the data key ID %q is not a number from 1", key.ID)
		}
		handle, err := c.keks.unwrap(key)
		if err != nil {
			return err
		}
		primitive, err := aead.New(handle)
		if err != nil {
			return fmt.Errorf("data key %s: %w", key.ID, err)
		}
		data[key.ID] = primitive
		newest = max(newest, number)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data, c.active = data, strconv.Itoa(newest)
	return nil
}

func (c *Cipher) saveNew(ctx context.Context, number int) error {
	handle, err := newDataKey()
	if err != nil {
		return err
	}
	id := strconv.Itoa(number)
	wrapped, kekID, err := c.keks.wrap(handle, id)
	if err != nil {
		return err
	}
	key := WrappedKey{ID: id, KEKID: kekID, Wrapped: wrapped, CreatedAt: c.now().UTC()}
	if err := c.store.SaveDataKey(ctx, key); err != nil {
		return fmt.Errorf("save data key %s: %w", id, err)
	}
	return nil
}

// AAD names a value's place: it opens there and nowhere else. A row that is copied to
// another table is therefore sealed anew.
func AAD(table, column, rowID string) string { return table + "/" + column + "/" + rowID }
