package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestAttemptsAreCountedBeforeThePasswordIsLookedAt(t *testing.T) {
	h := newHarness(t)
	h.withAccount(domain.RolePatient)
	h.logIn(email, password).status(http.StatusOK)
	require.Equal(t, h.store.attempts, h.store.forgiven)
	h.logIn(strings.ToUpper(email), "wrong").problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	require.Len(t, h.store.forgiven, 1)
	require.Equal(t, h.store.attempts[0], h.store.attempts[1], "one account, however it is written")

	h.store.full = domain.Errorf(domain.CodeTooMany, "Too many attempts.").After(90*time.Second + time.Millisecond)
	for _, who := range []string{email, "nobody@example.test"} {
		got := h.logIn(who, password)
		got.problem(http.StatusTooManyRequests, domain.CodeTooMany)
		require.Equal(t, "91", got.Header().Get("Retry-After"))
	}
	require.Len(t, h.store.opened, 1)
}

// PostgreSQL and Go do not agree on the small form of every letter.
func TestAnAccountIsLookedUpInTheSpellingThatIsCounted(t *testing.T) {
	h := newHarness(t)
	h.withAccount(domain.RolePatient)
	h.logIn(strings.ToUpper(email), password).status(http.StatusOK)
	h.logIn(strings.ReplaceAll(email, "a", "\u212B"), password).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	require.Contains(t, h.store.attempts[1].Email, "å")
}

func TestAnAttemptHoldsNoAddress(t *testing.T) {
	h := newHarness(t)
	h.logIn("nobody@example.test", password).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	a := h.store.attempts[0]
	for _, hash := range [][]byte{a.Pair, a.Network, a.Account, a.Origin} {
		require.Len(t, hash, 32)
		require.NotContains(t, string(hash), "nobody")
	}
	require.NotEqual(t, a.Pair, a.Network)
	require.NotEqual(t, a.Network, a.Origin)
	require.NotEqual(t, a.Pair, a.Account)
}

// Only a trusted proxy may say where a request came from.
func TestTheNetworkOfAnAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		proxies           []string
		remote, forwarded string
		want              string
	}{
		"the connection":            {nil, "198.51.100.7:1234", "", "198.51.100.7"},
		"a header of anybody":       {nil, "198.51.100.7:1234", "203.0.113.5", "198.51.100.7"},
		"a trusted proxy":           {[]string{"10.0.0.0/8"}, "10.1.2.3:80", "203.0.113.5", "203.0.113.5"},
		"a chain, the last foreign": {[]string{"10.0.0.0/8"}, "10.1.2.3:80", "1.1.1.1, 203.0.113.5, 10.9.9.9", "203.0.113.5"},
		"a stranger, with proxies":  {[]string{"10.0.0.0/8"}, "198.51.100.7:1234", "203.0.113.5", "198.51.100.7"},
		"IPv6 counts by network":    {nil, "[2001:db8:1:2:3:4:5:6]:1", "", "2001:db8:1:2::/64"},
		"mapped IPv4":               {nil, "[::ffff:198.51.100.7]:1", "", "198.51.100.7"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, func(cfg *Config) { cfg.TrustedProxies = c.proxies })
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/sessions", strings.NewReader(`{"email":"a@b.test","password":"x"}`))
			req.Header.Set("Content-Type", "application/json")
			req.RemoteAddr = c.remote
			if c.forwarded != "" {
				req.Header.Set("X-Forwarded-For", c.forwarded)
			}
			req.Header.Set("X-Real-IP", "192.0.2.99")
			h.server.ServeHTTP(httptest.NewRecorder(), req)
			key := &handlers{cfg: h.server.cfg}
			require.Equal(t, key.keyed("attempts/network", c.want), h.store.attempts[0].Network)
		})
	}
	_, err := New(Config{Address: ":0", CommandKey: make([]byte, 32), TrustedProxies: []string{"nonsense"}}, newHarness(t).dependencies())
	require.ErrorContains(t, err, "trusted proxies")
}
