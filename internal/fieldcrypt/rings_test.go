package fieldcrypt_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/fieldcrypt"
)

// ringMemory is a RingStore with the guarantees that the interface asks for.
type ringMemory struct{ keys []domain.WrappedKey }

func (m *ringMemory) RingKeys(context.Context) ([]domain.WrappedKey, error) {
	sorted := slices.Clone(m.keys)
	slices.SortFunc(sorted, func(a, b domain.WrappedKey) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return sorted, nil
}

func (m *ringMemory) index(key domain.WrappedKey) int {
	return slices.IndexFunc(m.keys, func(k domain.WrappedKey) bool { return k.Ring == key.Ring && k.ID == key.ID })
}

func (m *ringMemory) SaveRingKey(_ context.Context, key domain.WrappedKey) error {
	if m.index(key) < 0 {
		m.keys = append(m.keys, key)
	}
	return nil
}

func (m *ringMemory) ReplaceRingKey(_ context.Context, key domain.WrappedKey) error {
	m.keys[m.index(key)] = key
	return nil
}

func (m *ringMemory) keep(t *testing.T, keks config.KeyRing, rings map[string]config.KeyRing) {
	t.Helper()
	require.NoError(t, fieldcrypt.Keep(t.Context(), keks, m, rings))
}

// What is kept gives the rings back, the active key first, to who holds the
// key-encryption key, also after that was changed; and is of no use to anybody else.
func TestKeptRingsOpenWithTheKeyEncryptionKeyOnly(t *testing.T) {
	t.Parallel()
	store := &ringMemory{}
	before := map[string]config.KeyRing{domain.RingPayload: ring(t, "payload-2", "payload-1"), domain.RingLink: ring(t, "link-1")}
	store.keep(t, ring(t, "kek-1"), before)
	store.keep(t, ring(t, "kek-1"), before)
	require.Len(t, store.keys, 3)
	for _, k := range store.keys {
		require.NotContains(t, string(k.Wrapped), string(bytes.Repeat([]byte(k.ID[:1]), 8)))
	}
	rotated := map[string]config.KeyRing{domain.RingPayload: ring(t, "Payload-3", "payload-2"), domain.RingLink: before[domain.RingLink]}
	store.keep(t, ring(t, "kek-1"), rotated)

	changed, err := fieldcrypt.RewrapRings(t.Context(), ring(t, "Kek-2", "kek-1"), store)
	require.NoError(t, err)
	require.Equal(t, 4, changed)
	kept, err := store.RingKeys(t.Context())
	require.NoError(t, err)
	_, err = fieldcrypt.OpenRings(ring(t, "kek-1"), kept)
	require.ErrorContains(t, err, `"Kek-2"`)
	opened, err := fieldcrypt.OpenRings(ring(t, "Kek-2"), kept)
	require.NoError(t, err)
	require.Equal(t, ring(t, "Payload-3", "payload-2", "payload-1").Encode(), opened[domain.RingPayload].Encode())
	require.Equal(t, before[domain.RingLink].Encode(), opened[domain.RingLink].Encode())
}

func TestAKeptKeyOpensInItsOwnPlaceOnly(t *testing.T) {
	t.Parallel()
	store := &ringMemory{}
	store.keep(t, ring(t, "kek-1"), map[string]config.KeyRing{domain.RingSigning: ring(t, "s-1"), domain.RingCommand: ring(t, "c-1")})
	store.keys[0].Wrapped, store.keys[1].Wrapped = store.keys[1].Wrapped, store.keys[0].Wrapped
	_, err := fieldcrypt.OpenRings(ring(t, "kek-1"), store.keys)
	require.ErrorContains(t, err, "does not open")
}

func TestAnIDThatNamesAnotherKeyThanBeforeIsReported(t *testing.T) {
	t.Parallel()
	store := &ringMemory{}
	store.keep(t, ring(t, "kek-1"), map[string]config.KeyRing{domain.RingLink: ring(t, "a-1")})
	other, err := config.NewKey("a-1", bytes.Repeat([]byte("z"), config.KeySize))
	require.NoError(t, err)
	changed, err := config.NewKeyRing(other)
	require.NoError(t, err)
	require.ErrorContains(t, fieldcrypt.Keep(t.Context(), ring(t, "kek-1"), store, map[string]config.KeyRing{domain.RingLink: changed}), "another one")
}
