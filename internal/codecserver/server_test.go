package codecserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
)

const (
	uiOrigin = "http://localhost:8233"
	self     = "http://localhost:8081"
)

// accounts knows one account a role, "<role>@clinic.test" with the password "right".
type accounts struct{ broken bool }

func (a accounts) Authenticate(_ context.Context, email, password string) (string, []domain.Role, error) {
	role, _, _ := strings.Cut(email, "@")
	if a.broken {
		return "", nil, errors.New("dial 10.0.0.7: refused")
	}
	if password != "right" {
		return "", nil, domain.Errorf(domain.CodeUnauthenticated, "wrong")
	}
	return "user-" + role, []domain.Role{domain.Role(role)}, nil
}

// reverser stands in for the codec: encoding reverses the data, decoding undoes it, and
// the data "broken" cannot be decoded.
type reverser struct{}

func (reverser) Encode(in []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(in))
	for i, p := range in {
		var data []byte
		for _, b := range p.Data {
			data = append([]byte{b}, data...)
		}
		out[i] = &commonpb.Payload{Data: data}
	}
	return out, nil
}

func (r reverser) Decode(in []*commonpb.Payload) ([]*commonpb.Payload, error) {
	for _, p := range in {
		if string(p.Data) == "broken" {
			return nil, errors.New("no such key")
		}
	}
	return r.Encode(in)
}

type world struct {
	t       *testing.T
	handler http.Handler
	now     time.Time
	log     bytes.Buffer
}

func start(t *testing.T, change func(*Config, *accounts)) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	c, a := Config{UIOrigin: uiOrigin, Keys: keys(t, "k1")}, accounts{}
	if change != nil {
		change(&c, &a)
	}
	var err error
	w.handler, err = newServer(c, reverser{}, a, slog.New(slog.NewTextHandler(&w.log, nil)), func() time.Time { return w.now })
	require.NoError(t, err)
	return w
}

func keys(t *testing.T, ids ...string) config.KeyRing {
	t.Helper()
	var all []config.Key
	for _, id := range ids {
		k, err := config.NewKey(id, bytes.Repeat([]byte(id[1:2]), config.KeySize))
		require.NoError(t, err)
		all = append(all, k)
	}
	ring, err := config.NewKeyRing(all...)
	require.NoError(t, err)
	return ring
}

func (w *world) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, self+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer
}

func (w *world) login(email, password string, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	form := url.Values{"email": {email}, "password": {password}}.Encode()
	return w.do(http.MethodPost, "/login", form, append([]string{"Content-Type", "application/x-www-form-urlencoded", "Origin", self}, headers...)...)
}

// session signs someone in and returns the Cookie header.
func (w *world) session(email string) string {
	w.t.Helper()
	answer := w.login(email, "right")
	require.Equal(w.t, http.StatusSeeOther, answer.Code)
	c := answer.Result().Cookies()[0]
	return c.Name + "=" + c.Value
}

func (w *world) transcode(path, cookie string, data ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	var payloads commonpb.Payloads
	for _, d := range data {
		payloads.Payloads = append(payloads.Payloads, &commonpb.Payload{Data: []byte(d)})
	}
	body, err := protojson.Marshal(&payloads)
	require.NoError(w.t, err)
	return w.do(http.MethodPost, path, string(body), "Content-Type", "application/json", "Origin", uiOrigin, "Cookie", cookie, "X-Namespace", "careflow")
}

func TestAReaderDecodesAndEncodes(t *testing.T) {
	w := start(t, nil)
	cookie := w.session("staff@clinic.test")
	for _, path := range []string{"/decode?preserveStorageRefs=true", "/encode"} {
		answer := w.transcode(path, cookie, "eenk", "two")
		require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
		require.Equal(t, uiOrigin, answer.Header().Get("Access-Control-Allow-Origin"))
		require.Equal(t, "true", answer.Header().Get("Access-Control-Allow-Credentials"))
		var got commonpb.Payloads
		require.NoError(t, protojson.Unmarshal(answer.Body.Bytes(), &got))
		require.Equal(t, "knee", string(got.Payloads[0].Data))
		require.Equal(t, "owt", string(got.Payloads[1].Data))
	}
	require.Contains(t, w.log.String(), "audit=true user=user-staff")
	require.NotContains(t, w.log.String(), "clinic.test", "the log names no e-mail address")
	require.NotContains(t, w.log.String(), "knee")
}

