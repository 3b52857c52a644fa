package stories_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// phone is a client that stays logged in.
type phone struct {
	t  *testing.T
	u  *clinic.User
	in openapi.Session
}

func logInPhone(t *testing.T, c *clinic.Clinic, email, password string) *phone {
	t.Helper()
	p := &phone{t: t, u: c.Nobody()}
	a := p.u.Do(http.MethodPost, "/v1/sessions", map[string]string{"email": email, "password": password})
	require.Equal(t, http.StatusOK, a.Status, a)
	require.NoError(t, json.Unmarshal(a.Body, &p.in))
	return p
}

// refresh trades a token in; the newest is kept when it succeeds.
func (p *phone) refresh(token string) int {
	p.t.Helper()
	a := p.u.Do(http.MethodPost, "/v1/sessions/refresh", map[string]string{"refresh_token": token})
	if a.Status == http.StatusOK {
		p.in = openapi.Session{}
		require.NoError(p.t, json.Unmarshal(a.Body, &p.in))
	}
	return a.Status
}

func (p *phone) do(method, path string, body any, headers ...string) clinic.Answer {
	p.t.Helper()
	return p.u.Do(method, path, body, append([]string{"Authorization", "Bearer " + p.in.AccessToken}, headers...)...)
}

func (p *phone) me() int { return p.do(http.MethodGet, "/v1/me", nil).Status }

// A refresh token was copied. Whoever uses it second ends the session, on every replica
// and at once; other devices stay, until their owner logs out everywhere.
func TestAStolenRefreshTokenEndsItsSession(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true})
	const owner = "patient@careflow.example"
	mine, other := logInPhone(t, c, owner, seed.Password), logInPhone(t, c, owner, seed.Password)

	stolen := mine.in.RefreshToken
	require.Equal(t, http.StatusOK, mine.refresh(stolen))
	lost := mine.in.RefreshToken
	require.Equal(t, http.StatusOK, mine.refresh(stolen), "the answer was lost: asked again at once")
	require.Equal(t, lost, mine.in.RefreshToken)
	require.Equal(t, http.StatusOK, mine.refresh(lost))
	require.Equal(t, http.StatusOK, mine.me())

	thief := &phone{t: t, u: c.Nobody().At(c.StartReplica())}
	require.Equal(t, http.StatusUnauthorized, thief.refresh(stolen))
	// Another replica found it: this one remembers the caller for a second (ADR 18).
	testkit.Eventually(t, func() bool { return mine.me() == http.StatusUnauthorized }, "the access token too")
	require.Equal(t, http.StatusUnauthorized, mine.refresh(mine.in.RefreshToken))
	require.Equal(t, http.StatusOK, other.me())

	again := logInPhone(t, c, owner, seed.Password)
	var devices openapi.DeviceList
	require.NoError(t, json.Unmarshal(again.do(http.MethodGet, "/v1/sessions", nil).Body, &devices))
	require.Len(t, devices.Items, 2)
	require.Equal(t, http.StatusNoContent, again.do(http.MethodDelete, "/v1/sessions", nil).Status)
	for _, p := range []*phone{again, other} {
		require.Equal(t, http.StatusUnauthorized, p.me())
		require.Equal(t, http.StatusUnauthorized, p.refresh(p.in.RefreshToken))
	}
	require.Equal(t, http.StatusOK, logInPhone(t, c, owner, seed.Password).me())
}

// Somebody tries passwords. The account's owner still gets in where they were before, and
// an address that nobody has is told the same.
func TestGuessingPasswordsIsSlowedDown(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true, Env: []string{"CAREFLOW_TRUSTED_PROXIES=127.0.0.1"}})
	try := func(email, from string) clinic.Answer {
		return c.Nobody().Do(http.MethodPost, "/v1/sessions", map[string]string{"email": email, "password": "guess"}, "X-Forwarded-For", from)
	}
	for _, email := range []string{"doctor@careflow.example", "nobody@careflow.example"} {
		for range 10 {
			require.Equal(t, http.StatusUnauthorized, try(email, "203.0.113.9").Status)
		}
		refused := try(email, "203.0.113.9")
		require.Equal(t, http.StatusTooManyRequests, refused.Status)
		require.NotEmpty(t, refused.Header.Get("Retry-After"))
	}
	require.Equal(t, http.StatusOK, logInPhone(t, c, "doctor@careflow.example", seed.Password).me())
}

