package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
)

// clinicAPI answers as the API would, and notes what it was asked.
type clinicAPI struct {
	mu       sync.Mutex
	requests []string
	keys     []string
	streams  []string // the last event that each was opened after
	bodies   []string
	matches  []string
	busy     int // so many repairs are answered 503 first
}

func (a *clinicAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var body map[string]string
	_ = json.NewDecoder(r.Body).Decode(&body)
	a.requests = append(a.requests, r.Method+" "+r.URL.RequestURI())
	answer := func(status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	if r.URL.Path == "/v1/sessions" {
		if body["password"] != "right" {
			answer(http.StatusUnauthorized, openapi.Problem{Code: "unauthenticated", Detail: "wrong"})
			return
		}
		answer(http.StatusOK, openapi.Session{AccessToken: "token"})
		return
	}
	if r.Header.Get("Authorization") != "Bearer token" {
		answer(http.StatusUnauthorized, openapi.Problem{Code: "unauthenticated"})
		return
	}
	stuck := openapi.Appointment{ID: "a1", Status: "pending", DoctorName: "Dr. Weber", Stuck: "vendor_rejected", Reason: "a rash"}
	payment := openapi.PaymentCase{ID: "c1", Kind: "refund_failed", State: "needs_person", WaitsFor: "person"}
	switch {
	case strings.HasSuffix(r.URL.Path, "/nope"):
		answer(http.StatusBadRequest, openapi.Problem{
			Code: "invalid_request", Detail: "Change what errors lists.", Errors: []openapi.FieldError{{Field: "path/case_id", Message: "is no UUID"}},
		})
	case r.URL.Path == "/v1/payment-cases":
		answer(http.StatusOK, openapi.PaymentCasePage{Items: []openapi.PaymentCase{payment}})
	case r.URL.Path == "/v1/payment-cases/c1":
		answer(http.StatusOK, openapi.PaymentCaseRecord{Case: payment, Events: []openapi.PaymentCaseEvent{{Kind: "opened_refund_failed"}}})
	case r.Method == http.MethodPost:
		a.matches = append(a.matches, r.Header.Get("If-Match"))
		a.keys, a.bodies = append(a.keys, r.Header.Get("Idempotency-Key")), append(a.bodies, body["reason_code"])
		switch {
		case a.busy > 0:
			a.busy--
			answer(http.StatusServiceUnavailable, openapi.Problem{Code: "unavailable"})
		case strings.HasSuffix(r.URL.Path, "/resend"):
			answer(http.StatusOK, openapi.Message{ID: "m2", AppointmentID: "a1", Kind: "reminder", Status: "pending", ResendOf: "m1"})
		case strings.HasPrefix(r.URL.Path, "/v1/payment-cases/"):
			answer(http.StatusOK, payment)
		case strings.HasSuffix(r.URL.Path, "/retry"):
			answer(http.StatusOK, openapi.Repair{Action: "replaced"})
		case strings.HasSuffix(r.URL.Path, "/reconciliations"):
			answer(http.StatusAccepted, openapi.ReconciliationStarted{ID: "run"})
		default:
			answer(http.StatusOK, stuck)
		}
	case strings.HasSuffix(r.URL.Path, "/stream"):
		a.streams = append(a.streams, r.Header.Get("Last-Event-ID"))
		w.Header().Set("Content-Type", "text/event-stream")
		if len(a.streams) == 1 { // it breaks off
			_, _ = io.WriteString(w, ": connected\n\nid: 1\nevent: timeline\ndata: {\"kind\":\"booked\",\"to\":\"requested\",\"version\":1,\"actor\":{\"kind\":\"patient\"},\"at\":\"2026-03-01T09:00:00Z\"}\n\n")
			return
		}
		_, _ = io.WriteString(w, "id: 2\nevent: timeline\ndata: {\"kind\":\"archived\",\"to\":\"archived\",\"version\":2,\"actor\":{\"kind\":\"system\"},\"at\":\"2026-03-01T09:00:01Z\"}\n\nevent: end\ndata: {\"reason\":\"archived\"}\n\n")
	case r.URL.Path == "/v1/messages" && r.URL.Query().Get("cursor") == "":
		answer(http.StatusOK, openapi.MessagePage{NextCursor: "next", Items: []openapi.Message{{
			ID: "m1", AppointmentID: "a1", Kind: "reminder", Recipient: "patient", Status: "sent", Problem: "bounced", DeliveryCode: "invalid_address",
		}}})
	case r.URL.Path == "/v1/messages":
		answer(http.StatusOK, openapi.MessagePage{Items: []openapi.Message{{ID: "m0", AppointmentID: "a0", Kind: "receipt", Status: "failed", ErrorCode: "cannot_be_written"}}})
	case strings.HasSuffix(r.URL.Path, "/events"):
		answer(http.StatusOK, openapi.EventList{Items: []openapi.Event{{Kind: "process_replaced", To: "pending", Version: 2, Actor: openapi.Actor{Kind: "staff", ID: "u1"}, ReasonCode: "cause_removed"}}})
	case strings.HasSuffix(r.URL.Path, "/reconciliations"):
		answer(http.StatusOK, openapi.ReconciliationList{Items: []openapi.Reconciliation{{
			ID: "run", Trigger: "person", FinishedAt: time.Now(), Checked: 9, Replaced: 1, Reported: 1,
			Findings: []openapi.Finding{{Subject: "outbox/7", Code: "outbox_late", Detail: "start, 9 attempts"}},
		}}})
	case strings.HasSuffix(r.URL.Path, "/a1"):
		answer(http.StatusOK, stuck)
	case r.URL.Query().Get("cursor") == "":
		answer(http.StatusOK, openapi.AppointmentPage{Items: []openapi.Appointment{{ID: "a0", Status: "pending"}}, NextCursor: "next"})
	default:
		answer(http.StatusOK, openapi.AppointmentPage{Items: []openapi.Appointment{stuck}})
	}
}

func atClinic(t *testing.T, env ...string) (*clinicAPI, func(args ...string) result) {
	t.Helper()
	api := &clinicAPI{}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return api, func(args ...string) result {
		return careflow(t.Context(), append(env, "CAREFLOW_CLI_URL="+server.URL), args...)
	}
}

func TestStaffLookAtVisitsAndRepairThem(t *testing.T) {
	t.Parallel()
	api, careflow := atClinic(t, "CAREFLOW_CLI_EMAIL=staff@clinic.example", "CAREFLOW_CLI_PASSWORD=right")

	r := careflow("appointments", "list", "--stuck", "--status", "pending,confirmed")
	require.Zero(t, r.code, r.errors)
	require.Contains(t, r.out, "vendor_rejected")
	require.NotContains(t, r.out, "a0", "only those that need a person")
	require.Contains(t, api.requests, "GET /v1/appointments?limit=100&status=pending&status=confirmed")

	r = careflow("appointments", "list", "--fee", "disputed")
	require.Zero(t, r.code, r.errors)
	require.Contains(t, api.requests, "GET /v1/appointments?limit=100&no_show_fee=disputed")

	r = careflow("appointments", "show", "a1")
	require.Contains(t, r.out, "Dr. Weber")
	require.NotContains(t, r.out, "rash", "clinical text is not for a terminal's scroll-back")
	r = careflow("appointments", "timeline", "a1")
	require.Contains(t, r.out, "process_replaced")
	require.Contains(t, r.out, "cause_removed")

	api.busy = 1
	r = careflow("appointments", "retry", "a1", "--reason", "cause_removed")
	require.Zero(t, r.code, r.errors)
	require.Contains(t, r.out, "replaced")
	require.Equal(t, []string{"cause_removed", "cause_removed"}, api.bodies)
	require.Equal(t, api.keys[0], api.keys[1], "sent again under the same key")
	require.NotEmpty(t, api.keys[0])

	r = careflow("appointments", "resolve", "a1", "--reason", "row_corrected", "--json")
	require.Zero(t, r.code, r.errors)
	var a openapi.Appointment
	require.NoError(t, json.Unmarshal([]byte(r.out), &a))
	require.Equal(t, "a1", a.ID)
}

func TestStaffDecideAboutPaymentCases(t *testing.T) {
	t.Parallel()
	api, careflow := atClinic(t, "CAREFLOW_CLI_TOKEN=token")
	r := careflow("payment-cases", "list", "--state", "needs_person,retrying")
	require.Zero(t, r.code, r.errors)
	require.Contains(t, r.out, "refund_failed")
	require.Contains(t, api.requests, "GET /v1/payment-cases?limit=100&state=needs_person&state=retrying")
	r = careflow("payment-cases", "show", "c1")
	require.Contains(t, r.out, "opened_refund_failed")

	api.busy = 1
	r = careflow("payment-cases", "retry", "c1", "--reason", "payer_reached", "--version", "3")
	require.Zero(t, r.code, r.errors)
	require.Equal(t, []string{"payer_reached", "payer_reached"}, api.bodies)
	require.Equal(t, api.keys[0], api.keys[1], "sent again under the same key")
	require.Equal(t, `"3"`, api.matches[1])
	r = careflow("payment-cases", "resolve", "c1", "--reason", "written_off", "--json")
	require.Zero(t, r.code, r.errors)
	var c openapi.PaymentCase
	require.NoError(t, json.Unmarshal([]byte(r.out), &c))
	require.Equal(t, "c1", c.ID)
	require.Equal(t, "*", api.matches[2])

	require.Equal(t, exitMistaken, careflow("payment-cases", "resolve", "c1").code, "a reason is wanted")
	require.Equal(t, exitMistaken, careflow("payment-cases", "show").code)
}

func TestARefusalSaysWhatToChange(t *testing.T) {
	t.Parallel()
	_, careflow := atClinic(t, "CAREFLOW_CLI_TOKEN=token")
	r := careflow("payment-cases", "show", "nope")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "400 invalid_request: Change what errors lists.\n  path/case_id is no UUID\n")
	require.Equal(t, exitMistaken, careflow("messages", "list", "--limit", "-1").code)
}

