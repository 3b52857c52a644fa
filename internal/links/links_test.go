package links_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/links"
)

const visit = "01950000-0000-7000-8000-0000000000c1"

var end = time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC)

func key(t testing.TB, id string, fill byte) config.Key {
	t.Helper()
	k, err := config.NewKey(id, bytes.Repeat([]byte{fill}, config.KeySize))
	require.NoError(t, err)
	return k
}

func signer(t testing.TB, keys ...config.Key) *links.Links {
	t.Helper()
	ring, err := config.NewKeyRing(keys...)
	require.NoError(t, err)
	l, err := links.New(ring, "https://clinic.example/")
	require.NoError(t, err)
	return l
}

func token(t testing.TB, url string) string {
	t.Helper()
	require.NotEmpty(t, url)
	return url[strings.LastIndex(url, "/")+1:]
}

func TestALinkSaysWhatItWasMadeFor(t *testing.T) {
	l := signer(t, key(t, "dev-link-1", 1))
	url := l.Pay(visit, 3, end)
	require.True(t, strings.HasPrefix(url, "https://clinic.example/pay/"), url)
	require.Regexp(t, `^[A-Za-z0-9_-]{40,80}$`, token(t, url), "compact, and safe in a URL")
	got, err := l.Verify(token(t, url), links.Pay, end.Add(-time.Second))
	require.NoError(t, err)
	require.Equal(t, links.Link{Purpose: links.Pay, AppointmentID: visit, Binding: 3, Expires: end}, got)

	got, err = l.Verify(token(t, l.Visit(visit, 0, end)), links.Visit, end)
	require.NoError(t, err)
	require.Equal(t, end.Add(links.AfterVisit), got.Expires)
	require.Equal(t, url, l.Pay(visit, 3, end), "a letter that is written again has the same link")
	require.Empty(t, l.Pay("not-a-uuid", 3, end))
}

func TestALinkDiesAtItsEnd(t *testing.T) {
	l := signer(t, key(t, "a", 1))
	_, err := l.Verify(token(t, l.Pay(visit, 1, end)), links.Pay, end)
	require.Equal(t, domain.CodeLinkExpired, domain.CodeOf(err))
}

func TestALinkOpensOnlyWhatItIsFor(t *testing.T) {
	l := signer(t, key(t, "a", 1))
	_, err := l.Verify(token(t, l.Pay(visit, 1, end)), links.Visit, end.Add(-time.Hour))
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestKeysRotate(t *testing.T) {
	before, after := key(t, "2026-03", 1), key(t, "2026-04", 2)
	old := token(t, signer(t, before).Pay(visit, 1, end))
	_, err := signer(t, after, before).Verify(old, links.Pay, end.Add(-time.Hour))
	require.NoError(t, err, "letters outlive a change of keys")
	fresh := token(t, signer(t, after, before).Pay(visit, 1, end))
	_, err = signer(t, after).Verify(fresh, links.Pay, end.Add(-time.Hour))
	require.NoError(t, err, "the first key signs")
	_, err = signer(t, after).Verify(old, links.Pay, end.Add(-time.Hour))
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "a key that is gone opens nothing")
	_, err = signer(t, key(t, "2026-03", 9)).Verify(old, links.Pay, end.Add(-time.Hour))
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "a name is not a key")
}

func TestAChangedTokenOpensNothing(t *testing.T) {
	l := signer(t, key(t, "a", 1))
	good := token(t, l.Pay(visit, 1, end))
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	for i := range raw {
		for _, flip := range []byte{1, 0x80} {
			changed := bytes.Clone(raw)
			changed[i] ^= flip
			_, err := l.Verify(base64.RawURLEncoding.EncodeToString(changed), links.Pay, end.Add(-time.Hour))
			require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "byte %d", i)
		}
	}
	for _, bad := range []string{"", "x", good[1:], good + "A", good + "=", good[:9] + "\r\n" + good[9:], strings.ToUpper(good), strings.Repeat("A", 5000), "Aé" + good} {
		_, err := l.Verify(bad, links.Pay, end.Add(-time.Hour))
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), bad)
	}
}

func TestThereAreNoLinksWithoutAKey(t *testing.T) {
	_, err := links.New(config.KeyRing{}, "https://clinic.example")
	require.Error(t, err)
}

// Whatever is sent, it is either a link we made, in the one form we write it, or refused.
func FuzzVerify(f *testing.F) {
	l := signer(f, key(f, "a", 1), key(f, "b", 2))
	f.Add(token(f, l.Pay(visit, 1, end)))
	f.Add(token(f, l.Visit(visit, 1<<31, end)))
	f.Add("")
	f.Add(strings.Repeat("_", 80))
	f.Fuzz(func(t *testing.T, sent string) {
		for _, purpose := range []links.Purpose{links.Pay, links.Visit} {
			link, err := l.Verify(sent, purpose, end.Add(-time.Hour))
			if err != nil {
				require.Contains(t, []domain.Code{domain.CodeNotFound, domain.CodeLinkExpired}, domain.CodeOf(err))
				continue
			}
			again, err := l.Sign(link)
			require.NoError(t, err)
			require.Equal(t, again, sent)
		}
	})
}
