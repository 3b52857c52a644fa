package auth

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
)

// Key is a signing key of the ring: an Ed25519 seed of 32 bytes. ID becomes the
// token's kid.
type Key struct {
	ID   string
	Seed []byte
}

// String names the key without its seed.
func (k Key) String() string { return k.ID + ":***" }

// Format keeps the seed out of every verb of fmt.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue keeps the seed out of logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

func (k Key) private() (ed25519.PrivateKey, error) {
	if k.ID == "" {
		return nil, fmt.Errorf("a signing key has an ID")
	}
	if len(k.Seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("signing key %q: a seed has %d bytes, this one has %d", k.ID, ed25519.SeedSize, len(k.Seed))
	}
	return ed25519.NewKeyFromSeed(k.Seed), nil
}
