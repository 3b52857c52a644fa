package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

func httptestServer(t *testing.T, h *harness) string {
	t.Helper()
	s := httptest.NewServer(h.server)
	t.Cleanup(s.Close)
	return s.URL
}

// unknownLength hides a reader's length, so that the body is sent in chunks.
type unknownLength struct{ io.Reader }

const webhookPath = "/v1/webhooks/stripe"

func (h *harness) webhook(body, signature string) reply {
	h.t.Helper()
	return h.do(request{method: http.MethodPost, path: webhookPath, body: body, headers: []string{"Stripe-Signature", signature}})
}

func TestAVerifiedEventIsStoredOnce(t *testing.T) {
	h := newHarness(t)
	h.webhook(`{"id":"evt_1"}`, "good").status(http.StatusNoContent)
	h.webhook(`{"id":"evt_1"}`, "good").status(http.StatusNoContent)
	require.Equal(t, map[string]domain.Webhook{"evt_1": {
		Source: "stripe", ID: "evt_1", Type: "payment_intent.succeeded", AppointmentID: idAppointment, IntentID: "pi_1", Created: now,
	}}, h.store.webhooks)
}

func TestEventsThatAreNotAccepted(t *testing.T) {
	h := newHarness(t)
	h.webhook(`{}`, "bad").problem(http.StatusBadRequest, CodeInvalidSignature)
	p := h.do(request{method: http.MethodPost, path: webhookPath, body: `{}`}).problem(http.StatusBadRequest, domain.CodeInvalid)
	require.Equal(t, "header/Stripe-Signature", p.Errors[0].Field)
	h.webhook(strings.Repeat("x", 1<<20+1), "good").problem(http.StatusRequestEntityTooLarge, CodePayloadTooLarge)
	h.webhook(strings.Repeat("x", 1<<20), "good").status(http.StatusNoContent)

	h.webhooks.err = domain.Errorf(domain.CodeVendorRejected, "another API version")
	h.webhook(`{}`, "good").problem(http.StatusBadRequest, domain.CodeInvalid)
	h.webhooks.err = nil
	h.store.err = errors.New("the disk is full")
	h.webhook(`{}`, "good").problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
}

func TestLoggingIn(t *testing.T) {
	h := newHarness(t)
	hash, err := passwordHash()
	require.NoError(t, err)
	h.store.accounts[email] = domain.Account{ID: idAccount, Email: email, Name: "Ada", PasswordHash: hash, Roles: []domain.Role{domain.RolePatient}}
	logIn := func(address, password string) reply {
		return h.do(request{method: http.MethodPost, path: "/v1/sessions", body: `{"email":"` + address + `","password":"` + password + `"}`})
	}
	session := decode[openapi.Session](logIn(email, password).status(http.StatusOK))
	require.Equal(t, 900, session.ExpiresIn)
	me := decode[openapi.Account](h.get("/v1/me", "Bearer "+session.AccessToken).status(http.StatusOK))
	require.Equal(t, "Ada", me.Name)

	wrong := logIn(email, "wrong").problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	unknown := logIn("nobody@example.test", password).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	disabled := h.store.accounts[email]
	disabled.Disabled = true
	h.store.accounts[email] = disabled
	off := logIn(email, password).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	require.Equal(t, wrong.Detail, unknown.Detail)
	require.Equal(t, wrong.Detail, off.Detail)
	for _, personal := range []string{email, "nobody@", password, "wrong\"", session.AccessToken} {
		require.NotContains(t, h.log.String(), personal)
	}
}

func TestReadiness(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.BackupTargets = nil })
	require.Equal(t, openapi.Readiness{Status: "ready", Postgres: "up", Temporal: "up"}, decode[openapi.Readiness](h.get("/readyz", "").status(http.StatusOK)))
	h.commands.healthy = errors.New("refused")
	require.Equal(t, openapi.Readiness{Status: "ready", Postgres: "up", Temporal: "down"}, decode[openapi.Readiness](h.get("/readyz", "").status(http.StatusOK)))
	h.store.err = errors.New("refused")
	require.Equal(t, openapi.Readiness{Status: "unavailable", Postgres: "down", Temporal: "down"}, decode[openapi.Readiness](h.get("/readyz", "").status(http.StatusServiceUnavailable)))
	h.get("/healthz", "").status(http.StatusOK)
}