func TestOpsReconcile(t *testing.T) {
	t.Parallel()
	api, careflow := atClinic(t, "CAREFLOW_CLI_TOKEN=token")
	r := careflow("reconcile")
	require.Zero(t, r.code, r.errors)
	require.Contains(t, r.out, "outbox_late")
	require.NotContains(t, api.requests, "POST /v1/sessions", "a token is enough")

	before := len(api.keys)
	r = careflow("reconcile", "--last", "3", "--json")
	require.Zero(t, r.code, r.errors)
	require.Len(t, api.keys, before, "looking starts none")
	var list openapi.ReconciliationList
	require.NoError(t, json.Unmarshal([]byte(r.out), &list))
	require.Equal(t, 9, list.Items[0].Checked)
}

func TestALogInIsNeverAnArgumentAndNeverInPlainTextAcrossTheNetwork(t *testing.T) {
	t.Parallel()
	_, at := atClinic(t, "CAREFLOW_CLI_EMAIL=staff@clinic.example", "CAREFLOW_CLI_PASSWORD=very-wrong")
	r := at("appointments", "list")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "401 unauthenticated")
	require.NotContains(t, r.errors, "very-wrong")

	r = careflow(t.Context(), []string{"CAREFLOW_CLI_TOKEN=token"}, "appointments", "list", "--api", "http://clinic.example")
	require.Equal(t, exitMistaken, r.code)
	require.Contains(t, r.errors, "not https")

	r = careflow(t.Context(), []string{"CAREFLOW_CLI_TOKEN=token"}, "appointments", "list", "--password", "x")
	require.Equal(t, exitMistaken, r.code)
	_, at = atClinic(t)
	r = at("reconcile")
	require.Equal(t, exitMistaken, r.code)
	require.Contains(t, r.errors, "CAREFLOW_CLI_TOKEN")
	_, at = atClinic(t, "CAREFLOW_CLI_TOKEN=token")
	require.Equal(t, exitMistaken, at("appointments", "retry", "a1").code, "a reason is wanted")
	require.Equal(t, exitMistaken, at("appointments", "show").code)
}

