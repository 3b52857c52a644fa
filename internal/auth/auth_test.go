package auth

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func key(id string, fill byte) Key {
	return Key{ID: id, Seed: []byte(strings.Repeat(string(rune(fill)), ed25519.SeedSize))}
}

func tokens(t *testing.T, now *time.Time, keys ...Key) *Tokens {
	t.Helper()
	tokens, err := NewTokens(Config{Keys: keys, Clock: func() time.Time { return *now }})
	require.NoError(t, err)
	return tokens
}

func TestATokenCarriesItsCaller(t *testing.T) {
	now := noon
	ring := tokens(t, &now, key("k1", 'a'))
	token, err := ring.Issue(domain.Account{ID: "u1", Roles: []domain.Role{domain.RoleDoctor}, DoctorID: "d1", Name: "Grace"}, "s1")
	require.NoError(t, err)
	require.Equal(t, noon.Add(15*time.Minute), token.ExpiresAt)

	caller, err := ring.Verify(token.Text)
	require.NoError(t, err)
	require.Equal(t, domain.Caller{UserID: "u1", Roles: []domain.Role{domain.RoleDoctor}, DoctorID: "d1", SessionID: "s1"}, caller)
	require.NotContains(t, fmt.Sprintf("%v %+v %s", token, token, token), token.Text)
}

func TestATokenIsOverAfterAQuarterOfAnHour(t *testing.T) {
	now := noon
	ring := tokens(t, &now, key("k1", 'a'))
	token, err := ring.Issue(domain.Account{ID: "u1"}, "s1")
	require.NoError(t, err)
	now = noon.Add(15*time.Minute + leeway + time.Second)
	_, err = ring.Verify(token.Text)
	require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
}

func TestOlderKeysOfTheRingStillVerify(t *testing.T) {
	now := noon
	old, err := tokens(t, &now, key("k1", 'a')).Issue(domain.Account{ID: "u1"}, "s1")
	require.NoError(t, err)
	_, err = tokens(t, &now, key("k2", 'b'), key("k1", 'a')).Verify(old.Text)
	require.NoError(t, err)
}

func TestTokensThatAreRefused(t *testing.T) {
	now := noon
	ring := tokens(t, &now, key("k1", 'a'))
	private := ed25519.NewKeyFromSeed(key("k1", 'a').Seed)
	good := func() claims {
		return claims{RegisteredClaims: jwt.RegisteredClaims{
			Issuer: DefaultIssuer, Subject: "u1", Audience: jwt.ClaimStrings{DefaultAudience},
			IssuedAt: jwt.NewNumericDate(noon), ExpiresAt: jwt.NewNumericDate(noon.Add(time.Minute)),
		}, Roles: []domain.Role{domain.RoleStaff}, SessionID: "s1"}
	}
	sign := func(method jwt.SigningMethod, kid any, key any, change func(*claims)) string {
		c := good()
		if change != nil {
			change(&c)
		}
		token := jwt.NewWithClaims(method, c)
		if kid != nil {
			token.Header["kid"] = kid
		}
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
	accepted := sign(jwt.SigningMethodEdDSA, "k1", private, nil)
	_, err := ring.Verify(accepted)
	require.NoError(t, err, "the test's own token is good")

	for name, text := range map[string]string{
		"nothing":         "",
		"not a token":     "abc",
		"alg none":        sign(jwt.SigningMethodNone, "k1", jwt.UnsafeAllowNoneSignatureType, nil),
		"alg HS256":       sign(jwt.SigningMethodHS256, "k1", []byte(private.Public().(ed25519.PublicKey)), nil),
		"no kid":          sign(jwt.SigningMethodEdDSA, nil, private, nil),
		"unknown kid":     sign(jwt.SigningMethodEdDSA, "k9", private, nil),
		"kid of a number": sign(jwt.SigningMethodEdDSA, 1, private, nil),
		"another key":     sign(jwt.SigningMethodEdDSA, "k1", ed25519.NewKeyFromSeed(key("k1", 'z').Seed), nil),
		"other issuer":    sign(jwt.SigningMethodEdDSA, "k1", private, func(c *claims) { c.Issuer = "x" }),
		"other audience":  sign(jwt.SigningMethodEdDSA, "k1", private, func(c *claims) { c.Audience = jwt.ClaimStrings{"x"} }),
		"no expiry":       sign(jwt.SigningMethodEdDSA, "k1", private, func(c *claims) { c.ExpiresAt = nil }),
		"expired":         sign(jwt.SigningMethodEdDSA, "k1", private, func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(noon.Add(-time.Minute)) }),
		"of the future":   sign(jwt.SigningMethodEdDSA, "k1", private, func(c *claims) { c.IssuedAt = jwt.NewNumericDate(noon.Add(time.Minute)) }),
		"no subject":      sign(jwt.SigningMethodEdDSA, "k1", private, func(c *claims) { c.Subject = "" }),
		"no session":      sign(jwt.SigningMethodEdDSA, "k1", private, func(c *claims) { c.SessionID = "" }),
		"changed":         accepted[:len(accepted)-4] + "AAAA",
	} {
		t.Run(name, func(t *testing.T) {
			caller, err := ring.Verify(text)
			require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
			require.Zero(t, caller)
		})
	}
}