func TestMetricsCountByOperation(t *testing.T) {
	h := newHarness(t)
	h.get("/v1/doctors?secret=1", h.as(domain.RolePatient))
	h.get("/made/up", "")
	h.post(oneVisit+"/confirm", h.as(domain.RoleStaff), "")
	got := h.get("/metrics", "").status(http.StatusOK).Body.String()
	require.Contains(t, got, `careflow_http_request_duration_seconds_count{operation="listDoctors",status="400"} 1`)
	require.Contains(t, got, `operation="none",status="404"`)
	require.Contains(t, got, `careflow_commands_total{command="confirm",result="done"} 1`)
	require.NotContains(t, got, "made")
}

func TestLogsHoldNoQueryAndNoName(t *testing.T) {
	h := newHarness(t)
	h.get("/v1/appointments?patient_id="+idPatient, h.as(domain.RoleStaff)).status(http.StatusOK)
	h.get(oneVisit, h.as(domain.RoleStaff)).status(http.StatusOK)
	log := h.log.String()
	require.Contains(t, log, `"operation":"listAppointments"`)
	require.Contains(t, log, `"appointment_id":"`+idAppointment+`"`)
	for _, personal := range []string{idPatient, "Grace", "a mole", "Bearer", "192.0.2.1"} {
		require.NotContains(t, log, personal)
	}
}

func TestRequestIDs(t *testing.T) {
	h := newHarness(t)
	require.Equal(t, "trace-0123456789", h.get("/healthz", "", "X-Request-Id", "trace-0123456789").Header().Get("X-Request-Id"))
	for _, odd := range []string{"short", "with space in it", strings.Repeat("a", 65), `"><script>`, "line\tbreak-123"} {
		got := h.get("/healthz", "", "X-Request-Id", odd).Header().Get("X-Request-Id")
		require.NotEqual(t, odd, got)
		require.Len(t, got, 36)
	}
}

func TestTheReferencePageShowsEverything(t *testing.T) {
	h := newHarness(t)
	got := h.get("/docs", "").status(http.StatusOK)
	page := got.Body.String()
	for _, op := range h.server.operations {
		require.Contains(t, page, `<section class="op" id="`+op.id+`">`)
		require.Contains(t, page, op.route.Operation.Summary)
	}
	for _, a := range answers {
		require.Contains(t, page, `<tr id="`+string(a.code)+`">`)
	}
	require.Contains(t, page, `<section class="schema" id="schema-Problem">`)
	require.NotContains(t, page, "ZgotmplZ")
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, `src="`)
	require.Contains(t, got.Header().Get("Content-Security-Policy"), "style-src 'sha256-")
	require.Contains(t, page, docsCSS, "the style sheet is the one whose hash the policy allows")
	require.Equal(t, contractYAML, h.get("/openapi.yaml", "").status(http.StatusOK).Body.Bytes())
}

func TestAServerStartsAndStops(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	h := newHarness(t)
	require.NoError(t, h.server.Start(t.Context()))
	url := "http://" + h.server.Addr().String()

	// A second one on the same port says so at start.
	second := newHarness(t, func(c *Config) { c.Address = h.server.Addr().String() })
	require.Error(t, second.server.Start(t.Context()))

	// A wait ends when the server stops.
	looking := make(chan struct{}, 1)
	h.store.onLook = func(*fakeStore) {
		select {
		case looking <- struct{}{}:
		default:
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+oneVisit, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", h.as(domain.RolePatient))
	req.Header.Set("Prefer", "wait=30")
	client := &http.Client{Transport: &http.Transport{}}
	status := make(chan int, 1)
	go func() {
		resp, err := client.Do(req)
		if err != nil {
			status <- 0
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		status <- resp.StatusCode
	}()
	<-looking
	require.NoError(t, h.server.Stop(context.Background()))
	require.Equal(t, http.StatusOK, <-status)
	client.CloseIdleConnections()
	require.NoError(t, second.server.Stop(context.Background()), "stopping what never started is fine")
}

func TestHSTSIsForHTTPSOnly(t *testing.T) {
	require.NotEmpty(t, newHarness(t).get("/healthz", "").Header().Get("Strict-Transport-Security"))
	local := newHarness(t, func(c *Config) { c.PublicURL = "http://localhost:8080" })
	require.Empty(t, local.get("/healthz", "").Header().Get("Strict-Transport-Security"))
	require.Equal(t, "http://localhost:8080/docs", local.server.DocsURL())
	require.False(t, bytes.Contains(local.log.Bytes(), []byte("ERROR")))
}
