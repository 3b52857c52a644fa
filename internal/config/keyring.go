package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// KeySize is the length of every key, in bytes: AES-256 keys, Ed25519 seeds and HMAC
// keys are all of this size.
const KeySize = 32

// developmentPrefix starts the ID of a key that was made for a developer's machine.
const developmentPrefix = "dev-"

var keyID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Key is a named key. Its ID is public and travels beside what the key protects; its
// bytes are masked like a Secret, and sit behind a pointer to a string for the same
// reason (fmt follows a pointer to an array).
type Key struct {
	ID       string
	material *string
}

// NewKey names a key of KeySize bytes.
func NewKey(id string, material []byte) (Key, error) {
	if !keyID.MatchString(id) {
		return Key{}, errors.New("a key ID is 1 to 64 letters, digits, dots, dashes and underscores")
	}
	if len(material) != KeySize {
		return Key{}, fmt.Errorf("key %q has %d bytes instead of %d", id, len(material), KeySize)
	}
	text := string(material)
	return Key{ID: id, material: &text}, nil
}

// Bytes returns a copy of the key's bytes.
func (k Key) Bytes() []byte {
	if k.material == nil {
		return nil
	}
	return []byte(*k.material)
}

// Development reports whether the key was made for a developer's machine.
func (k Key) Development() bool { return strings.HasPrefix(k.ID, developmentPrefix) }

// String returns the ID and the mask.
func (k Key) String() string { return k.ID + ":" + mask }

// Format masks the key under every verb of fmt.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue masks the key in slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText masks the key in JSON and every other text encoding.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// KeyRing is an ordered set of keys. The first is the active one, which protects what
// is new; the others stay for as long as something they protected is still around.
type KeyRing struct{ keys []Key }

// NewKeyRing makes a ring whose first key is active; the IDs must differ.
func NewKeyRing(keys ...Key) (KeyRing, error) {
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[k.ID] {
			return KeyRing{}, fmt.Errorf("key ID %q appears twice", k.ID)
		}
		seen[k.ID] = true
	}
	return KeyRing{keys: append([]Key(nil), keys...)}, nil
}

// ParseKeyRing reads "id:base64-of-32-bytes,older:…". Errors name the ID and the place
// of a faulty key, never its bytes.
func ParseKeyRing(text string) (KeyRing, error) {
	var keys []Key
	for i, part := range strings.Split(text, ",") {
		id, encoded, found := strings.Cut(strings.TrimSpace(part), ":")
		if !found {
			return KeyRing{}, fmt.Errorf("key %d has no ID: write id:base64, and commas between keys", i+1)
		}
		material, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return KeyRing{}, fmt.Errorf("key %d is not standard base64", i+1)
		}
		k, err := NewKey(id, material)
		if err != nil {
			return KeyRing{}, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, k)
	}
	return NewKeyRing(keys...)
}

// Encode returns the form that ParseKeyRing reads. It reveals the keys.
func (r KeyRing) Encode() string {
	parts := make([]string, len(r.keys))
	for i, k := range r.keys {
		parts[i] = k.ID + ":" + base64.StdEncoding.EncodeToString(k.Bytes())
	}
	return strings.Join(parts, ",")
}

// IsZero reports whether the ring has no key.
func (r KeyRing) IsZero() bool { return len(r.keys) == 0 }

// Active returns the key that protects what is new, or the zero Key of an empty ring.
func (r KeyRing) Active() Key {
	if r.IsZero() {
		return Key{}
	}
	return r.keys[0]
}

// Find returns the key of an ID.
func (r KeyRing) Find(id string) (Key, bool) {
	for _, k := range r.keys {
		if k.ID == id {
			return k, true
		}
	}
	return Key{}, false
}

// Keys returns all keys, the active one first.
func (r KeyRing) Keys() []Key { return append([]Key(nil), r.keys...) }

// String lists the IDs with their keys masked.
func (r KeyRing) String() string {
	parts := make([]string, len(r.keys))
	for i, k := range r.keys {
		parts[i] = k.String()
	}
	return strings.Join(parts, ",")
}

// Format masks the ring under every verb of fmt.
func (r KeyRing) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue masks the ring in slog.
func (r KeyRing) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText masks the ring in JSON and every other text encoding.
func (r KeyRing) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
