package auth

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARefreshTokenIsReadBack(t *testing.T) {
	token := NewRefreshToken()
	again, ok := ParseRefreshToken(token.Text())
	require.True(t, ok)
	require.Equal(t, token.Hash(), again.Hash())
	require.NotEqual(t, token.Text(), NewRefreshToken().Text())
	require.NotContains(t, fmt.Sprintf("%v %s", token, token), token.Text())

	for _, odd := range []string{
		"", "cfr_", strings.TrimPrefix(token.Text(), "cfr_"), token.Text() + "A", token.Text()[:30], token.Text() + "=", "cfr_" + strings.Repeat("*", 43),
	} {
		_, ok := ParseRefreshToken(odd)
		require.False(t, ok, odd)
	}
}

func TestTheSuccessorOfATokenNeedsTokenAndSalt(t *testing.T) {
	token, salt := NewRefreshToken(), NewRefreshSalt()
	next := token.Next(salt)
	require.Equal(t, next.Text(), token.Next(salt).Text(), "a lost answer can be given again")
	require.NotEqual(t, next.Text(), token.Text())
	require.NotEqual(t, next.Text(), token.Next(NewRefreshSalt()).Text())
	require.NotEqual(t, next.Text(), NewRefreshToken().Next(salt).Text())
	read, ok := ParseRefreshToken(next.Text())
	require.True(t, ok)
	require.Equal(t, next.Hash(), read.Hash())
}

func TestTheKeySetHoldsEachKeyOfTheRing(t *testing.T) {
	now := noon
	ring := tokens(t, &now, key("new", 'a'), key("old", 'b'))
	set := ring.PublicKeys()
	require.Len(t, set, 2)
	require.Equal(t, "new", set[0].ID)
	require.Equal(t, "old", set[1].ID)
	require.Len(t, set[0].Key, 32)
	require.NotEqual(t, set[0].Key, set[1].Key)
	require.NotEqual(t, key("new", 'a').Seed, []byte(set[0].Key), "the public half")
}
