package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/sandbox"
)

func TestPaymentIsPaidOnItsPage(t *testing.T) {
	a := open(t, sandbox.Config{})
	o := a.call(t, "POST", "/v1/payment_intents", order).object(t)
	path := "/pay/" + o["id"].(string)
	require.Contains(t, a.call(t, "GET", "/payments", "").body, path)
	require.Equal(t, http.StatusNotFound, a.call(t, "GET", path+"?client_secret=x", "").status)

	withSecret := path + "?client_secret=" + o["client_secret"].(string)
	require.Contains(t, a.call(t, "GET", withSecret, "").body, "Pay EUR 80.00")
	declined := a.call(t, "POST", withSecret, "do=decline&decline_code=lost_card")
	require.Equal(t, http.StatusSeeOther, declined.status)
	require.Contains(t, a.call(t, "GET", declined.header.Get("Location"), "").body, "The card was declined")
	paid := a.call(t, "POST", withSecret, "do=pay")
	require.Contains(t, a.call(t, "GET", paid.header.Get("Location"), "").body, "Paid.")
	again := a.call(t, "POST", withSecret, "do=pay")
	require.Contains(t, a.call(t, "GET", again.header.Get("Location"), "").body, "not possible any more")
	require.Contains(t, a.call(t, "GET", "/ledger", "").body, "EUR 80.00")
	e, _ := a.Payment(o["id"].(string))
	require.Equal(t, 1, e.Declines)
	require.EqualValues(t, 8000, e.Held)
}

func TestOpeningAPageChangesNothing(t *testing.T) {
	a := open(t, sandbox.Config{})
	id := a.intent(t)
	before := a.Ledger()
	for _, path := range []string{"/", "/payments", "/pay/" + id, "/pay/" + id + "?do=pay", "/mails", "/ledger", "/style.css"} {
		require.Equal(t, http.StatusOK, a.call(t, "GET", path, "").status, path)
	}
	require.Equal(t, before, a.Ledger())
}

func TestControlByJSON(t *testing.T) {
	a := open(t, sandbox.Config{})
	id := a.intent(t)
	step := func(verb, body string, status int, want string) {
		t.Helper()
		r := a.call(t, "POST", "/_sandbox/payment_intents/"+id+"/"+verb, body)
		require.Equal(t, status, r.status, r.body)
		require.Contains(t, r.body, want)
	}
	step("fail", `{"decline_code":"lost_card"}`, 200, `"declines": 1`)
	step("dispute", "", 409, "wrong_status")
	step("pay", "", 200, `"held": 8000`)
	step("pay", "", 409, "wrong_status")
	require.Equal(t, 200, a.call(t, "POST", "/v1/payment_intents/"+id+"/capture", "").status)
	step("refund", `{"amount":3000}`, 200, `"refunded": 3000`)
	step("refund", `{"amount":9000}`, 400, "5000 minor units left")
	step("fail_refunds", "", 200, `"refunded": 0`)
	step("dispute", "", 200, `"disputed": true`)
	step("lapse", "", 409, "wrong_status")
	step("pay", `{"x":1}`, 400, "not the JSON expected")
	require.Equal(t, 404, a.call(t, "POST", "/_sandbox/payment_intents/pi_x/pay", "").status)
	require.Equal(t, 404, a.call(t, "GET", "/_sandbox/payment_intents/pi_x", "").status)
	require.Contains(t, a.call(t, "GET", "/_sandbox/ledger", "").body, `"kept": 8000`)

	a.mail(t, mailJSON)
	require.Contains(t, a.call(t, "GET", "/_sandbox/mails?message_id=m-1&to=asha@example.com", "").body, `"text": "plain"`)
	require.Equal(t, "[]", strings.TrimSpace(a.call(t, "GET", "/_sandbox/mails?to=b@example.com", "").body))
	require.Equal(t, 200, a.call(t, "PUT", "/_sandbox/webhook", `{"url":"http://127.0.0.1:1"}`).status)
	require.Equal(t, 200, a.call(t, "POST", "/_sandbox/webhooks/resend", "").status)
	require.Equal(t, 200, a.call(t, "POST", "/_sandbox/keys/forget", "").status)
}

func TestFaultsByJSON(t *testing.T) {
	a := open(t, sandbox.Config{})
	put := func(body string) response { return a.call(t, "PUT", "/_sandbox/faults", body) }
	require.Equal(t, 400, put(`[{"vendor":"paypal","mode":"fail"}]`).status)
	require.Equal(t, 400, put(`[{"vendor":"webhook","mode":"fail"}]`).status)
	require.Equal(t, 400, put(`[{"vendor":"stripe","mode":"fail","match":"["}]`).status)
	require.Equal(t, 200, put(`[{"vendor":"stripe","match":"POST /v1/payment_intents","mode":"fail","status":503,"count":1},
		{"vendor":"stripe","mode":"latency","latency":"1ms"}]`).status)
	require.Equal(t, 503, a.call(t, "POST", "/v1/payment_intents", order).status)
	require.Equal(t, 200, a.call(t, "POST", "/v1/payment_intents", order).status)
	require.Contains(t, a.call(t, "GET", "/_sandbox/faults", "").body, `"hits": 2`)
	require.Contains(t, a.call(t, "GET", "/", "").body, "latency")
	require.Equal(t, 200, a.call(t, "DELETE", "/_sandbox/faults", "").status)
	require.Empty(t, a.Faults())

	added := a.call(t, "POST", "/_sandbox/faults", `{"vendor":"stripe","mode":"hold_after"}`).object(t)
	done := make(chan int, 1)
	go a.order(done)
	require.NoError(t, a.Wait(t.Context(), func() bool { return len(a.Ledger().Payments) == 2 }))
	require.Equal(t, 200, a.call(t, "POST", "/_sandbox/faults/"+added["id"].(string)+"/release", "").status)
	require.Equal(t, 200, <-done)
	require.Equal(t, 404, a.call(t, "POST", "/_sandbox/faults/"+added["id"].(string)+"/release", "").status)
}

// order creates an intent beside the test and reports the status; 0: no answer.
func (a account) order(done chan<- int) {
	req, err := http.NewRequest(http.MethodPost, a.url+"/v1/payment_intents", strings.NewReader(order))
	if err != nil {
		done <- 0
		return
	}
	req.Header.Set("Authorization", "Bearer "+sandbox.DefaultStripeKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		done <- 0
		return
	}
	_ = resp.Body.Close() // nothing was sent over it that could be lost
	done <- resp.StatusCode
}

func TestReleaseBeforeExecutionLetsItHappen(t *testing.T) {
	a := open(t, sandbox.Config{})
	hold := a.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Mode: sandbox.Hold, Count: 1})
	done := make(chan int, 1)
	go a.order(done)
	require.NoError(t, hold.WaitHeld(t.Context()))
	require.Empty(t, a.Ledger().Payments)
	hold.Release()
	hold.Release()
	require.Equal(t, 200, <-done)
	require.Len(t, a.Ledger().Payments, 1)
}
