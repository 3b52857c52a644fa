package sandbox_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/sandbox"
)

// browser sends what the frames of the payment element send.
func (a account) browser(t *testing.T, path string, form url.Values) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer pk_test_browser")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// asked makes an intent and returns its ID and secret.
func (a account) asked(t *testing.T) (id, secret string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/v1/payment_intents",
		strings.NewReader("amount=8000&currency=eur&capture_method=manual&payment_method_types[]=card"))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+sandbox.DefaultStripeKey)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	_, secret, _ = strings.Cut(string(body), `"client_secret": "`)
	secret, _, _ = strings.Cut(secret, `"`)
	id, _, _ = strings.Cut(secret, "_secret_")
	require.NotEmpty(t, id)
	return id, secret
}

func TestTheCardThatABrowserEntersDecides(t *testing.T) {
	for number, want := range map[string]struct {
		status int
		says   string
	}{
		"4242424242424242": {http.StatusOK, `"requires_capture"`},
		"4000000000000002": {http.StatusPaymentRequired, `"generic_decline"`},
		"4000000000000069": {http.StatusPaymentRequired, `"expired_card"`},
		"4242424242424241": {http.StatusPaymentRequired, `"incorrect_number"`},
		"4000002500003155": {http.StatusOK, `"requires_action"`},
	} {
		t.Run(number, func(t *testing.T) {
			a := open(t, sandbox.Config{})
			id, secret := a.asked(t)
			status, body := a.browser(t, "/v1/payment_intents/"+id+"/confirm", url.Values{
				"client_secret": {secret}, "payment_method_data[type]": {"card"}, "payment_method_data[card][number]": {number},
			})
			require.Equal(t, want.status, status, body)
			require.Contains(t, body, want.says)
		})
	}
}

func TestABankThatAsksDecidesAboutThePayment(t *testing.T) {
	a := open(t, sandbox.Config{})
	id, secret := a.asked(t)
	confirm := func() {
		status, body := a.browser(t, "/v1/payment_intents/"+id+"/confirm", url.Values{
			"client_secret": {secret}, "payment_method_data[card][number]": {"4000002500003155"},
		})
		require.Equal(t, http.StatusOK, status, body)
	}
	settle := func(secret, outcome string) (int, string) {
		return a.browser(t, "/v3/challenges/"+id, url.Values{"client_secret": {secret}, "outcome": {outcome}})
	}
	status, _ := settle(secret, "succeed")
	require.Equal(t, http.StatusBadRequest, status, "nobody asked yet")
	confirm()
	status, _ = settle("another", "succeed")
	require.Equal(t, http.StatusNotFound, status)
	status, body := settle(secret, "fail")
	require.Equal(t, http.StatusPaymentRequired, status)
	require.Contains(t, body, "payment_intent_authentication_failure")
	confirm()
	status, body = settle(secret, "succeed")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "requires_capture")
	p, _ := a.Payment(id)
	require.Equal(t, int64(8000), p.Held)
}