func TestOnePayloadThatCannotBeDecodedHidesNoOther(t *testing.T) {
	w := start(t, nil)
	answer := w.transcode("/decode", w.session("ops@clinic.test"), "eenk", "broken")
	var got commonpb.Payloads
	require.NoError(t, protojson.Unmarshal(answer.Body.Bytes(), &got))
	require.Equal(t, "knee", string(got.Payloads[0].Data))
	require.Equal(t, "broken", string(got.Payloads[1].Data))
}

func TestWhoMaySignIn(t *testing.T) {
	for _, role := range domain.Roles() {
		answer := start(t, nil).login(string(role)+"@clinic.test", "right")
		if mayRead([]domain.Role{role}) {
			require.Equal(t, http.StatusSeeOther, answer.Code, role)
			continue
		}
		require.Equal(t, http.StatusUnauthorized, answer.Code, role)
		require.Empty(t, answer.Result().Cookies(), role)
	}
	require.Equal(t, []domain.Role{domain.RoleStaff, domain.RoleAdmin, domain.RoleOps}, readers)
}

func TestAWrongPasswordAndAWrongRoleLookAlike(t *testing.T) {
	w := start(t, nil)
	wrongPassword, wrongRole := w.login("staff@clinic.test", "wrong"), w.login("patient@clinic.test", "right")
	require.Equal(t, wrongPassword.Code, wrongRole.Code)
	require.Equal(t, wrongPassword.Body.String(), wrongRole.Body.String())
}

func TestNobodyDecodesWithoutASession(t *testing.T) {
	w := start(t, nil)
	valid := w.session("staff@clinic.test")
	forged := valid[:len(valid)-3] + "AAA"
	none := "careflow_codec=eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.eyJzdWIiOiJ4IiwiYXVkIjoiY2FyZWZsb3ctY29kZWMtc2VydmVyIiwiZXhwIjo0MTAyNDQ0ODAwfQ."
	otherRing := start(t, func(c *Config, _ *accounts) { c.Keys = keys(t, "k2") }).session("staff@clinic.test")
	for name, cookie := range map[string]string{"none": "", "empty": "careflow_codec=", "forged": forged, "alg none": none, "another ring": otherRing} {
		t.Run(name, func(t *testing.T) {
			answer := w.transcode("/decode", cookie, "x")
			require.Equal(t, http.StatusUnauthorized, answer.Code)
			require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
			var problem struct{ Code, Detail string }
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &problem))
			require.Equal(t, "unauthenticated", problem.Code)
			require.Equal(t, uiOrigin, answer.Header().Get("Access-Control-Allow-Origin"), "the page must be able to read why")
		})
	}
}

func TestASessionLastsAnHour(t *testing.T) {
	w := start(t, nil)
	cookie := w.session("staff@clinic.test")
	w.now = w.now.Add(sessionTTL - time.Second)
	require.Equal(t, http.StatusOK, w.transcode("/decode", cookie, "x").Code)
	w.now = w.now.Add(2 * time.Second)
	require.Equal(t, http.StatusUnauthorized, w.transcode("/decode", cookie, "x").Code)
}

func TestSessionsOutliveTheRotationOfKeys(t *testing.T) {
	before := start(t, nil)
	cookie := before.session("staff@clinic.test")
	after := start(t, func(c *Config, _ *accounts) { c.Keys = keys(t, "k2", "k1") })
	require.Equal(t, http.StatusOK, after.transcode("/decode", cookie, "x").Code)
}

func TestTheCookieIsGuarded(t *testing.T) {
	plain := start(t, nil).login("staff@clinic.test", "right").Result().Cookies()[0]
	require.True(t, plain.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, plain.SameSite)
	require.False(t, plain.Secure)
	require.Equal(t, 3600, plain.MaxAge)

	secure := start(t, func(c *Config, _ *accounts) { c.Secure = true }).login("staff@clinic.test", "right").Result().Cookies()[0]
	require.True(t, secure.Secure)
	require.True(t, strings.HasPrefix(secure.Name, "__Host-"))
}

