package stories_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

const chosen = "a phrase that Nora chose"

// newcomer registers and says nothing that is not asked for.
func newcomer(email string) openapi.Registration {
	return openapi.Registration{
		Email: email, Password: chosen, Name: "Nora New", Language: openapi.RegistrationLanguageEn, TimeZone: "Europe/Berlin",
		DateOfBirth: "1990-05-17", Phone: "+49 30 1234567",
	}
}

// owner adds a patient's account of its own and returns its address. The seeded accounts have
// one ID in every clinic, and all clinics of the tests share one Temporal: their letters
// would be delivered by whichever clinic came first.
func owner(t *testing.T, c *clinic.Clinic) (email string) {
	t.Helper()
	id := domain.NewID()
	email = id + "@careflow.example"
	c.Exec(`INSERT INTO users (id, email, name, password_hash, roles, locale, time_zone)
		SELECT $1, $2, 'Paula Own', password_hash, '{patient}', 'de', 'Europe/Berlin' FROM users WHERE email = 'patient@careflow.example'`, id, email)
	return email
}

// post sends a public request.
func post(c *clinic.Clinic, path string, body any, headers ...string) clinic.Answer {
	return c.Nobody().Do(http.MethodPost, path, body, headers...)
}

// letters waits until an address has got so many letters, and returns their subjects and
// the newest one.
func letters(t *testing.T, c *clinic.Clinic, email string, n int) (subjects []string, newest sandbox.Mail) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		subjects = nil
		for _, m := range c.Sandbox.Mailbox() {
			if slices.ContainsFunc(m.To, func(a sandbox.Address) bool { return a.Email == email }) {
				subjects, newest = append(subjects, m.Subject), m
			}
		}
		return len(subjects) >= n
	}, "%d letters arrive", n)
	require.Len(t, subjects, n)
	return subjects, newest
}

var inLetter = regexp.MustCompile(`https?://\S+/account/\w+/(cfl_[\w-]+)`)

// link is the URL in a letter, and its token.
func link(t *testing.T, m sandbox.Mail) (url, token string) {
	t.Helper()
	found := inLetter.FindStringSubmatch(m.Text)
	require.NotNil(t, found, m.Text)
	return found[0], found[1]
}

