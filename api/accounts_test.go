package api

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
)

const newAccount = `{"email":"Nora@example.test","name":" Nora New ","roles":["patient"],"time_zone":"Europe/Berlin"}`

func TestAnAccountIsMadeWithAPasswordThatIsShownOnce(t *testing.T) {
	h := newHarness(t)
	got := h.do(request{method: http.MethodPost, path: "/v1/accounts", token: h.as(domain.RoleStaff), body: newAccount}).status(http.StatusCreated)
	made := decode[openapi.CreatedAccount](got)
	require.Equal(t, "nora@example.test", made.Account.Email)
	require.Equal(t, "Nora New", made.Account.Name)
	require.Equal(t, "en", made.Account.Language)
	require.Equal(t, `"1"`, got.Header().Get("ETag"))
	require.Equal(t, "/v1/accounts/"+made.Account.ID, got.Header().Get("Location"))
	require.NotContains(t, h.get(got.Header().Get("Location"), h.as(domain.RoleAdmin)).status(http.StatusOK).Body.String(), made.Password)
	match, err := passwordsOf(t).Check(t.Context(), made.Password, h.store.fakeAccounts.passwords[made.Account.ID])
	require.NoError(t, err)
	require.True(t, match)
	for _, personal := range []string{made.Password, "nora@", "Nora"} {
		require.NotContains(t, h.log.String(), personal)
	}
}

func TestAccountsThatCannotBeMade(t *testing.T) {
	h := newHarness(t)
	for body, field := range map[string]string{
		`{"email":"Nora <n@example.test>","name":"N","roles":["patient"],"time_zone":"Europe/Berlin"}`: "body/email",
		`{"email":"nobody","name":"N","roles":["patient"],"time_zone":"Europe/Berlin"}`:                "body/email",
		`{"email":"n@example.test","name":" ","roles":["patient"],"time_zone":"Europe/Berlin"}`:        "body/name",
		`{"email":"n@example.test","name":"N","roles":[],"time_zone":"Europe/Berlin"}`:                 "body/roles",
		`{"email":"n@example.test","name":"N","roles":["root"],"time_zone":"Europe/Berlin"}`:           "body/roles/0",
		`{"email":"n@example.test","name":"N","roles":["patient"],"time_zone":"Local"}`:                "body/time_zone",
		`{"email":"n@example.test","name":"N","roles":["patient"],"time_zone":"Mars/Base"}`:            "body/time_zone",
	} {
		p := h.do(request{method: http.MethodPost, path: "/v1/accounts", token: h.as(domain.RoleAdmin), body: body}).problem(http.StatusBadRequest, domain.CodeInvalid)
		require.NotEmpty(t, p.Errors, body)
		require.Equal(t, field, p.Errors[0].Field, body)
	}
	require.Empty(t, h.store.managing)
}

func TestAChangeOfAnAccountNamesItsVersion(t *testing.T) {
	h := newHarness(t)
	const path, body = "/v1/accounts/" + idOther, `{"name":"Grace","roles":["caregiver"],"disabled":true}`
	change := request{method: http.MethodPut, path: path, token: h.as(domain.RoleAdmin), body: body}
	h.do(change).problem(http.StatusPreconditionRequired, CodePreconditionRequired)
	read := h.get(path, h.as(domain.RoleAdmin)).status(http.StatusOK).Header().Get("ETag")
	change.headers = []string{headerIfMatch, read}
	got := h.do(change).status(http.StatusOK)
	require.Equal(t, `"2"`, got.Header().Get("ETag"))
	require.True(t, decode[openapi.ManagedAccount](got).Disabled)
	h.do(change).problem(http.StatusPreconditionFailed, domain.CodeStale)
}

func TestAccountsAreListedInPages(t *testing.T) {
	h := newHarness(t)
	for i := range 4 {
		r := h.store.records[idOther]
		r.ID = fmt.Sprintf("01950000-0000-7000-8000-00000000%04d", i)
		h.store.records[r.ID] = r
	}
	admin, seen, cursor := h.as(domain.RoleAdmin), map[string]bool{}, ""
	for range 3 {
		page := decode[openapi.AccountPage](h.get("/v1/accounts?limit=2"+cursor, admin).status(http.StatusOK))
		for _, a := range page.Items {
			seen[a.ID] = true
		}
		cursor = "&cursor=" + page.NextCursor
	}
	require.Len(t, seen, 5)
	require.Equal(t, "&cursor=", cursor, "the last page says so")
	h.get("/v1/accounts?q=grace&role=doctor&state=disabled", admin).status(http.StatusOK)
	last := h.store.searches[len(h.store.searches)-1]
	require.Equal(t, "grace", last.Text)
	require.Equal(t, domain.RoleDoctor, last.Role)
	require.True(t, *last.Disabled)
	require.NotContains(t, h.log.String(), "grace", "searches hold names")
}

// A doctor who is staff manages as staff, and nobody by a role the operation is not open to.
func TestOnlyTheRolesOfTheOperationManage(t *testing.T) {
	h := newHarness(t)
	h.get("/v1/accounts", h.as(domain.RoleDoctor, domain.RoleStaff, domain.RoleOps)).status(http.StatusOK)
	require.Equal(t, []domain.Role{domain.RoleStaff}, h.store.looking[0].Roles)
}

func TestAForgottenPasswordIsReplaced(t *testing.T) {
	h := newHarness(t)
	got := h.do(request{method: http.MethodPost, path: "/v1/accounts/" + idOther + "/password", token: h.as(domain.RoleStaff)}).status(http.StatusOK)
	match, err := passwordsOf(t).Check(t.Context(), decode[openapi.NewPassword](got).Password, h.store.fakeAccounts.passwords[idOther])
	require.NoError(t, err)
	require.True(t, match)
}

func TestTheOwnPasswordIsChangedByWhoKnowsIt(t *testing.T) {
	h := newHarness(t)
	h.withAccount(domain.RolePatient)
	token := h.as(domain.RolePatient)
	change := func(current, next string) reply {
		return h.do(request{method: http.MethodPost, path: "/v1/me/password", token: token, body: `{"current_password":"` + current + `","new_password":"` + next + `"}`})
	}
	require.Equal(t, "body/current_password", change("wrong", "a much longer phrase").problem(http.StatusBadRequest, domain.CodeInvalid).Errors[0].Field)
	require.Equal(t, "body/new_password", change(password, "short").problem(http.StatusBadRequest, domain.CodeInvalid).Errors[0].Field)
	require.Equal(t, "body/new_password", change(password, password).problem(http.StatusBadRequest, domain.CodeInvalid).Errors[0].Field)
	require.Empty(t, h.store.replaced)
	change(password, "a much longer phrase").status(http.StatusNoContent)
	require.Equal(t, h.store.accounts[email].PasswordHash, h.store.replaced[0], "the one that was checked")
	require.Len(t, h.store.attempts, 2, "tries are counted like log-ins")

	h.store.full = domain.Errorf(domain.CodeTooMany, "Too many attempts.")
	change(password, "another long phrase").problem(http.StatusTooManyRequests, domain.CodeTooMany)
}

func passwordsOf(t *testing.T) *auth.Passwords {
	t.Helper()
	passwords, err := sharedPasswords()
	require.NoError(t, err)
	return passwords
}
