package auth

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// No text but one that we signed is a log-in, and every other gets the same answer.
func FuzzVerify(f *testing.F) {
	ring, err := NewTokens(Config{Keys: []Key{key("k1", 'a')}, Clock: func() time.Time { return noon }})
	require.NoError(f, err)
	good, err := ring.Issue(domain.Account{ID: "u1", Roles: []domain.Role{domain.RoleAdmin}}, "s1")
	require.NoError(f, err)
	for _, seed := range []string{
		good.Text, good.Text[:len(good.Text)-1], good.Text + "=", "", "..", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.e30.AAAA",
		"eyJhbGciOiJFZERTQSIsImtpZCI6bnVsbH0.e30.AAAA", "\xff.\x00.\xfe",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		caller, err := ring.Verify(text)
		if err == nil {
			require.Equal(t, good.Text, text)
			require.Equal(t, "u1", caller.UserID)
			return
		}
		require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
		require.Empty(t, caller)
	})
}

// A refresh token has one spelling: another one would be another hash.
func FuzzParseRefreshToken(f *testing.F) {
	for _, seed := range []string{NewRefreshToken().Text(), "", "cfr_", "cfr_AAAA", "CFR_x", "cfr_" + string(bytes.Repeat([]byte("A"), 43)), "cfr_" + string(bytes.Repeat([]byte("A"), 42)) + "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if token, ok := ParseRefreshToken(text); ok {
			require.Equal(t, text, token.Text())
			require.Len(t, token.Hash(), 32)
		}
	})
}
