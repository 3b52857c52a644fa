package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/sandbox"
)

// account is a sandbox behind a server, with a client that speaks plain HTTP.
type account struct {
	*sandbox.Sandbox
	url string
}

func open(t *testing.T, cfg sandbox.Config) account {
	t.Helper()
	box, err := sandbox.New(cfg)
	require.NoError(t, err)
	server := httptest.NewServer(box.Handler())
	t.Cleanup(func() {
		box.ClearFaults()
		server.CloseClientConnections()
		server.Close()
		require.NoError(t, box.Close())
	})
	return account{box, server.URL}
}

type response struct {
	status int
	header http.Header
	body   string
}

func (r response) object(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &out), r.body)
	return out
}

func (r response) errorCode(t *testing.T) string {
	t.Helper()
	e, ok := r.object(t)["error"].(map[string]any)
	require.True(t, ok, r.body)
	if code, ok := e["code"].(string); ok {
		return code
	}
	return e["type"].(string)
}

func (a account) call(t *testing.T, method, path, form string, headers ...string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(form))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+sandbox.DefaultStripeKey)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for n := 0; n < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) response {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return response{resp.StatusCode, resp.Header, string(body)}
}

const order = "amount=8000&currency=eur&capture_method=manual&payment_method_types[0]=card&metadata[appointment_id]=a1&metadata[generation]=1"

func (a account) intent(t *testing.T) string {
	t.Helper()
	r := a.call(t, "POST", "/v1/payment_intents", order)
	require.Equal(t, http.StatusOK, r.status, r.body)
	return r.object(t)["id"].(string)
}

func (a account) held(t *testing.T) string {
	t.Helper()
	id := a.intent(t)
	require.NoError(t, a.Pay(id))
	return id
}

func TestRequestsThatStripeRefuses(t *testing.T) {
	a := open(t, sandbox.Config{})
	id := a.intent(t)
	tests := map[string]struct {
		method, path, form string
		status             int
		code               string
	}{
		"no amount":         {"POST", "/v1/payment_intents", "currency=eur", 400, "parameter_missing"},
		"no integer":        {"POST", "/v1/payment_intents", "amount=80.00&currency=eur", 400, "parameter_invalid_integer"},
		"too little":        {"POST", "/v1/payment_intents", "amount=49&currency=eur", 400, "amount_too_small"},
		"too much":          {"POST", "/v1/payment_intents", "amount=100000000&currency=eur", 400, "amount_too_large"},
		"capitals":          {"POST", "/v1/payment_intents", "amount=8000&currency=EUR", 400, "invalid_request_error"},
		"unknown parameter": {"POST", "/v1/payment_intents", order + "&patient=x", 400, "parameter_unknown"},
		"two ways to pay":   {"POST", "/v1/payment_intents", order + "&automatic_payment_methods[enabled]=true", 400, "parameters_exclusive"},
		"unknown intent":    {"GET", "/v1/payment_intents/pi_x", "", 404, "resource_missing"},
		"nothing held":      {"POST", "/v1/payment_intents/" + id + "/capture", "", 400, "payment_intent_unexpected_state"},
		"nothing to refund": {"POST", "/v1/refunds", "payment_intent=" + id, 400, "invalid_request_error"},
		"refund of nothing": {"POST", "/v1/refunds", "amount=1", 400, "parameter_missing"},
		"strange cursor":    {"GET", "/v1/payment_intents?starting_after=pi_x", "", 404, "resource_missing"},
		"page too long":     {"GET", "/v1/payment_intents?limit=101", "", 400, "parameter_invalid_integer"},
		"another part":      {"GET", "/v1/customers", "", 404, "invalid_request_error"},
		"strange reason":    {"POST", "/v1/payment_intents/" + id + "/cancel", "cancellation_reason=x", 400, "invalid_request_error"},
		"no such test card": {"POST", "/v1/payment_intents/" + id + "/confirm", "payment_method=pm_card_visa_chargeDeclinedLostCard", 402, "card_declined"},
		"wrong client":      {"GET", "/v1/payment_intents/" + id + "?client_secret=x", "", 404, "resource_missing"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			r := a.call(t, c.method, c.path, c.form)
			require.Equal(t, c.status, r.status, r.body)
			require.Equal(t, c.code, r.errorCode(t))
			require.NotEmpty(t, r.header.Get("Request-Id"))
		})
	}
	require.Equal(t, http.StatusUnauthorized, a.call(t, "GET", "/v1/payment_intents", "", "Authorization", "Bearer sk_test_other").status)
	require.Equal(t, http.StatusUnauthorized, a.call(t, "GET", "/v1/payment_intents", "", "Authorization", "").status)
	require.Equal(t, http.StatusBadRequest, a.call(t, "GET", "/v1/payment_intents", "", "Stripe-Version", "2024-06-20").status)
}

