package fieldcrypt_test

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/fieldcrypt"
)

// memory is a KeyStore with the guarantees that the interface asks for.
type memory struct {
	mu    sync.Mutex
	keys  map[string]fieldcrypt.WrappedKey
	loads int
}

func (m *memory) LoadDataKeys(context.Context) ([]fieldcrypt.WrappedKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads++
	var all []fieldcrypt.WrappedKey
	for _, k := range m.keys {
		all = append(all, k)
	}
	return all, nil
}

func (m *memory) SaveDataKey(_ context.Context, key fieldcrypt.WrappedKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys == nil {
		m.keys = map[string]fieldcrypt.WrappedKey{}
	}
	if _, taken := m.keys[key.ID]; !taken {
		m.keys[key.ID] = key
	}
	return nil
}

func (m *memory) ReplaceDataKey(_ context.Context, key fieldcrypt.WrappedKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys[key.ID] = key
	return nil
}

func ring(t *testing.T, ids ...string) config.KeyRing {
	t.Helper()
	var keys []config.Key
	for _, id := range ids {
		k, err := config.NewKey(id, bytes.Repeat([]byte(id[:1]), config.KeySize))
		require.NoError(t, err)
		keys = append(keys, k)
	}
	r, err := config.NewKeyRing(keys...)
	require.NoError(t, err)
	return r
}

func unloaded(t *testing.T, store *memory, keks ...string) *fieldcrypt.Cipher {
	t.Helper()
	c, err := fieldcrypt.New(ring(t, keks...), store)
	require.NoError(t, err)
	return c
}

func loaded(t *testing.T, store *memory, keks ...string) *fieldcrypt.Cipher {
	t.Helper()
	c := unloaded(t, store, keks...)
	require.NoError(t, c.Load(t.Context()))
	return c
}

var here = fieldcrypt.AAD("appointments", "reason", "018f")

func TestOpenReturnsWhatSealWasGiven(t *testing.T) {
	c := loaded(t, &memory{}, "a")
	rapid.Check(t, func(rt *rapid.T) {
		plain, aad := rapid.SliceOf(rapid.Byte()).Draw(rt, "plain"), rapid.String().Draw(rt, "aad")
		sealed, keyID, err := c.Seal(plain, aad)
		if err != nil {
			rt.Fatal(err)
		}
		opened, err := c.Open(sealed, keyID, aad)
		if err != nil || !bytes.Equal(plain, opened) {
			rt.Fatalf("opened %v, %v", opened, err)
		}
	})
}

func TestAValueOpensInItsOwnPlaceOnly(t *testing.T) {
	c := loaded(t, &memory{}, "a")
	sealed, keyID, err := c.Seal([]byte("aching knee"), here)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "knee")

	for _, elsewhere := range []string{
		fieldcrypt.AAD("appointments", "reason", "018e"), fieldcrypt.AAD("appointments", "notes", "018f"), fieldcrypt.AAD("archived_appointments", "reason", "018f"), "",
	} {
		_, err := c.Open(sealed, keyID, elsewhere)
		require.ErrorIs(t, err, fieldcrypt.ErrUnreadable)
	}
	altered := slices.Clone(sealed)
	altered[len(altered)-1] ^= 1
	_, err = c.Open(altered, keyID, here)
	require.ErrorIs(t, err, fieldcrypt.ErrUnreadable)
}

func TestFirstStartsTogetherAgreeOnOneKey(t *testing.T) {
	store := &memory{}
	ciphers := make([]*fieldcrypt.Cipher, 8)
	var group sync.WaitGroup
	for i := range ciphers {
		ciphers[i] = unloaded(t, store, "a")
		group.Go(func() { _ = ciphers[i].Load(t.Context()) })
	}
	group.Wait()
	require.Len(t, store.keys, 1)
	sealed, keyID, err := ciphers[0].Seal([]byte("x"), here)
	require.NoError(t, err)
	for _, c := range ciphers {
		opened, err := c.Open(sealed, keyID, here)
		require.NoError(t, err)
		require.Equal(t, "x", string(opened))
	}
}

func TestRewrapRetiresAKeyEncryptionKey(t *testing.T) {
	store := &memory{}
	sealed, keyID, err := loaded(t, store, "a").Seal([]byte("x"), here)
	require.NoError(t, err)

	require.ErrorContains(t, unloaded(t, store, "b").Load(t.Context()), `wrapped by "a"`)

	changed, err := unloaded(t, store, "b", "a").Rewrap(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, changed)
	changed, err = unloaded(t, store, "b", "a").Rewrap(t.Context())
	require.NoError(t, err)
	require.Zero(t, changed)

	opened, err := loaded(t, store, "b").Open(sealed, keyID, here)
	require.NoError(t, err)
	require.Equal(t, "x", string(opened))
}

func TestRotateSealsWithANewKeyAndOthersFollow(t *testing.T) {
	store := &memory{}
	running := loaded(t, store, "a")
	old, oldID, err := running.Seal([]byte("old"), here)
	require.NoError(t, err)

	rotating := loaded(t, store, "a")
	id, err := rotating.Rotate(t.Context())
	require.NoError(t, err)
	require.Equal(t, "2", id)
	fresh, freshID, err := rotating.Seal([]byte("new"), here)
	require.NoError(t, err)
	require.Equal(t, id, freshID)
	opened, err := rotating.Open(old, oldID, here)
	require.NoError(t, err)
	require.Equal(t, "old", string(opened))

	for _, reader := range []*fieldcrypt.Cipher{running, loaded(t, store, "a")} {
		opened, err = reader.Open(fresh, freshID, here)
		require.NoError(t, err)
		require.Equal(t, "new", string(opened))
	}
}

func TestAnUnknownKeyIDDoesNotFloodTheStore(t *testing.T) {
	store := &memory{}
	c := loaded(t, store, "a")
	before := store.loads
	for range 100 {
		_, err := c.Open([]byte("x"), "99", here)
		require.ErrorIs(t, err, fieldcrypt.ErrUnreadable)
	}
	require.LessOrEqual(t, store.loads-before, 1)
}

func TestSwappedKeyRowsAreNoticed(t *testing.T) {
	store := &memory{}
	c := loaded(t, store, "a")
	_, err := c.Rotate(t.Context())
	require.NoError(t, err)
	one, two := store.keys["1"], store.keys["2"]
	one.Wrapped, two.Wrapped = two.Wrapped, one.Wrapped
	store.keys["1"], store.keys["2"] = one, two
	require.Error(t, unloaded(t, store, "a").Load(t.Context()))
}

func TestNothingIsSealedBeforeLoad(t *testing.T) {
	_, _, err := unloaded(t, &memory{}, "a").Seal([]byte("x"), here)
	require.ErrorIs(t, err, fieldcrypt.ErrNotLoaded)
}
