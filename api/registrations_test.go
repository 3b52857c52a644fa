package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/links"
)

const (
	registration = `{"email":"New@Example.test","password":"correct horse battery staple","name":" Nora New ","time_zone":"Europe/Berlin","date_of_birth":"1990-05-17","phone":"+49 30 1"}`
	verification = `{"token":"` + exampleLink + `","password":"` + password + `"}`
	redemption   = `{"token":"` + exampleLink + `","new_password":"a longer horse battery staple"}`
)

func (h *harness) public(path, body string) reply {
	h.t.Helper()
	return h.do(request{method: http.MethodPost, path: path, body: body})
}

func TestRegisteringKeepsWhatWasSaidAndAHashOfThePassword(t *testing.T) {
	h := newHarness(t)
	require.Empty(t, h.public("/v1/registrations", registration).status(http.StatusAccepted).Body.String())
	require.Len(t, h.store.registered, 1)
	r := h.store.registered[0]
	require.Equal(t, "new@example.test", r.Email)
	require.Equal(t, "en", r.Locale)
	require.Equal(t, domain.Patient{Name: "Nora New", Relation: "self", DateOfBirth: "1990-05-17", Phone: "+49 30 1", Zone: "Europe/Berlin"}, r.Patient)
	passwords, err := sharedPasswords()
	require.NoError(t, err)
	match, err := passwords.Check(t.Context(), "correct horse battery staple", r.PasswordHash)
	require.NoError(t, err)
	require.True(t, match)
	require.NotContains(t, h.log.String(), "example.test")

	link := h.store.fakeRegistrations.links[0].link
	require.Equal(t, "dev-link", link.KeyID)
	require.Len(t, link.Hash, 32)
}

func TestRegistrationsThatCannotBe(t *testing.T) {
	h := newHarness(t)
	for field, body := range map[string]string{
		"body/email":    `{"email":"Nora <nora@example.test>","password":"correct horse battery","name":"Nora","time_zone":"UTC"}`,
		"body/password": `{"email":"nora@example.test","password":"short","name":"Nora","time_zone":"UTC"}`,
		"body/name":     `{"email":"nora@example.test","password":"correct horse battery","name":" ","time_zone":"UTC"}`,
		"body/roles":    `{"email":"nora@example.test","password":"correct horse battery","name":"Nora","time_zone":"UTC","roles":["admin"]}`,
	} {
		p := h.public("/v1/registrations", body).problem(http.StatusBadRequest, domain.CodeInvalid)
		require.Equal(t, field, p.Errors[0].Field)
	}
	h.public("/v1/registrations", `{"email":"nora@example.test","password":"correct horse battery","name":"Nora","time_zone":"Mars/Olympus"}`).
		problem(http.StatusBadRequest, domain.CodeInvalidTimeZone)
	h.public("/v1/registrations", `{"email":"nora@example.test","password":"correct horse battery","name":"Nora","time_zone":"UTC","date_of_birth":"2990-01-01"}`).
		problem(http.StatusBadRequest, domain.CodeInvalid)
	require.Empty(t, h.store.registered)
}

func TestLettersAreCountedByAddressAndByNetworkBeforeAnythingIsDone(t *testing.T) {
	h := newHarness(t)
	h.store.noLetters = domain.Errorf(domain.CodeTooMany, "Too many letters were asked for.").After(time.Minute)
	for _, path := range []string{"/v1/registrations/letters", "/v1/password-resets"} {
		got := h.public(path, `{"email":"ada@example.test"}`)
		got.problem(http.StatusTooManyRequests, domain.CodeTooMany)
		require.Equal(t, "60", got.Header().Get("Retry-After"))
	}
	h.public("/v1/registrations", registration).problem(http.StatusTooManyRequests, domain.CodeTooMany)
	require.Empty(t, h.store.registered)
	require.Empty(t, h.store.fakeRegistrations.links)
	require.Len(t, h.store.allowed, 6)
	require.Equal(t, h.store.allowed[0], h.store.allowed[2], "one address has one count, whatever the letter")
	require.NotEqual(t, h.store.allowed[0].Subject, h.store.allowed[4].Subject)
	require.Equal(t, h.store.allowed[1], h.store.allowed[5])
	require.Equal(t, domain.RequestsAddress, h.store.allowed[0].Most)
	require.Equal(t, domain.RequestsNetwork, h.store.allowed[1].Most)
}