func TestIdempotencyKeysAreTreatedAsStripeDoes(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	a := open(t, sandbox.Config{Now: func() time.Time { return now }})
	first := a.call(t, "POST", "/v1/payment_intents", order, "Idempotency-Key", "k")
	require.Empty(t, first.header.Get("Idempotent-Replayed"))

	again := a.call(t, "POST", "/v1/payment_intents", order, "Idempotency-Key", "k")
	require.Equal(t, first.body, again.body)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))

	other := a.call(t, "POST", "/v1/payment_intents", strings.Replace(order, "8000", "9000", 1), "Idempotency-Key", "k")
	require.Equal(t, http.StatusBadRequest, other.status)
	require.Equal(t, "idempotency_error", other.errorCode(t))

	// What was refused before it was executed is not stored.
	require.Equal(t, 400, a.call(t, "POST", "/v1/payment_intents", "amount=1&currency=eur", "Idempotency-Key", "bad").status)
	require.Equal(t, 200, a.call(t, "POST", "/v1/payment_intents", order, "Idempotency-Key", "bad").status)

	// What failed while it was executed is.
	id := first.object(t)["id"].(string)
	require.Equal(t, 400, a.call(t, "POST", "/v1/payment_intents/"+id+"/capture", "", "Idempotency-Key", "early").status)
	require.NoError(t, a.Pay(id))
	early := a.call(t, "POST", "/v1/payment_intents/"+id+"/capture", "", "Idempotency-Key", "early")
	require.Equal(t, "payment_intent_unexpected_state", early.errorCode(t))
	require.Equal(t, "true", early.header.Get("Idempotent-Replayed"))

	now = now.Add(24 * time.Hour)
	late := a.call(t, "POST", "/v1/payment_intents", order, "Idempotency-Key", "k")
	require.NotEqual(t, first.object(t)["id"], late.object(t)["id"], "a day later the key is forgotten")
}

func TestStored500IsReplayedAndA503IsNot(t *testing.T) {
	a := open(t, sandbox.Config{})
	for status, code := range map[int]int{500: 500, 503: 200, 429: 200} {
		a.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Mode: sandbox.Fail, Status: status, Count: 1})
		key := http.StatusText(status)
		require.Equal(t, status, a.call(t, "POST", "/v1/payment_intents", order, "Idempotency-Key", key).status)
		require.Equal(t, code, a.call(t, "POST", "/v1/payment_intents", order, "Idempotency-Key", key).status)
	}
	require.Len(t, a.Ledger().Payments, 2)
}

func TestBrowserPaysWithPublishableKeyAndClientSecret(t *testing.T) {
	a := open(t, sandbox.Config{})
	o := a.call(t, "POST", "/v1/payment_intents", order).object(t)
	path := "/v1/payment_intents/" + o["id"].(string)
	secret := "client_secret=" + url.QueryEscape(o["client_secret"].(string))
	auth := []string{"Authorization", "Bearer pk_test_x"}
	require.Equal(t, 200, a.call(t, "GET", path+"?"+secret, "", auth...).status)
	require.Equal(t, 401, a.call(t, "GET", path, "", auth...).status)
	require.Equal(t, 401, a.call(t, "POST", path+"/capture", secret, auth...).status)
	require.Equal(t, 404, a.call(t, "POST", path+"/confirm", "client_secret=x", auth...).status)
	paid := a.call(t, "POST", path+"/confirm", secret, auth...)
	require.Equal(t, "requires_capture", paid.object(t)["status"])
}

func TestPartialCaptureLetsTheRestGo(t *testing.T) {
	a := open(t, sandbox.Config{})
	id := a.held(t)
	r := a.call(t, "POST", "/v1/payment_intents/"+id+"/capture", "amount_to_capture=5000")
	require.EqualValues(t, 5000, r.object(t)["amount_received"])
	e, _ := a.Payment(id)
	require.EqualValues(t, 5000, e.Captured)
	require.EqualValues(t, 3000, e.Voided)
	require.Equal(t, 400, a.call(t, "POST", "/v1/refunds", "payment_intent="+id+"&amount=5001").status)
	require.Equal(t, 200, a.call(t, "POST", "/v1/refunds", "payment_intent="+id).status)
	require.Equal(t, "charge_already_refunded", a.call(t, "POST", "/v1/refunds", "payment_intent="+id).errorCode(t))
}

func TestAuthorisationLapses(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	a := open(t, sandbox.Config{Now: func() time.Time { return now }})
	id := a.held(t)
	now = now.Add(7 * 24 * time.Hour)
	o := a.call(t, "GET", "/v1/payment_intents/"+id, "").object(t)
	require.Equal(t, "canceled", o["status"])
	require.Equal(t, "automatic", o["cancellation_reason"])
}

func TestListsArePagedNewestFirst(t *testing.T) {
	a := open(t, sandbox.Config{})
	var ids []string
	for range 12 {
		ids = append([]string{a.intent(t)}, ids...)
	}
	page := func(query string) (got []string, more bool) {
		o := a.call(t, "GET", "/v1/payment_intents?"+query, "").object(t)
		for _, i := range o["data"].([]any) {
			got = append(got, i.(map[string]any)["id"].(string))
		}
		return got, o["has_more"].(bool)
	}
	got, more := page("")
	require.Equal(t, ids[:10], got)
	require.True(t, more)
	got, more = page("starting_after=" + got[9])
	require.Equal(t, ids[10:], got)
	require.False(t, more)
	got, _ = page("created[gte]=99999999999")
	require.Empty(t, got)
}
