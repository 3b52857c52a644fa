package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func TestKeysTemporalMakesTokensThatItsPublicHalvesProve(t *testing.T) {
	folder := t.TempDir()
	var authorities []string
	for _, name := range []string{"old.pem", "new.pem"} {
		made := careflow(t.Context(), nil, "keys", "temporal", "authority")
		require.Zero(t, made.code, made.errors)
		authorities = append(authorities, filepath.Join(folder, name))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(made.out), 0o600))
	}
	public := careflow(t.Context(), nil, append([]string{"keys", "temporal", "public"}, authorities...)...)
	require.Zero(t, public.code, public.errors)
	var set struct {
		Keys []struct{ KID, X, Y string }
	}
	require.NoError(t, json.Unmarshal([]byte(public.out), &set))
	keys := map[any]*ecdsa.PublicKey{}
	for _, k := range set.Keys {
		keys[k.KID] = publicHalf(t, k.X, k.Y)
	}
	require.Len(t, keys, 2, "one while the other takes its place")

	for holder, want := range map[string][]any{
		"worker": {"clinic:write"}, "temporal-setup": {"clinic:admin"}, "ui": {"clinic:read", "temporal-system:read"},
	} {
		made := careflow(t.Context(), nil, "keys", "temporal", "token", holder, "--authority", authorities[1], "--namespace", "clinic", "--days", "7")
		require.Zero(t, made.code, made.errors)
		claims := jwt.MapClaims{}
		_, err := jwt.ParseWithClaims(strings.TrimSpace(made.out), claims, func(token *jwt.Token) (any, error) { return keys[token.Header["kid"]], nil })
		require.NoError(t, err)
		require.Equal(t, holder, claims["sub"])
		require.Equal(t, want, claims["permissions"], holder)
		expires, err := claims.GetExpirationTime()
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().AddDate(0, 0, 7), expires.Time, time.Hour)
	}
}

func publicHalf(t *testing.T, x, y string) *ecdsa.PublicKey {
	t.Helper()
	point := []byte{4} // not compressed
	for _, text := range []string{x, y} {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		require.NoError(t, err)
		point = append(point, raw...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	require.NoError(t, err)
	return key
}

func TestKeysTemporalRefusesWhatMakesNoToken(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.pem")
	require.NoError(t, os.WriteFile(other, []byte("very-secret"), 0o600))
	for want, args := range map[string][]string{
		"token takes one of agent, api": {"nobody", "--authority", other},
		"--days is 0":                   {"api", "--authority", other, "--days", "0"},
		"no namespace of a clinic":      {"api", "--authority", other, "--namespace", "temporal-system"},
		"authority":                     {"api"},
		"holds no authority":            {"api", "--authority", other},
	} {
		refused := careflow(t.Context(), nil, append([]string{"keys", "temporal", "token"}, args...)...)
		require.NotZero(t, refused.code, want)
		require.Contains(t, refused.errors, want)
		require.NotContains(t, refused.errors, "very-secret")
	}
}
