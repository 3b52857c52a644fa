package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/links"
)

var now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

const (
	email    = "ada@example.test"
	password = "correct horse battery staple"
)

// Hashing is slow on purpose: the tests share what they can.
var (
	sharedPasswords = sync.OnceValues(func() (*auth.Passwords, error) { return auth.NewPasswords(auth.Config{}) })
	passwordHash    = sync.OnceValues(func() (string, error) { return auth.HashPassword(password) })
)

// harness is a server over fakes. Every answer it gives is checked against the contract.
type harness struct {
	t           *testing.T
	server      *Server
	store       *fakeStore
	commands    *fakeCommands
	repairs     *fakeReconciler
	backups     *fakeBackups
	deployments *fakeDeployments
	webhooks    *fakeWebhooks
	tokens      *auth.Tokens
	links       *links.Links
	log         *bytes.Buffer
	registry    *prometheus.Registry
}

func newHarness(t *testing.T, changes ...func(*Config)) *harness {
	t.Helper()
	clock := func() time.Time { return now }
	authConfig := auth.Config{Keys: []auth.Key{{ID: "dev-1", Seed: bytes.Repeat([]byte{7}, 32)}}, Clock: clock}
	tokens, err := auth.NewTokens(authConfig)
	require.NoError(t, err)
	passwords, err := sharedPasswords()
	require.NoError(t, err)
	linkKey, err := config.NewKey("dev-link", bytes.Repeat([]byte{5}, config.KeySize))
	require.NoError(t, err)
	ring, err := config.NewKeyRing(linkKey)
	require.NoError(t, err)
	signed, err := links.New(ring, "https://clinic.example")
	require.NoError(t, err)
	h := &harness{
		t: t, links: signed, store: newFakeStore(), commands: &fakeCommands{}, repairs: &fakeReconciler{}, backups: newFakeBackups(), deployments: newFakeDeployments(), webhooks: &fakeWebhooks{}, tokens: tokens,
		log: &bytes.Buffer{}, registry: prometheus.NewRegistry(),
	}
	cfg := Config{
		Address: "127.0.0.1:0", PublicURL: "https://clinic.example", BackupTargets: []string{"clinic"}, CommandKey: bytes.Repeat([]byte{9}, 32),
		PublishableKey: "pk_test", PayURL: "https://pay.example/{intent}", PollInterval: time.Millisecond, EvenTime: time.Millisecond, Clock: clock, ApprovalKeyID: "approvals", ApprovalKey: approvalKey,
		StreamInterval: 5 * time.Millisecond, StreamAge: 30 * time.Millisecond,
	}
	for _, change := range changes {
		change(&cfg)
	}
	h.server, err = New(cfg, Dependencies{
		Store: h.store, Commands: h.commands, Reconcile: h.repairs, Housekeeping: fakeHousekeeper{}, Backups: h.backups, BackupLog: h.backups, Deployments: h.deployments, DeploymentLog: h.deployments, Webhooks: h.webhooks, MailEvents: h.webhooks, Links: signed, Tokens: tokens, Passwords: passwords,
		Logger: slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Registry: h.registry,
	})
	require.NoError(t, err)
	return h
}

// dependencies are those of another server over the same fakes.
func (h *harness) dependencies() Dependencies {
	return Dependencies{
		Store: h.store, Commands: h.commands, Webhooks: h.webhooks, MailEvents: h.webhooks, Links: h.links, Tokens: h.tokens,
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	}
}

// as returns a bearer token for a caller with these roles. The account owns the patient
// of the example visit; a doctor is the visit's.
func (h *harness) as(roles ...domain.Role) string {
	return h.token(domain.Account{ID: idAccount, Roles: roles, DoctorID: idDoctor})
}

func (h *harness) token(a domain.Account) string {
	h.t.Helper()
	id := domain.NewID()
	h.store.callers[id] = domain.Caller{UserID: a.ID, Roles: a.Roles, DoctorID: a.DoctorID, SessionID: id}
	token, err := h.tokens.Issue(a, id)
	require.NoError(h.t, err)
	return "Bearer " + token.Text
}