func TestStaffCorrectVisitsAndDecideAboutFees(t *testing.T) {
	t.Parallel()
	api, careflow := atClinic(t, "CAREFLOW_CLI_TOKEN=token")
	for _, args := range [][]string{
		{"correct", "a1", "--to", "completed", "--reason", "recorded_by_mistake"},
		{"uphold-fee", "a1", "--reason", "arrival_not_found"}, {"waive-fee", "a1", "--reason", "goodwill"},
	} {
		r := careflow(append([]string{"appointments"}, args...)...)
		require.Zero(t, r.code, r.errors)
		require.Contains(t, r.out, "Dr. Weber")
		require.Contains(t, api.requests, "POST /v1/appointments/a1/"+args[0])
		require.NotZero(t, careflow("appointments", args[0], "a1").code, "a reason is wanted")
	}
	require.Equal(t, []string{"recorded_by_mistake", "arrival_not_found", "goodwill"}, api.bodies)
}

func TestStaffSeeLostMessagesAndSendOneAgain(t *testing.T) {
	t.Parallel()
	api, careflow := atClinic(t, "CAREFLOW_CLI_TOKEN=token")
	r := careflow("messages", "list", "--problem", "bounced,failed", "--open", "--kind", "reminder")
	require.Zero(t, r.code, r.errors)
	require.Contains(t, r.out, "invalid_address")
	require.Contains(t, r.out, "cannot_be_written", "all pages")
	require.Contains(t, api.requests, "GET /v1/messages?kind=reminder&limit=100&open=true&problem=bounced&problem=failed")

	r = careflow("messages", "list", "--json", "--limit", "1")
	var page openapi.MessagePage
	require.NoError(t, json.Unmarshal([]byte(r.out), &page))
	require.Len(t, page.Items, 1)

	api.busy = 1
	r = careflow("messages", "resend", "a1", "m1", "--json")
	require.Zero(t, r.code, r.errors)
	var m openapi.Message
	require.NoError(t, json.Unmarshal([]byte(r.out), &m))
	require.Equal(t, "m1", m.ResendOf)
	require.Equal(t, api.keys[0], api.keys[1], "sent again under the same key")
	require.Equal(t, exitMistaken, careflow("messages", "resend", "a1").code)
}

func TestAVisitIsWatchedUntilTheArchiveAcrossABrokenConnection(t *testing.T) {
	t.Parallel()
	api, careflow := atClinic(t, "CAREFLOW_CLI_TOKEN=token")
	r := careflow("appointments", "watch", "a1")
	require.Zero(t, r.code, r.errors)
	require.Contains(t, r.out, "booked")
	require.Contains(t, r.out, "archived")
	require.Equal(t, []string{"", "1"}, api.streams, "it goes on where it broke off")
}