func TestARoleThatIsNotKnownGrantsNothing(t *testing.T) {
	now := noon
	ring := tokens(t, &now, key("k1", 'a'))
	token, err := ring.Issue(domain.Account{ID: "u1", Roles: []domain.Role{"root", domain.RolePatient}}, "s1")
	require.NoError(t, err)
	caller, err := ring.Verify(token.Text)
	require.NoError(t, err)
	require.Equal(t, []domain.Role{domain.RolePatient}, caller.Roles)
}

func TestAKeyRingIsChecked(t *testing.T) {
	for name, keys := range map[string][]Key{
		"empty":      nil,
		"short seed": {{ID: "k", Seed: []byte("short")}},
		"no ID":      {key("", 'a')},
		"twice":      {key("k", 'a'), key("k", 'b')},
	} {
		_, err := NewTokens(Config{Keys: keys})
		require.Error(t, err, name)
	}
}

func TestAKeyNeverPrintsItsSeed(t *testing.T) {
	k := key("k1", 'a')
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", []Key{k}), k.LogValue().String()} {
		require.Contains(t, text, "k1")
		require.NotContains(t, text, "aaaa")
		require.NotContains(t, text, "97")
	}
}

func TestPasswords(t *testing.T) {
	passwords, err := NewPasswords(Config{})
	require.NoError(t, err)
	hash, err := HashPassword("correct horse")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"))

	for _, c := range []struct {
		password, hash string
		match          bool
	}{
		{"correct horse", hash, true},
		{"wrong horse", hash, false},
		{"", hash, false},
		{"correct horse", "", false},
		{"correct horse", "plain text", false},
		{"no account has this password: it is not stored", "", false},
	} {
		match, err := passwords.Check(context.Background(), c.password, c.hash)
		require.NoError(t, err)
		require.Equal(t, c.match, match, c.password)
	}
}

func TestTooManyPasswordsAtOnceAreTurnedAway(t *testing.T) {
	passwords, err := NewPasswords(Config{PasswordParallel: 1})
	require.NoError(t, err)
	passwords.wait = time.Millisecond
	passwords.turns <- struct{}{} // someone's turn, for ever

	_, err = passwords.Check(context.Background(), "p", "")
	require.Equal(t, domain.CodeTooMany, domain.CodeOf(err))

	passwords.wait = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = passwords.Check(ctx, "p", "")
	require.ErrorIs(t, err, context.Canceled)
}

func TestAPasswordToHandOver(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		password := NewPassword()
		require.Regexp(t, `^([2-9a-hj-km-np-z]{5}-){3}[2-9a-hj-km-np-z]{5}$`, password)
		require.False(t, seen[password])
		seen[password] = true
	}
	passwords, err := NewPasswords(Config{})
	require.NoError(t, err)
	hash, err := passwords.Hash(t.Context(), "a new one")
	require.NoError(t, err)
	match, err := passwords.Check(t.Context(), "a new one", hash)
	require.NoError(t, err)
	require.True(t, match)
}
