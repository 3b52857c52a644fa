package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
)

// endpoint receives webhooks and believes only what Stripe's own library verifies.
type endpoint struct {
	url    string
	mu     sync.Mutex
	events []stripe.Event
	broken int // answers 500 so many times
	bad    []error
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		if err == nil {
			var event stripe.Event
			if event, err = webhook.ConstructEvent(body, r.Header.Get("Stripe-Signature"), sandbox.DefaultWebhookSecret); err == nil && e.broken == 0 {
				e.events = append(e.events, event)
				return
			}
		}
		if err != nil {
			e.bad = append(e.bad, err)
		}
		e.broken = max(0, e.broken-1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(func() {
		server.Close()
		require.Empty(t, e.bad)
	})
	e.url = server.URL
	return e
}

func (e *endpoint) types() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, event := range e.events {
		out = append(out, string(event.Type))
	}
	return out
}

func soon(int) time.Duration { return time.Millisecond }

func TestEventsArriveInOrderAndAreTriedUntilAccepted(t *testing.T) {
	e := newEndpoint(t)
	e.broken = 3
	a := open(t, sandbox.Config{WebhookURL: e.url, WebhookBackoff: soon})
	id := a.intent(t)
	require.NoError(t, a.Wait(t.Context(), func() bool { return a.Ledger().PendingWebhooks == 0 }))
	require.NoError(t, a.Pay(id))
	require.Equal(t, 200, a.call(t, "POST", "/v1/payment_intents/"+id+"/capture", "", "Idempotency-Key", "capture-1").status)
	require.NoError(t, a.Wait(t.Context(), func() bool { return a.Ledger().PendingWebhooks == 0 }))
	require.Equal(t, []string{
		"payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated", "charge.captured", "payment_intent.succeeded",
	}, e.types())
	last := e.events[4]
	require.Equal(t, "capture-1", last.Request.IdempotencyKey)
	var intent stripe.PaymentIntent
	require.NoError(t, json.Unmarshal(last.Data.Raw, &intent))
	require.Equal(t, id, intent.ID)
	require.Equal(t, stripe.PaymentIntentStatusSucceeded, intent.Status)
	require.Equal(t, "a1", intent.Metadata["appointment_id"])
}

func TestOnlyTheEventsThatWereChosenAreSent(t *testing.T) {
	e := newEndpoint(t)
	a := open(t, sandbox.Config{WebhookURL: e.url, WebhookBackoff: soon, WebhookEvents: []string{"payment_intent.succeeded", "charge.refunded"}})
	id := a.intent(t)
	require.NoError(t, a.Pay(id))
	require.Equal(t, 200, a.call(t, "POST", "/v1/payment_intents/"+id+"/capture", "").status)
	require.NoError(t, a.Wait(t.Context(), func() bool { return a.Ledger().PendingWebhooks == 0 }))
	require.Equal(t, []string{"payment_intent.succeeded"}, e.types())
}

func TestEventsAreGivenUpInTheEnd(t *testing.T) {
	e := newEndpoint(t)
	e.broken = 1000
	a := open(t, sandbox.Config{WebhookURL: e.url, WebhookBackoff: soon, WebhookAttempts: 4})
	a.intent(t)
	require.NoError(t, a.Wait(t.Context(), func() bool { return a.Ledger().PendingWebhooks == 0 }))
	require.Equal(t, 996, e.broken)
}

func TestWebhookFaults(t *testing.T) {
	const capturable = "payment_intent.amount_capturable_updated"
	tests := map[string]struct {
		fault sandbox.Fault
		want  []string
	}{
		"lost":      {sandbox.Fault{Mode: sandbox.Lost}, []string{"payment_intent.succeeded"}},
		"doubled":   {sandbox.Fault{Mode: sandbox.Doubled}, []string{capturable, capturable, "payment_intent.succeeded"}},
		"late":      {sandbox.Fault{Mode: sandbox.Late, Latency: domain.Duration(100 * time.Millisecond)}, []string{"payment_intent.succeeded", capturable}},
		"reordered": {sandbox.Fault{Mode: sandbox.Reordered}, []string{"payment_intent.succeeded", capturable}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t)
			a := open(t, sandbox.Config{WebhookURL: e.url, WebhookBackoff: soon})
			a.Inject(sandbox.Fault{Vendor: sandbox.Webhook, Match: "charge.*", Mode: sandbox.Lost})
			a.Inject(sandbox.Fault{Vendor: sandbox.Webhook, Match: "payment_intent.created", Mode: sandbox.Lost})
			c.fault.Vendor, c.fault.Match = sandbox.Webhook, capturable
			id := a.intent(t)
			c.fault.Key = id
			a.Inject(c.fault)
			require.NoError(t, a.Pay(id))
			require.Equal(t, 200, a.call(t, "POST", "/v1/payment_intents/"+id+"/capture", "").status)
			require.NoError(t, a.Wait(t.Context(), func() bool { return a.Ledger().PendingWebhooks == 0 }))
			require.Equal(t, c.want, e.types())
			if name == "doubled" {
				require.Equal(t, e.events[0].ID, e.events[1].ID)
			}
		})
	}
}

func TestEventsWaitUntilThereIsAnEndpoint(t *testing.T) {
	a := open(t, sandbox.Config{})
	id := a.intent(t)
	require.NoError(t, a.Decline(id, ""))
	require.Equal(t, 3, a.Ledger().PendingWebhooks)
	e := newEndpoint(t)
	a.SetWebhook(e.url, "")
	require.NoError(t, a.Wait(t.Context(), func() bool { return a.Ledger().PendingWebhooks == 0 }))
	require.Equal(t, []string{"payment_intent.created", "charge.failed", "payment_intent.payment_failed"}, e.types())
}
