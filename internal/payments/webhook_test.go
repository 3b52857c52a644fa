package payments_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/payments"
	"github.com/careflow/careflow/internal/sandbox"
)

const webhookSecret = "whsec_test"

func verifier() *payments.Stripe {
	return payments.New(payments.Config{Key: "sk", WebhookSecret: "whsec_next, " + webhookSecret})
}

func eventBody(t *testing.T, kind string, object map[string]any) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"id": "evt_1", "object": "event", "api_version": sandbox.APIVersion, "created": 1772442000, "type": kind,
		"data": map[string]any{"object": object},
	})
	require.NoError(t, err)
	return body
}

func TestWebhookNamesIntentAndAppointment(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	meta := map[string]any{"appointment_id": visit}
	tests := map[string]map[string]any{
		"payment_intent.amount_capturable_updated": {"id": "pi_1", "object": "payment_intent", "metadata": meta},
		"payment_intent.canceled":                  {"id": "pi_1", "object": "payment_intent", "metadata": meta},
		"charge.refunded":                          {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": meta},
		"charge.dispute.created":                   {"id": "dp_1", "object": "dispute", "charge": "ch_1", "payment_intent": map[string]any{"id": "pi_1"}, "metadata": meta},
	}
	for kind, object := range tests {
		t.Run(kind, func(t *testing.T) {
			body := eventBody(t, kind, object)
			event, err := verifier().VerifyWebhook(body, sandbox.Sign(body, webhookSecret, now.Add(-time.Minute)), now)
			require.NoError(t, err)
			require.Equal(t, domain.PaymentEvent{
				ID: "evt_1", Type: kind, IntentID: "pi_1", AppointmentID: visit, Created: time.Unix(1772442000, 0).UTC(),
			}, event)
		})
	}
}

func TestWebhookAboutSomethingElseHasNoIntent(t *testing.T) {
	now := time.Now()
	body := eventBody(t, "balance.available", map[string]any{"object": "balance"})
	event, err := verifier().VerifyWebhook(body, sandbox.Sign(body, webhookSecret, now), now)
	require.NoError(t, err)
	require.Empty(t, event.IntentID)
}

func TestWebhookThatIsNotStripesIsRefused(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	body := eventBody(t, "charge.refunded", map[string]any{"id": "ch_1", "object": "charge"})
	good := sandbox.Sign(body, webhookSecret, now)
	old := sandbox.Sign(body, webhookSecret, now.Add(-6*time.Minute))
	tests := map[string]struct {
		body   []byte
		header string
	}{
		"no signature":       {body, ""},
		"another secret":     {body, sandbox.Sign(body, "whsec_other", now)},
		"another body":       {append([]byte(" "), body...), good},
		"an old one":         {body, old},
		"one of the future":  {body, sandbox.Sign(body, webhookSecret, now.Add(6*time.Minute))},
		"an old one retimed": {body, strings.Replace(sandbox.Sign(body, webhookSecret, now), "t=", "t=1,t=", 1)},
		"a fresh time first": {body, "t=" + strings.TrimPrefix(strings.Split(good, ",")[0], "t=") + "," + old},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := verifier().VerifyWebhook(c.body, c.header, now)
			require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
		})
	}
	_, err := payments.New(payments.Config{Key: "sk"}).VerifyWebhook(body, good, now)
	require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err), "without a secret nothing is believed")
}

func TestWebhookOfAnotherAPIVersionIsNotUnderstood(t *testing.T) {
	now := time.Now()
	body := []byte(strings.Replace(string(eventBody(t, "charge.refunded", map[string]any{"object": "charge"})), sandbox.APIVersion, "2024-06-20", 1))
	_, err := verifier().VerifyWebhook(body, sandbox.Sign(body, webhookSecret, now), now)
	require.Equal(t, domain.CodeVendorRejected, domain.CodeOf(err))
	require.Equal(t, "2024-06-20", detail(t, err))
}

func TestSandboxWebhooksAreVerified(t *testing.T) {
	events := make(chan domain.PaymentEvent, 20)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			var event domain.PaymentEvent
			if event, err = verifier().VerifyWebhook(body, r.Header.Get("Stripe-Signature"), time.Now()); err == nil {
				events <- event
			}
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer endpoint.Close()
	s := open(t, sandbox.Config{WebhookURL: endpoint.URL, WebhookSecret: webhookSecret})
	i := s.captured(t)
	require.NoError(t, s.box.RefundByHand(i.ID, 0))
	require.NoError(t, s.box.Dispute(i.ID))
	want := []string{
		"payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated",
		"charge.captured", "payment_intent.succeeded", "charge.refunded", "charge.dispute.created",
	}
	for _, kind := range want {
		event := <-events
		require.Equal(t, kind, event.Type)
		require.Equal(t, i.ID, event.IntentID)
	}
}