// request is one call; header pairs are name, value.
type request struct {
	method, path, token, body string
	headers                   []string
}

type reply struct {
	*httptest.ResponseRecorder
	t *testing.T
}

func (h *harness) do(r request) reply {
	h.t.Helper()
	return h.doWith(h.t.Context(), r)
}

func (h *harness) doWith(ctx context.Context, r request) reply {
	h.t.Helper()
	req := httptest.NewRequestWithContext(ctx, r.method, r.path, strings.NewReader(r.body))
	if r.body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	if r.token != "" {
		req.Header.Set("Authorization", r.token)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(r.headers); i += 2 {
		req.Header.Set(r.headers[i], r.headers[i+1])
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, req)
	h.conforms(req, w)
	return reply{w, h.t}
}

// get, and post with an idempotency key.
func (h *harness) get(path, token string, headers ...string) reply {
	h.t.Helper()
	return h.do(request{method: http.MethodGet, path: path, token: token, headers: headers})
}

func (h *harness) post(path, token, body string, headers ...string) reply {
	h.t.Helper()
	headers = append([]string{headerIdempotencyKey, "key-1"}, headers...)
	return h.do(request{method: http.MethodPost, path: path, token: token, body: body, headers: headers})
}

// conforms checks an answer against the contract: status, headers and body.
func (h *harness) conforms(req *http.Request, w *httptest.ResponseRecorder) {
	h.t.Helper()
	require.NotEmpty(h.t, w.Header().Get("X-Request-Id"))
	require.Equal(h.t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	op := h.operation(req.Method, req.URL.Path)
	if op == nil {
		require.Equal(h.t, "application/problem+json", w.Header().Get("Content-Type"))
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: op.route},
		Status:                 w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, MultiError: true,
			ExcludeResponseBody: !strings.Contains(w.Header().Get("Content-Type"), "json"),
		},
	}
	require.NoError(h.t, openapi3filter.ValidateResponse(context.Background(), input), "%s %d %s", op.id, w.Code, w.Body)
	if op.page {
		require.Contains(h.t, w.Header().Get("Content-Type"), "text/html")
		require.NotEmpty(h.t, w.Header().Get("X-Robots-Tag"))
		require.NotContains(h.t, w.Header().Get("Content-Security-Policy"), "unsafe")
		return
	}
	if w.Code >= 400 && w.Header().Get("Content-Type") != "application/json" {
		require.Equal(h.t, "application/problem+json", w.Header().Get("Content-Type"))
	}
}

// operation finds the operation of a path by the contract's templates.
func (h *harness) operation(method, path string) *operation {
	parts := strings.Split(path, "/")
	for key, op := range h.server.operations {
		template := strings.Split(strings.TrimPrefix(key, method+" "), "/")
		if len(template) != len(parts) {
			continue
		}
		match := true
		for i, part := range template {
			match = match && (part == parts[i] || strings.HasPrefix(part, ":"))
		}
		if match {
			return op
		}
	}
	return nil
}

func (r reply) status(code int) reply {
	r.t.Helper()
	require.Equal(r.t, code, r.Code, r.Body.String())
	return r
}

func (r reply) problem(status int, code domain.Code) openapi.Problem {
	r.t.Helper()
	r.status(status)
	var p openapi.Problem
	require.NoError(r.t, json.Unmarshal(r.Body.Bytes(), &p))
	require.Equal(r.t, string(code), p.Code)
	require.Equal(r.t, status, p.Status)
	require.Equal(r.t, "/docs#"+string(code), p.Type)
	require.Equal(r.t, r.Header().Get("X-Request-Id"), p.Instance)
	require.NotEmpty(r.t, p.Title)
	require.NotEmpty(r.t, p.Detail)
	return p
}

func (r reply) appointment() openapi.Appointment {
	r.t.Helper()
	return decode[openapi.Appointment](r)
}

func decode[T any](r reply) (v T) {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal(r.Body.Bytes(), &v))
	return v
}
