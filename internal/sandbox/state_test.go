package sandbox_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/sandbox"
)

func TestStateSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sandbox.db")
	var id, first string
	t.Run("before", func(t *testing.T) {
		a := open(t, sandbox.Config{StatePath: path, WebhookURL: "http://127.0.0.1:1/nobody", WebhookBackoff: soon})
		created := a.call(t, "POST", "/v1/payment_intents", order, "Idempotency-Key", "create")
		id, first = created.object(t)["id"].(string), created.body
		require.NoError(t, a.Pay(id))
		require.Equal(t, 200, a.call(t, "POST", "/v1/payment_intents/"+id+"/capture", "", "Idempotency-Key", "capture").status)
		require.Equal(t, 200, a.call(t, "POST", "/v1/refunds", "payment_intent="+id+"&amount=1000", "Idempotency-Key", "refund").status)
		require.Equal(t, 202, a.mail(t, mailJSON).status)
	})
	hook := newEndpoint(t)
	a := open(t, sandbox.Config{StatePath: path, WebhookURL: hook.url})
	require.Equal(t, first, a.call(t, "POST", "/v1/payment_intents", order, "Idempotency-Key", "create").body)
	require.Equal(t, 200, a.call(t, "POST", "/v1/refunds", "payment_intent="+id+"&amount=1000", "Idempotency-Key", "refund").status)
	e, ok := a.Payment(id)
	require.True(t, ok)
	require.EqualValues(t, 8000, e.Captured)
	require.EqualValues(t, 1000, e.Refunded)
	require.Len(t, a.Mailbox(), 1)
	require.NoError(t, a.Wait(t.Context(), func() bool { return a.Ledger().PendingWebhooks == 0 }))
	require.Contains(t, hook.types(), "payment_intent.succeeded", "webhooks that were owed are sent after the restart")
}

func TestStateFileHasOneOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sandbox.db")
	open(t, sandbox.Config{StatePath: path})
	_, err := sandbox.New(sandbox.Config{StatePath: path})
	require.ErrorContains(t, err, "is another sandbox using it?")
}
