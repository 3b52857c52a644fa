package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

func TestTheDemonstrationSaysWhatIsNotRunning(t *testing.T) {
	t.Parallel()
	r := careflow(t.Context(), nil, "demo", "--api", "http://127.0.0.1:1")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "the API does not answer at http://127.0.0.1:1 (`make up` starts it)")
}

func TestTheDemonstrationSaysThatTheClinicIsMissing(t *testing.T) {
	t.Parallel()
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"code": "unauthenticated", "detail": "The address or the password is wrong."}`))
	}))
	t.Cleanup(empty.Close)
	r := careflow(t.Context(), nil, "demo", "--api", empty.URL)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "needs the seeded clinic")
	require.Contains(t, r.errors, "401 unauthenticated: The address or the password is wrong.")
}

func TestTheDemonstrationFindsTheSandboxOfItsEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, stripe, want string }{
		{"nothing set", "", "http://localhost:8090"},
		{"a local stack", "http://127.0.0.1:9090", "http://localhost:9090"},
		{"Stripe itself", "https://api.stripe.com", "http://localhost:8090"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, sandboxURL(map[string]string{"CAREFLOW_STRIPE_URL": c.stripe}))
		})
	}
}

func TestTheDemonstrationMissesWhatIsNotInTheBooks(t *testing.T) {
	t.Parallel()
	var letters []openapi.Message
	var ledger demoLedger
	for kind, n := range expectedLetters {
		for range n {
			id := domain.NewID()
			letters = append(letters, openapi.Message{ID: id, Kind: string(kind), Recipient: "patient", Status: openapi.MessageStatusSent})
			ledger.Mails = append(ledger.Mails, struct {
				MessageID string `json:"message_id"`
				Count     int    `json:"count"`
			}{id, 1})
		}
	}
	require.Empty(t, wrongLetters(letters, ledger, expectedLetters))

	ledger.Mails[0].Count = 2
	require.Len(t, wrongLetters(letters, ledger, expectedLetters), 1, "a letter that was sent twice")
	ledger.Mails[0].Count = 1
	require.Len(t, wrongLetters(letters[1:], ledger, expectedLetters), 1, "a letter that is missing")
	letters[0].Status = openapi.MessageStatusSkipped
	require.Len(t, wrongLetters(letters, ledger, expectedLetters), 1, "a letter that was skipped")

	paid := demoPayment{IntentID: "pi", AppointmentID: "a", Currency: "eur", Amount: 8000, Captured: 8000, Captures: 1}
	d := demonstration{voice: newDemoVoice(&output{}), visit: openapi.Appointment{
		ID: "a", Terms: openapi.Terms{Price: openapi.Money{Minor: 8000, Currency: "EUR"}},
		Payment: openapi.Payment{Captured: openapi.Money{Minor: 8000, Currency: "EUR"}},
	}}
	require.Empty(t, d.wrongMoney(demoLedger{Payments: []demoPayment{paid}}))
	require.Len(t, d.wrongMoney(demoLedger{}), 1, "no payment")
	refunded := paid
	refunded.Refunded = 8000
	require.Len(t, d.wrongMoney(demoLedger{Payments: []demoPayment{refunded}}), 1, "money that went back")
}

func TestDurationsAreToldInSeconds(t *testing.T) {
	t.Parallel()
	require.Equal(t, "30 s", seconds(29*time.Second+990*time.Millisecond))
	require.Equal(t, "1 min 05 s", seconds(65*time.Second))
}

func TestHistoryCostTakesOneAppointment(t *testing.T) {
	t.Parallel()
	r := careflow(t.Context(), nil, "history-cost")
	require.Equal(t, exitMistaken, r.code)
	require.Contains(t, r.errors, "takes one appointment ID")
}