func TestAnswersThatMustNotTellTakeTheSameTime(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.EvenTime = 50 * time.Millisecond })
	begun := time.Now()
	h.public("/v1/password-resets", `{"email":"nobody@example.test"}`).status(http.StatusAccepted)
	require.GreaterOrEqual(t, time.Since(begun), 50*time.Millisecond)
	require.Equal(t, domain.MessagePasswordReset, h.store.fakeRegistrations.links[0].kind)
	h.public("/v1/registrations/letters", `{"email":"nobody@example.test"}`).status(http.StatusAccepted)
	require.Equal(t, domain.MessageVerifyEmail, h.store.fakeRegistrations.links[1].kind)
	require.NotEqual(t, h.store.fakeRegistrations.links[0].link, h.store.fakeRegistrations.links[1].link)
}

func TestConfirmingAnAddressTakesTheLinkAndThePassword(t *testing.T) {
	h := newHarness(t)
	wrong := h.public("/v1/registrations/verify", `{"token":"`+exampleLink+`","password":"what somebody else chose"}`).
		problem(http.StatusBadRequest, domain.CodeInvalid)
	require.Equal(t, "body/password", wrong.Errors[0].Field)
	require.Empty(t, h.store.used, "a wrong password does not use the link up")
	require.Len(t, h.store.attempts, 1)
	require.Empty(t, h.store.forgiven)

	h.public("/v1/registrations/verify", verification).status(http.StatusNoContent)
	hash, err := passwordHash()
	require.NoError(t, err)
	require.Equal(t, []string{"verify " + hash}, h.store.used, "with the hash that was checked")
	require.Equal(t, idAccount, h.store.actors[0].Caller.UserID)
	require.Len(t, h.store.forgiven, 1)

	h.store.full = domain.Errorf(domain.CodeTooMany, "Too many attempts.")
	h.public("/v1/registrations/verify", verification).problem(http.StatusTooManyRequests, domain.CodeTooMany)
}

func TestLinksThatOpenNothingGetOneAnswer(t *testing.T) {
	h := newHarness(t)
	h.public("/v1/registrations/verify", `{"token":"cfl_x","password":"x"}`).problem(http.StatusGone, domain.CodeLinkExpired)
	h.public("/v1/password-resets/redeem", `{"token":"`+exampleToken+`","new_password":"a longer horse battery"}`).problem(http.StatusGone, domain.CodeLinkExpired)
	h.store.over = true
	h.public("/v1/registrations/verify", verification).problem(http.StatusGone, domain.CodeLinkExpired)
	h.public("/v1/password-resets/redeem", redemption).problem(http.StatusGone, domain.CodeLinkExpired)
	require.Empty(t, h.store.attempts)
	require.Empty(t, h.store.used)
}

func TestANewPasswordIsKeptAsAHash(t *testing.T) {
	h := newHarness(t)
	h.public("/v1/password-resets/redeem", redemption).status(http.StatusNoContent)
	require.Len(t, h.store.used, 1)
	match, err := func() (bool, error) {
		p, err := auth.NewPasswords(auth.Config{})
		require.NoError(t, err)
		return p.Check(t.Context(), "a longer horse battery staple", h.store.used[0][len("reset "):])
	}()
	require.NoError(t, err)
	require.True(t, match)
	h.public("/v1/password-resets/redeem", `{"token":"`+exampleLink+`","new_password":"short"}`).problem(http.StatusBadRequest, domain.CodeInvalid)
}

func TestOnlyTheRightPasswordLearnsThatAnAddressIsNotConfirmed(t *testing.T) {
	h := newHarness(t)
	hash, err := passwordHash()
	require.NoError(t, err)
	h.store.accounts[email] = domain.Account{ID: idAccount, Email: email, PasswordHash: hash, Roles: []domain.Role{domain.RolePatient}, Unverified: true}
	logIn := func(password string) reply {
		return h.public("/v1/sessions", `{"email":"`+email+`","password":"`+password+`"}`)
	}
	logIn(password).problem(http.StatusForbidden, domain.CodeEmailUnverified)
	logIn("wrong").problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	require.Empty(t, h.store.opened)
}