// The front desk makes an account, its owner logs in and changes the password; an admin
// disables it, which works on the session that is open.
func TestAnAccountFromTheFirstDayToTheLast(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true})
	desk := c.Login("staff")
	a := desk.Do(http.MethodPost, "/v1/accounts", openapi.AccountCreation{
		Email: "nora@careflow.example", Name: "Nora New", Roles: []openapi.Role{openapi.RolePatient}, TimeZone: "Europe/Berlin",
	})
	require.Equal(t, http.StatusCreated, a.Status, a)
	var made openapi.CreatedAccount
	require.NoError(t, json.Unmarshal(a.Body, &made))
	require.Equal(t, "email_taken", desk.Do(http.MethodPost, "/v1/accounts", openapi.AccountCreation{
		Email: "NORA@careflow.example", Name: "Nora", Roles: []openapi.Role{openapi.RolePatient}, TimeZone: "UTC",
	}).Problem())

	nora := logInPhone(t, c, "nora@careflow.example", made.Password)
	require.Equal(t, http.StatusNoContent, nora.do(http.MethodPost, "/v1/me/password",
		openapi.PasswordChange{CurrentPassword: made.Password, NewPassword: "a phrase of her own"}).Status)
	require.Equal(t, http.StatusUnauthorized, c.Nobody().Do(http.MethodPost, "/v1/sessions",
		map[string]string{"email": "nora@careflow.example", "password": made.Password}).Status)

	admin := c.Login("admin")
	path := "/v1/accounts/" + made.Account.ID
	read := admin.Do(http.MethodGet, path, nil)
	off := openapi.AccountState{Name: "Nora New", Roles: []openapi.Role{openapi.RolePatient}, Disabled: true}
	require.Equal(t, http.StatusOK, nora.me())
	require.Equal(t, http.StatusOK, admin.Do(http.MethodPut, path, off, "If-Match", read.Header.Get("ETag")).Status)
	require.Equal(t, http.StatusUnauthorized, nora.me())
	require.Equal(t, "precondition_failed", admin.Do(http.MethodPut, path, off, "If-Match", read.Header.Get("ETag")).Problem())

	var self openapi.Account
	require.NoError(t, json.Unmarshal(admin.Do(http.MethodGet, "/v1/me", nil).Body, &self))
	last := openapi.AccountState{Name: self.Name, Roles: []openapi.Role{openapi.RoleStaff}}
	require.Equal(t, "last_admin", admin.Do(http.MethodPut, "/v1/accounts/"+self.ID, last, "If-Match", "*").Problem())

	var events openapi.AccountEventList
	require.NoError(t, json.Unmarshal(admin.Do(http.MethodGet, path+"/events", nil).Body, &events))
	var kinds []string
	for _, e := range events.Items {
		kinds = append(kinds, string(e.Kind))
	}
	require.Equal(t, []string{"disabled", "password_changed", "created"}, kinds)
}

// Signing keys are rolled: both are published, and whoever is logged in stays so.
func TestRollingTheSigningKeyLogsNobodyOut(t *testing.T) {
	t.Parallel()
	const last, next = "dev-last:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "dev-next:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
	c := clinic.New(t, clinic.Options{NoWorker: true, Env: []string{"CAREFLOW_SIGNING_KEYS=" + last}})
	user := c.Login("patient")
	rolled := user.At(c.StartReplicaWith("CAREFLOW_SIGNING_KEYS=" + next + "," + last))
	require.Equal(t, http.StatusOK, rolled.Do(http.MethodGet, "/v1/me", nil).Status)
	var set openapi.KeySet
	require.NoError(t, json.Unmarshal(rolled.Do(http.MethodGet, "/.well-known/jwks.json", nil).Body, &set))
	require.Len(t, set.Keys, 2)
	require.Equal(t, "dev-next", set.Keys[0].Kid)
	require.Equal(t, "dev-last", set.Keys[1].Kid)
}
