package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A key ring is read whole or refused, and its errors name no key.
func FuzzParseKeyRing(f *testing.F) {
	for _, seed := range []string{
		"dev-test:dGVzdC1rZXktb2YtdGhlLXRlc3RzLTMyLWJ5dGVzISE=", "a:AAAA,b:", ":", "", ",", "dev-a:dGVzdC1rZXktb2YtdGhlLXRlc3RzLTMyLWJ5dGVzISE=,dev-a:dGVzdC1rZXktb2YtdGhlLXRlc3RzLTMyLWJ5dGVzISE=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ring, err := ParseKeyRing(text)
		if err != nil {
			require.True(t, ring.IsZero())
			return
		}
		again, err := ParseKeyRing(ring.Encode())
		require.NoError(t, err)
		require.Equal(t, ring.Encode(), again.Encode())
	})
}
