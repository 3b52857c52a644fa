package api

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
)

// withAccount puts the account of the examples there, with its password.
func (h *harness) withAccount(roles ...domain.Role) {
	h.t.Helper()
	hash, err := passwordHash()
	require.NoError(h.t, err)
	h.store.accounts[email] = domain.Account{ID: idAccount, Email: email, Name: "Ada", PasswordHash: hash, Roles: roles}
}

func (h *harness) logIn(email, password string, headers ...string) reply {
	h.t.Helper()
	return h.do(request{method: http.MethodPost, path: "/v1/sessions", body: `{"email":"` + email + `","password":"` + password + `"}`, headers: headers})
}

func (h *harness) refresh(token string) reply {
	h.t.Helper()
	return h.do(request{method: http.MethodPost, path: "/v1/sessions/refresh", body: `{"refresh_token":"` + token + `"}`})
}

func TestALogInBringsTwoTokens(t *testing.T) {
	h := newHarness(t)
	h.withAccount(domain.RolePatient)
	first := decode[openapi.Session](h.logIn(email, password, "User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/137.0").status(http.StatusOK))
	h.get("/v1/me", "Bearer "+first.AccessToken).status(http.StatusOK)
	require.Equal(t, "Firefox on Linux", h.store.opened[0].Device)
	require.Len(t, h.store.opened[0].Origin, 32)
	require.Equal(t, now.Add(domain.SessionIdle), first.RefreshExpiresAt)

	second := decode[openapi.Session](h.refresh(first.RefreshToken).status(http.StatusOK))
	require.Equal(t, first.SessionID, second.SessionID)
	require.NotEqual(t, first.RefreshToken, second.RefreshToken)
	h.get("/v1/me", "Bearer "+second.AccessToken).status(http.StatusOK)
	decode[openapi.Session](h.refresh(second.RefreshToken).status(http.StatusOK))

	for _, secret := range []string{first.RefreshToken, second.RefreshToken, first.AccessToken, "192.0.2.1"} {
		require.NotContains(t, h.log.String(), secret)
	}
	for _, r := range h.store.rotated {
		require.NotContains(t, string(r.Hash)+string(r.NextHash)+string(r.Salt), "cfr_", "only hashes reach the store")
	}
}

func TestEachRefusedRefreshLooksTheSame(t *testing.T) {
	h := newHarness(t)
	unknown := h.refresh(auth.NewRefreshToken().Text()).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	odd := h.refresh("not a token").problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	h.store.reused = true
	reused := h.refresh(exampleToken).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	for _, p := range []*openapi.Problem{&unknown, &odd, &reused} {
		p.Instance = ""
	}
	require.Equal(t, unknown, odd)
	require.Equal(t, unknown, reused)
	require.Contains(t, h.log.String(), "presented twice", "but we know")
}

func TestASessionThatEndedOpensNothingAtOnce(t *testing.T) {
	h := newHarness(t)
	laptop, phone := h.as(domain.RolePatient), h.as(domain.RolePatient)
	list := decode[openapi.DeviceList](h.get("/v1/sessions", laptop).status(http.StatusOK))
	require.Len(t, list.Items, 3)
	var current []string
	for _, s := range list.Items {
		if s.Current {
			current = append(current, s.ID)
		}
	}
	require.Len(t, current, 1, "the one that asks")

	path := "/v1/sessions/" + current[0]
	h.do(request{method: http.MethodDelete, path: path, token: phone}).status(http.StatusNoContent)
	h.get("/v1/me", laptop).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	h.do(request{method: http.MethodDelete, path: path, token: phone}).problem(http.StatusNotFound, domain.CodeNotFound)
	h.do(request{method: http.MethodDelete, path: "/v1/sessions", token: phone}).status(http.StatusNoContent)
	h.get("/v1/doctors", phone).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
}

func TestTheSessionOfAnotherIsNotThere(t *testing.T) {
	h := newHarness(t)
	stranger := h.token(domain.Account{ID: idNobody, Roles: []domain.Role{domain.RoleAdmin}})
	h.do(request{method: http.MethodDelete, path: "/v1/sessions/" + idSession, token: stranger}).problem(http.StatusNotFound, domain.CodeNotFound)
}

func TestARoleThatWasTakenAwayIsGoneBeforeTheTokenIs(t *testing.T) {
	at := now
	h := newHarness(t, func(c *Config) { c.Clock = func() time.Time { return at } })
	token := h.as(domain.RoleStaff)
	h.get(oneVisit+"/messages", token).status(http.StatusOK)
	// By another replica: this one hears of it within a second.
	for id, caller := range h.store.callers {
		caller.Roles = []domain.Role{domain.RolePatient}
		h.store.callers[id] = caller
	}
	at = at.Add(time.Second)
	h.get(oneVisit+"/messages", token).problem(http.StatusForbidden, domain.CodeForbidden)
}

func TestTheKeySetIsPublic(t *testing.T) {
	h := newHarness(t)
	got := h.get("/.well-known/jwks.json", "").status(http.StatusOK)
	require.Equal(t, "public, max-age=300", got.Header().Get("Cache-Control"))
	keys := decode[openapi.KeySet](got).Keys
	require.Len(t, keys, 1)
	require.Equal(t, "dev-1", keys[0].Kid)
	public, err := base64.RawURLEncoding.DecodeString(keys[0].X)
	require.NoError(t, err)
	require.Equal(t, []byte(h.tokens.PublicKeys()[0].Key), public)
	require.NotContains(t, got.Body.String(), `"d"`, "never the private half")
}
