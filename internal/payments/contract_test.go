package payments_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/payments"
	"github.com/careflow/careflow/internal/sandbox"
)

// recorder keeps each request on its way to the sandbox.
type recorder struct {
	requests []recorded
}

type recorded struct {
	method, path, body string
	header             http.Header
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	r.requests = append(r.requests, recorded{req.Method, req.URL.RequestURI(), string(body), req.Header.Clone()})
	return http.DefaultTransport.RoundTrip(req)
}

// TestStripeMockAcceptsEachRequest holds every request of the adapter against
// Stripe's own OpenAPI description, so that the sandbox cannot be wrong in the same
// way as we are.
func TestStripeMockAcceptsEachRequest(t *testing.T) {
	mock := os.Getenv("CAREFLOW_TEST_STRIPE_MOCK")
	require.NotEmpty(t, mock, "CAREFLOW_TEST_STRIPE_MOCK is the URL of a running stripe-mock; make test sets it")

	s := open(t, sandbox.Config{})
	rec := &recorder{}
	p := payments.New(payments.Config{Key: sandbox.DefaultStripeKey, URL: s.url, HTTP: &http.Client{Transport: rec}})
	ctx := t.Context()
	create := func(generation int, key string) domain.Intent {
		i, err := p.CreateIntent(ctx, domain.IntentRequest{AppointmentID: visit, Generation: generation, Amount: domain.Money{Minor: 8000, Currency: "EUR"}, IdempotencyKey: key})
		require.NoError(t, err)
		require.NoError(t, s.box.Pay(i.ID))
		return i
	}
	kept, voided := create(1, "create:1"), create(2, "create:2")
	_, err := p.FindIntents(ctx, visit, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	_, err = p.GetIntent(ctx, kept.ID)
	require.NoError(t, err)
	_, err = p.Capture(ctx, kept.ID, "capture")
	require.NoError(t, err)
	_, err = p.Cancel(ctx, voided.ID, "cancel")
	require.NoError(t, err)
	_, err = p.Refund(ctx, domain.RefundRequest{IntentID: kept.ID, AppointmentID: visit, Minor: 100, IdempotencyKey: "refund"})
	require.NoError(t, err)
	_, err = p.ListRefunds(ctx, kept.ID)
	require.NoError(t, err)
	_, err = p.ListDisputes(ctx, kept.ID)
	require.NoError(t, err)

	require.Len(t, rec.requests, 10)
	for _, r := range rec.requests {
		require.Equal(t, sandbox.APIVersion, r.header.Get("Stripe-Version"))
		require.Empty(t, r.header.Get("X-Stripe-Client-Telemetry"))
		status, answer := send(t, mock, r)
		require.Equal(t, http.StatusOK, status, "%s %s %s: %s", r.method, r.path, r.body, answer)
	}

	// The mock does refuse what Stripe does not know, else this test would show nothing.
	wrong := rec.requests[0]
	wrong.body += "&patient_name=x"
	status, _ := send(t, mock, wrong)
	require.Equal(t, http.StatusBadRequest, status)
}

func send(t *testing.T, mock string, r recorded) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, strings.TrimRight(mock, "/")+r.path, strings.NewReader(r.body))
	require.NoError(t, err)
	req.Header = r.header
	req.Header.Set("Authorization", "Bearer sk_test_123")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}
