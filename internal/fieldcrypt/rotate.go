package fieldcrypt

import (
	"context"
	"fmt"
	"strconv"
)

// Rewrap wraps every data key with the first key-encryption key and returns how many
// changed. Afterwards the older key-encryption keys can go. No row is touched; running
// processes hold the data keys already and notice nothing.
func (c *Cipher) Rewrap(ctx context.Context) (changed int, err error) {
	keys, err := c.store.LoadDataKeys(ctx)
	if err != nil {
		return 0, fmt.Errorf("load data keys: %w", err)
	}
	for _, key := range keys {
		if key.KEKID == c.keks.active {
			continue
		}
		handle, err := c.keks.unwrap(key)
		if err != nil {
			return changed, err
		}
		if key.Wrapped, key.KEKID, err = c.keks.wrap(handle, key.ID); err != nil {
			return changed, err
		}
		if err := c.store.ReplaceDataKey(ctx, key); err != nil {
			return changed, fmt.Errorf("replace data key %s: %w", key.ID, err)
		}
		changed++
	}
	return changed, nil
}

// Rotate makes a new data key, which this process uses at once and others from their next
// start on; they can read what it sealed all the same. Rows sealed before keep their key.
func (c *Cipher) Rotate(ctx context.Context) (keyID string, err error) {
	if err := c.Load(ctx); err != nil {
		return "", err
	}
	c.mu.RLock()
	newest := c.active
	c.mu.RUnlock()
	number, err := strconv.Atoi(newest)
	if err != nil {
		return "", fmt.Errorf("the data key ID %q is not a number", newest)
	}
	if err := c.saveNew(ctx, number+1); err != nil {
		return "", err
	}
	return strconv.Itoa(number + 1), c.Load(ctx)
}