func TestSigningOutDeletesTheCookie(t *testing.T) {
	w := start(t, nil)
	answer := w.do(http.MethodPost, "/logout", "", "Origin", self, "Cookie", w.session("staff@clinic.test"))
	require.Equal(t, http.StatusSeeOther, answer.Code)
	require.Negative(t, answer.Result().Cookies()[0].MaxAge)
}

func TestOtherPagesAreKeptOut(t *testing.T) {
	w := start(t, nil)
	cookie := w.session("staff@clinic.test")
	for _, origin := range []string{"https://evil.example", "null", "http://localhost:8234", uiOrigin + ".evil.example"} {
		decode := w.do(http.MethodPost, "/decode", `{}`, "Content-Type", "application/json", "Origin", origin, "Cookie", cookie)
		require.Equal(t, http.StatusForbidden, decode.Code, origin)
		require.Empty(t, decode.Header().Get("Access-Control-Allow-Origin"), origin)
		preflight := w.do(http.MethodOptions, "/decode", "", "Origin", origin, "Access-Control-Request-Method", "POST")
		require.Equal(t, http.StatusForbidden, preflight.Code, origin)
		require.Equal(t, http.StatusForbidden, w.login("staff@clinic.test", "right", "Origin", origin).Code, "log-in from %s", origin)
	}
	require.Equal(t, http.StatusForbidden, w.login("staff@clinic.test", "right", "Sec-Fetch-Site", "cross-site").Code)
	require.Equal(t, http.StatusUnsupportedMediaType, w.do(http.MethodPost, "/decode", `{}`, "Content-Type", "text/plain", "Cookie", cookie).Code)
}

func TestThePreflightOfTheUIPasses(t *testing.T) {
	answer := start(t, nil).do(http.MethodOptions, "/decode", "", "Origin", uiOrigin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-namespace")
	require.Equal(t, http.StatusNoContent, answer.Code)
	require.Equal(t, uiOrigin, answer.Header().Get("Access-Control-Allow-Origin"))
	require.Contains(t, answer.Header().Get("Access-Control-Allow-Headers"), "X-Namespace")
	require.Equal(t, "true", answer.Header().Get("Access-Control-Allow-Credentials"))
}

func TestGuessingIsSlowedDown(t *testing.T) {
	w := start(t, nil)
	for range attemptsAllowed {
		require.Equal(t, http.StatusUnauthorized, w.login("staff@clinic.test", "wrong").Code)
	}
	require.Equal(t, http.StatusTooManyRequests, w.login("staff@clinic.test", "right").Code)
	require.Equal(t, http.StatusSeeOther, w.login("admin@clinic.test", "right").Code, "others are not affected")
	w.now = w.now.Add(attemptsWindow)
	require.Equal(t, http.StatusSeeOther, w.login("staff@clinic.test", "right").Code)
}

func TestLargeBodiesAreRefused(t *testing.T) {
	w := start(t, nil)
	large := w.do(http.MethodPost, "/decode", strings.Repeat("x", bodyLimit+1), "Content-Type", "application/json", "Cookie", w.session("staff@clinic.test"))
	require.Equal(t, http.StatusRequestEntityTooLarge, large.Code)
	require.Equal(t, http.StatusBadRequest, w.login(strings.Repeat("x", formLimit), "right").Code)
}

func TestAFaultIsNotAWrongPassword(t *testing.T) {
	w := start(t, func(_ *Config, a *accounts) { a.broken = true })
	answer := w.login("staff@clinic.test", "right")
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.NotContains(t, answer.Body.String(), "10.0.0.7")
	require.Contains(t, w.log.String(), "10.0.0.7")
}

func TestPages(t *testing.T) {
	w := start(t, nil)
	require.Equal(t, http.StatusOK, w.do(http.MethodGet, "/healthz", "").Code)
	require.Equal(t, http.StatusSeeOther, w.do(http.MethodGet, "/", "").Code)
	require.Contains(t, w.do(http.MethodGet, "/", "", "Cookie", w.session("staff@clinic.test")).Body.String(), uiOrigin)
	login := w.do(http.MethodGet, "/login", "")
	require.Contains(t, login.Body.String(), `autocomplete="current-password"`)
	require.Contains(t, login.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Equal(t, http.StatusNotFound, w.do(http.MethodGet, "/nothing", "").Code)
	require.Equal(t, http.StatusMethodNotAllowed, w.do(http.MethodGet, "/decode", "").Code)
}