// settled waits until no letter of an account is owed any more.
func settled(t *testing.T, c *clinic.Clinic) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM account_messages WHERE status IN ('pending','sending')`) == 0
	}, "all letters of accounts are settled")
}

// Nora opens an account, confirms her address and books. Nobody can log in before, and
// nobody learns from the answers whom the clinic knows.
func TestAPatientOpensAnAccountAndBooks(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	const email = "nora@new.example"
	paula := owner(t, c)
	first := post(c, "/v1/registrations", newcomer("Nora@New.example"))
	again := post(c, "/v1/registrations", newcomer(paula))
	require.Equal(t, http.StatusAccepted, first.Status, first)
	require.Equal(t, first.Status, again.Status)
	require.Equal(t, first.Body, again.Body)
	subjects, _ := letters(t, c, paula, 1)
	require.Contains(t, subjects[0], "Konto", "in the owner's language")

	in := map[string]string{"email": email, "password": chosen}
	require.Equal(t, "email_unverified", post(c, "/v1/sessions", in).Problem())
	require.Equal(t, "unauthenticated", post(c, "/v1/sessions", map[string]string{"email": email, "password": "a guess"}).Problem())

	_, letter := letters(t, c, email, 1)
	_, older := link(t, letter)
	require.Equal(t, http.StatusAccepted, post(c, "/v1/registrations/letters", map[string]string{"email": email}).Status)
	_, letter = letters(t, c, email, 2)
	_, token := link(t, letter)
	require.Equal(t, 0, c.Count(`SELECT count(*) FROM patients WHERE name = 'Nora New'`))
	verify := func(token, password string) clinic.Answer {
		return post(c, "/v1/registrations/verify", openapi.Verification{Token: token, Password: password})
	}
	require.Equal(t, "link_expired", verify(older, chosen).Problem(), "the newer link ended it")
	require.Equal(t, "invalid_request", verify(token, "somebody else's").Problem())
	require.Equal(t, http.StatusNoContent, verify(token, chosen).Status)
	require.Equal(t, "link_expired", verify(token, chosen).Problem(), "good once")

	nora := logInPhone(t, c, email, chosen)
	var patients openapi.PatientList
	require.NoError(t, json.Unmarshal(nora.do(http.MethodGet, "/v1/patients", nil).Body, &patients))
	require.Len(t, patients.Items, 1)
	me := patients.Items[0]
	require.Equal(t, []string{"Nora New", "self", "1990-05-17", "+49 30 1234567", "Europe/Berlin"},
		[]string{me.Name, me.Relation, me.DateOfBirth, me.Phone, me.TimeZone})
	require.Equal(t, 0, c.Count(`SELECT count(*) FROM registrations`))

	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID, b.PatientID = c.NewType(30, `{}`), me.ID
	booked := nora.do(http.MethodPost, "/v1/appointments", b, "Idempotency-Key", "nora-1")
	require.Equal(t, http.StatusCreated, booked.Status, booked)

	for _, log := range []string{c.APIProcess.Log(), c.WorkerProcess.Log()} {
		require.NotContains(t, log, token)
		require.NotContains(t, log, email)
	}
	require.Equal(t, 0, c.Count(`SELECT count(*) FROM outbox WHERE payload::text LIKE '%cfl_%' OR dedupe_key LIKE '%@%'`))
}

// The links lead to pages. A scanner that opens them changes nothing; the forms do, once.
func TestTheLinksOfLettersLeadToPages(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	email := domain.NewID() + "@new.example"
	require.Equal(t, http.StatusAccepted, post(c, "/v1/registrations", newcomer(email)).Status)
	_, letter := letters(t, c, email, 1)
	page, token := link(t, letter)
	for range 3 {
		shown := open(t, http.MethodGet, page, nil)
		require.Equal(t, http.StatusOK, shown.StatusCode)
		require.Contains(t, shown.Header.Get("Content-Security-Policy"), "default-src 'none'")
		require.Equal(t, "no-referrer", shown.Header.Get("Referrer-Policy"))
	}
	form := func(password string) url.Values { return url.Values{"token": {token}, "password": {password}} }
	require.Equal(t, http.StatusForbidden, open(t, http.MethodPost, page, form(chosen), "Sec-Fetch-Site", "cross-site").StatusCode)
	require.Equal(t, http.StatusBadRequest, open(t, http.MethodPost, page, form("a guess")).StatusCode)
	require.Equal(t, "email_unverified", post(c, "/v1/sessions", map[string]string{"email": email, "password": chosen}).Problem())
	require.Equal(t, http.StatusOK, open(t, http.MethodPost, page, form(chosen)).StatusCode)
	require.Equal(t, http.StatusGone, open(t, http.MethodGet, page, nil).StatusCode)
	nora := logInPhone(t, c, email, chosen)

	require.Equal(t, http.StatusAccepted, post(c, "/v1/password-resets", map[string]string{"email": email}).Status)
	_, letter = letters(t, c, email, 2)
	page, token = link(t, letter)
	require.Equal(t, http.StatusOK, open(t, http.MethodGet, page, nil).StatusCode)
	anew := url.Values{"token": {token}, "new_password": {"another phrase of hers"}, "again": {"another phrase of his"}}
	require.Equal(t, http.StatusBadRequest, open(t, http.MethodPost, page, anew).StatusCode)
	require.Equal(t, http.StatusOK, nora.me())
	anew.Set("again", anew.Get("new_password"))
	require.Equal(t, http.StatusOK, open(t, http.MethodPost, page, anew).StatusCode)
	require.Equal(t, http.StatusUnauthorized, nora.me())
	require.Equal(t, http.StatusGone, open(t, http.MethodPost, page, anew).StatusCode)
	require.Equal(t, http.StatusOK, logInPhone(t, c, email, "another phrase of hers").me())
	require.NotContains(t, c.APIProcess.Log(), token)
}

// open sends what a browser would.
func open(t *testing.T, method, page string, form url.Values, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, page, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, resp.Header.Get("Content-Type"), "text/html")
	return resp
}

// Paula has forgotten her password. The link changes it once, logs her out everywhere, and
// she is told; an address that nobody has gets the same answer and no letter.
func TestAForgottenPassword(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	const next = "a phrase that Paula chose"
	email := owner(t, c)
	phone := logInPhone(t, c, email, seed.Password)
	ask := func(email string) clinic.Answer {
		return post(c, "/v1/password-resets", map[string]string{"email": email})
	}
	require.Equal(t, http.StatusAccepted, ask("nobody@careflow.example").Status)
	require.Equal(t, http.StatusAccepted, ask(email).Status)
	_, letter := letters(t, c, email, 1)
	_, token := link(t, letter)
	require.Equal(t, http.StatusOK, phone.me(), "asking changes nothing")

	require.Equal(t, "link_expired", post(c, "/v1/registrations/verify", openapi.Verification{Token: token, Password: seed.Password}).Problem(),
		"made for something else")
	redeem := openapi.Redemption{Token: token, NewPassword: next}
	require.Equal(t, http.StatusNoContent, post(c, "/v1/password-resets/redeem", redeem).Status)
	require.Equal(t, "link_expired", post(c, "/v1/password-resets/redeem", redeem).Problem())
	require.Equal(t, http.StatusUnauthorized, phone.me())
	require.Equal(t, http.StatusUnauthorized, phone.refresh(phone.in.RefreshToken))
	require.Equal(t, http.StatusUnauthorized, post(c, "/v1/sessions", map[string]string{"email": email, "password": seed.Password}).Status)
	require.Equal(t, http.StatusOK, logInPhone(t, c, email, next).me())
	subjects, told := letters(t, c, email, 2)
	require.Equal(t, "Ihr Passwort wurde geändert", subjects[1])
	require.NotRegexp(t, inLetter, told.Text)

	for range 4 {
		require.Equal(t, http.StatusAccepted, ask("nobody@careflow.example").Status)
		require.Equal(t, http.StatusAccepted, ask(email).Status)
	}
	for _, address := range []string{"nobody@careflow.example", email} {
		refused := ask(address)
		require.Equal(t, http.StatusTooManyRequests, refused.Status, "nobody's mailbox is filled")
		require.NotEmpty(t, refused.Header.Get("Retry-After"))
	}
}

// A log-in from somewhere new is told to the owner; the first one of all is not, nor one
// from where the account was used before.
func TestALogInFromSomewhereNewIsToldToTheOwner(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{Env: []string{"CAREFLOW_TRUSTED_PROXIES=127.0.0.1"}})
	email := owner(t, c)
	logIn := func(from, agent string) {
		a := post(c, "/v1/sessions", map[string]string{"email": email, "password": seed.Password}, "X-Forwarded-For", from, "User-Agent", agent)
		require.Equal(t, http.StatusOK, a.Status, a)
	}
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
	logIn("203.0.113.1", firefox)
	logIn("203.0.113.1", firefox)
	require.Equal(t, 0, c.Count(`SELECT count(*) FROM account_messages`))
	logIn("203.0.113.1", strings.Replace(firefox, "X11; Linux x86_64", "Windows NT 10.0", 1))
	subjects, letter := letters(t, c, email, 1)
	require.Equal(t, "Eine neue Anmeldung bei Ihrem Konto", subjects[0])
	require.Contains(t, letter.Text, "Gerät: Firefox on Windows")
	require.NotContains(t, letter.Text, "203.0.113")
	logIn("198.51.100.7", firefox)
	letters(t, c, email, 2)
	logIn("198.51.100.7", firefox)
	settled(t, c)
	letters(t, c, email, 2)

	for range 20 {
		logIn("198.51.100.7", firefox)
	}
	require.Equal(t, 20, c.Count(`SELECT count(*) FROM sessions WHERE ended_at IS NULL`))
	require.Equal(t, 5, c.Count(`SELECT count(*) FROM sessions WHERE end_reason = 'too_many_sessions'`))
	settled(t, c)
	letters(t, c, email, 2)
}