func TestTheLettersOfAnAccountAreShownWithoutTheirContent(t *testing.T) {
	h := newHarness(t)
	list := decode[openapi.AccountMessageList](h.get("/v1/accounts/"+idOther+"/messages", h.as(domain.RoleStaff)).status(http.StatusOK))
	require.Equal(t, openapi.AccountMessageStatusFailed, list.Items[0].Status)
	require.Equal(t, "to", list.Items[0].ErrorCode)
	require.Equal(t, []domain.Role{domain.RoleStaff}, h.store.looking[0].Roles)
}

func TestTheTokensOfExamplesCanBeTokens(t *testing.T) {
	_, ok := links.AccountHash(exampleLink)
	require.True(t, ok)
}

func TestAListShowsWhatAnyRoleOfItsReaderShows(t *testing.T) {
	h := newHarness(t)
	const mine, theirs = "01950000-0000-7000-8000-0000000000c8", "01950000-0000-7000-8000-0000000000c9"
	own, foreign := h.store.visits[idAppointment], h.store.visits[idAppointment]
	own.ID, own.DoctorID = mine, "01950000-0000-7000-8000-0000000000d9"
	foreign.ID, foreign.PatientID = theirs, "01950000-0000-7000-8000-0000000000b9"
	h.store.visits = map[string]domain.Appointment{mine: own, theirs: foreign}
	listed := func(roles ...domain.Role) (ids []string) {
		for _, a := range decode[openapi.AppointmentPage](h.get("/v1/appointments", h.as(roles...)).status(http.StatusOK)).Items {
			ids = append(ids, a.ID)
		}
		return ids
	}
	require.Equal(t, []string{theirs}, listed(domain.RoleDoctor))
	require.Equal(t, []string{mine}, listed(domain.RolePatient))
	require.Equal(t, []string{mine, theirs}, listed(domain.RoleDoctor, domain.RolePatient))
	require.Empty(t, listed(domain.RoleDoctor, domain.RoleOps)[1:])
}

// sendForm sends a page's form as a browser does.
func (h *harness) sendForm(path, body string, headers ...string) reply {
	h.t.Helper()
	return h.do(request{method: http.MethodPost, path: path, body: body, headers: append([]string{"Content-Type", formType}, headers...)})
}

func TestThePagesOfAccountsSayWhatIsWrong(t *testing.T) {
	h := newHarness(t)
	const emailPage, passwordPage = "/account/email/" + exampleLink, "/account/password/" + exampleLink
	for _, path := range []string{emailPage, passwordPage} {
		got := h.get(path, "", "Accept-Language", "de-AT").status(http.StatusOK)
		require.Contains(t, got.Body.String(), `action="`+path+`"`)
		require.Contains(t, got.Body.String(), `lang="de"`)
	}
	require.Empty(t, h.store.used)
	require.Empty(t, h.store.attempts)

	require.Contains(t, h.sendForm(emailPage, "token="+exampleLink+"&password=wrong").status(http.StatusBadRequest).Body.String(), "not the password that was chosen")
	require.Contains(t, h.sendForm(passwordPage, "token="+exampleLink+"&new_password=short&again=short").status(http.StatusBadRequest).Body.String(), "too short")
	require.Contains(t, h.sendForm(passwordPage, "token="+exampleLink+"&new_password=a+long+password&again=another+password").status(http.StatusBadRequest).Body.String(), "not the same")
	h.sendForm(emailPage, "token=cfl_other&password=x").status(http.StatusForbidden)
	h.sendForm(emailPage, "token="+exampleLink+"&password=x", "Sec-Fetch-Site", "cross-site").status(http.StatusForbidden)
	require.Empty(t, h.store.used)

	h.store.over = true
	for _, got := range []reply{
		h.get(emailPage, ""), h.get(passwordPage, ""), h.get("/account/email/x", ""),
		h.sendForm(emailPage, "token="+exampleLink+"&password=x"),
		h.sendForm(passwordPage, "token="+exampleLink+"&new_password=a+long+password&again=a+long+password"),
	} {
		require.Contains(t, got.status(http.StatusGone).Body.String(), "does not work any more")
	}
	require.NotContains(t, h.log.String(), exampleLink)
}
