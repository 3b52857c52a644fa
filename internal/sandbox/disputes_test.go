package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/sandbox"
)

// charged is an intent whose 80 euros were taken.
func charged(t *testing.T, a account) string {
	t.Helper()
	id := a.intent(t)
	require.NoError(t, a.Pay(id))
	require.Equal(t, http.StatusOK, a.call(t, "POST", "/v1/payment_intents/"+id+"/capture", "").status)
	return id
}

func TestADisputeIsAnsweredAndDecided(t *testing.T) {
	a := open(t, sandbox.Config{})
	id := charged(t, a)
	list := func() string { return a.call(t, "GET", "/v1/disputes?payment_intent="+id, "").body }
	require.Contains(t, list(), `"data": []`)
	require.NoError(t, a.Dispute(id))
	require.Error(t, a.Dispute(id), "one at a time")
	require.Contains(t, list(), `"needs_response"`)
	require.Contains(t, list(), `"due_by"`)
	require.Contains(t, a.call(t, "POST", "/v1/refunds", "payment_intent="+id).body, "charge_disputed")
	require.NoError(t, a.AnswerDispute(id))
	require.Contains(t, list(), `"under_review"`)
	require.NoError(t, a.DecideDispute(id, true))
	require.Contains(t, list(), `"won"`)
	e, _ := a.Payment(id)
	require.Zero(t, e.Lost)
	require.Error(t, a.DecideDispute(id, false), "it is decided")

	require.NoError(t, a.Dispute(id))
	require.NoError(t, a.DecideDispute(id, false))
	e, _ = a.Payment(id)
	require.EqualValues(t, 8000, e.Lost)
	require.Zero(t, a.Ledger().Totals[0].Kept)
	require.Equal(t, http.StatusNotFound, a.call(t, "GET", "/v1/disputes?payment_intent=pi_x", "").status)
}

func TestRefundsCanStayOnTheirWay(t *testing.T) {
	a := open(t, sandbox.Config{})
	id := charged(t, a)
	require.Equal(t, http.StatusOK, a.call(t, "PUT", "/_sandbox/refunds/hold", `{"on":true}`).status)
	require.Contains(t, a.call(t, "POST", "/v1/refunds", "payment_intent="+id+"&amount=1000").body, `"pending"`)
	require.Equal(t, http.StatusOK, a.call(t, "POST", "/_sandbox/payment_intents/"+id+"/arrive_refunds", "").status)
	require.Contains(t, a.call(t, "GET", "/v1/refunds?payment_intent="+id, "").body, `"succeeded"`)
	require.Contains(t, a.call(t, "POST", "/v1/refunds", "payment_intent="+id+"&amount=1000").body, `"pending"`)
	require.NoError(t, a.FailRefunds(id))
	e, _ := a.Payment(id)
	require.Zero(t, e.Refunded, "what had arrived came back too")
}
