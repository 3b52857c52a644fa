package links_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/links"
)

const message = "01950000-0000-7000-8000-0000000000f1"

func ringOf(t *testing.T, ids ...string) config.KeyRing {
	t.Helper()
	var keys []config.Key
	for _, id := range ids {
		key, err := config.NewKey(id, bytes.Repeat([]byte(id[:1]), config.KeySize))
		require.NoError(t, err)
		keys = append(keys, key)
	}
	ring, err := config.NewKeyRing(keys...)
	require.NoError(t, err)
	return ring
}

func accountLinks(t *testing.T, ids ...string) *links.Links {
	t.Helper()
	l, err := links.New(ringOf(t, ids...), "https://clinic.example/")
	require.NoError(t, err)
	return l
}

func tokenOf(url string) string { return url[strings.LastIndex(url, "/")+1:] }

func TestAnAccountsLinkIsTheSameEachTimeItIsWritten(t *testing.T) {
	before := accountLinks(t, "a")
	made := before.ForAccount(domain.MessageVerifyEmail, message)
	first, err := before.Account(domain.MessageVerifyEmail, message, made.KeyID)
	require.NoError(t, err)
	rolled := accountLinks(t, "b", "a")
	again, err := rolled.Account(domain.MessageVerifyEmail, message, made.KeyID)
	require.NoError(t, err)
	require.Equal(t, first, again, "also after the keys were rolled")
	require.True(t, strings.HasPrefix(first, "https://clinic.example/account/email/cfl_"), first)

	hash, ok := links.AccountHash(tokenOf(first))
	require.True(t, ok)
	require.Equal(t, made.Hash, hash, "the hash that is kept is the token's")
	require.NotContains(t, first, message)

	_, err = accountLinks(t, "b").Account(domain.MessageVerifyEmail, message, made.KeyID)
	require.ErrorContains(t, err, "not in the ring")
}

func TestAnAccountsTokenIsBoundToItsPurposeMessageAndKey(t *testing.T) {
	l := accountLinks(t, "a")
	seen := map[string]bool{}
	for _, link := range []domain.NewLink{
		l.ForAccount(domain.MessageVerifyEmail, message), l.ForAccount(domain.MessagePasswordReset, message),
		l.ForAccount(domain.MessageVerifyEmail, "01950000-0000-7000-8000-0000000000f2"),
		accountLinks(t, "b").ForAccount(domain.MessageVerifyEmail, message),
	} {
		require.False(t, seen[string(link.Hash)])
		seen[string(link.Hash)] = true
	}
	_, err := l.Account(domain.MessageLoginAlert, message, "a")
	require.ErrorContains(t, err, "no link")
}

func TestWhatCannotBeAnAccountsTokenHasNoHash(t *testing.T) {
	l := accountLinks(t, "a")
	url, err := l.Account(domain.MessagePasswordReset, message, "a")
	require.NoError(t, err)
	token := tokenOf(url)
	for _, text := range []string{"", "cfl_", token[4:], token + "A", token[:len(token)-1], token + "\n", strings.Replace(token, "cfl_", "cfr_", 1), "cfl_" + strings.Repeat("!", 43)} {
		_, ok := links.AccountHash(text)
		require.False(t, ok, "%q", text)
	}
}
