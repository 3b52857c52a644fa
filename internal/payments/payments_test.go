package payments_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/payments"
	"github.com/careflow/careflow/internal/sandbox"
)

const visit = "0190b6c2-7f1e-7cc0-8000-000000000001"

// shop is the adapter and the sandbox it talks to.
type shop struct {
	*payments.Stripe
	box *sandbox.Sandbox
	url string
}

func open(t *testing.T, cfg sandbox.Config) shop {
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
	return shop{payments.New(payments.Config{Key: sandbox.DefaultStripeKey, URL: server.URL}), box, server.URL}
}

func (s shop) intent(t *testing.T) domain.Intent {
	t.Helper()
	i, err := s.CreateIntent(t.Context(), domain.IntentRequest{
		AppointmentID: visit, Generation: 1, Amount: domain.Money{Minor: 8000, Currency: "EUR"}, IdempotencyKey: visit + ":intent:1",
	})
	require.NoError(t, err)
	return i
}

func (s shop) paid(t *testing.T) domain.Intent {
	t.Helper()
	i := s.intent(t)
	require.NoError(t, s.box.Pay(i.ID))
	return i
}

func (s shop) captured(t *testing.T) domain.Intent {
	t.Helper()
	i := s.paid(t)
	_, err := s.Capture(t.Context(), i.ID, visit+":capture:1")
	require.NoError(t, err)
	return i
}

func (s shop) entry(t *testing.T, id string) sandbox.PaymentEntry {
	t.Helper()
	e, ok := s.box.Payment(id)
	require.True(t, ok)
	return e
}

func TestIntentIsHeldThenCapturedThenRefunded(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	s := open(t, sandbox.Config{Now: func() time.Time { return now }})
	i := s.intent(t)
	require.Equal(t, domain.PaymentAwaitingMethod, i.Status)
	require.Equal(t, domain.Money{Minor: 8000, Currency: "EUR"}, i.Amount)
	require.Equal(t, visit, i.AppointmentID)
	require.Equal(t, 1, i.Generation)
	require.NotEmpty(t, i.ClientSecret)
	require.Zero(t, i.CaptureBefore)

	require.NoError(t, s.box.Pay(i.ID))
	held, err := s.GetIntent(t.Context(), i.ID)
	require.NoError(t, err)
	require.Equal(t, domain.PaymentAuthorised, held.Status)
	require.Equal(t, now.Add(7*24*time.Hour), held.CaptureBefore)

	got, err := s.Capture(t.Context(), i.ID, "capture")
	require.NoError(t, err)
	require.Equal(t, domain.PaymentCaptured, got.Status)
	require.EqualValues(t, 8000, got.Captured)

	part, err := s.Refund(t.Context(), domain.RefundRequest{IntentID: i.ID, AppointmentID: visit, Minor: 3000, IdempotencyKey: "refund:1"})
	require.NoError(t, err)
	require.Equal(t, "succeeded", part.Status)
	got, err = s.GetIntent(t.Context(), i.ID)
	require.NoError(t, err)
	require.EqualValues(t, 3000, got.Refunded)
}

func TestSameKeyGivesTheSameIntent(t *testing.T) {
	s := open(t, sandbox.Config{})
	first, again := s.intent(t), s.intent(t)
	require.Equal(t, first, again)
	require.Len(t, s.box.Ledger().Payments, 1)
}

func TestIntentIsFoundAgainAfterItsKeyIsForgotten(t *testing.T) {
	s := open(t, sandbox.Config{})
	i := s.intent(t)
	s.box.ForgetKeys()
	found, err := s.FindIntents(t.Context(), visit, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, i.ID, found[0].ID)
	found, err = s.FindIntents(t.Context(), "another visit", time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Empty(t, found)
	found, err = s.FindIntents(t.Context(), visit, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestFindIntentsReadsEveryPage(t *testing.T) {
	s := open(t, sandbox.Config{})
	for n := range 105 {
		_, err := s.CreateIntent(t.Context(), domain.IntentRequest{
			AppointmentID: visit, Generation: n, Amount: domain.Money{Minor: 8000, Currency: "EUR"}, IdempotencyKey: fmt.Sprint("key ", n),
		})
		require.NoError(t, err)
	}
	found, err := s.FindIntents(t.Context(), visit, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Len(t, found, 105)
	require.Equal(t, 104, found[0].Generation)
}

func TestCaptureAndCancelOfWhatIsDoneReturnTheIntent(t *testing.T) {
	s := open(t, sandbox.Config{})
	i := s.captured(t)
	again, err := s.Capture(t.Context(), i.ID, "another key")
	require.NoError(t, err)
	require.Equal(t, domain.PaymentCaptured, again.Status)
	late, err := s.Cancel(t.Context(), i.ID, "cancel")
	require.NoError(t, err)
	require.Equal(t, domain.PaymentCaptured, late.Status)
	require.Equal(t, 1, s.entry(t, i.ID).Captures)
}

func TestCancelVoidsHeldMoneyAndShowsNoRefund(t *testing.T) {
	s := open(t, sandbox.Config{})
	i := s.paid(t)
	for _, key := range []string{"cancel", "cancel", "cancel again"} {
		got, err := s.Cancel(t.Context(), i.ID, key)
		require.NoError(t, err)
		require.Equal(t, domain.PaymentCancelled, got.Status)
		require.Zero(t, got.Refunded)
		require.Zero(t, got.Captured)
		require.EqualValues(t, 8000, got.LetGo)
	}
	e := s.entry(t, i.ID)
	require.EqualValues(t, 8000, e.Voided)
	require.Zero(t, e.Refunded)
}

func TestCancelOfWhatNobodyPaidLetsNothingGo(t *testing.T) {
	s := open(t, sandbox.Config{})
	got, err := s.Cancel(t.Context(), s.intent(t).ID, "cancel")
	require.NoError(t, err)
	require.Equal(t, domain.PaymentCancelled, got.Status)
	require.Zero(t, got.LetGo)
}

func TestCaptureThatCannotBeIsRefused(t *testing.T) {
	tests := map[string]func(t *testing.T, s shop) domain.Intent{
		"nobody paid": func(t *testing.T, s shop) domain.Intent { return s.intent(t) },
		"the authorisation lapsed": func(t *testing.T, s shop) domain.Intent {
			i := s.paid(t)
			require.NoError(t, s.box.Lapse(i.ID))
			return i
		},
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, sandbox.Config{})
			_, err := s.Capture(t.Context(), set(t, s).ID, "capture")
			require.Equal(t, domain.CodePaymentRefused, domain.CodeOf(err))
			require.Equal(t, "payment_intent_unexpected_state", detail(t, err))
		})
	}
}

func TestCaptureRefusedByTheCardIsPermanent(t *testing.T) {
	s := open(t, sandbox.Config{})
	i := s.paid(t)
	s.box.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: "POST /v1/payment_intents/*/capture", Mode: sandbox.Fail, Status: http.StatusPaymentRequired, DeclineCode: "lost_card"})
	_, err := s.Capture(t.Context(), i.ID, "capture")
	require.Equal(t, domain.CodePaymentRefused, domain.CodeOf(err))
	require.Equal(t, "lost_card", detail(t, err))
}

func TestRefundHappensOncePerKey(t *testing.T) {
	s := open(t, sandbox.Config{})
	i := s.captured(t)
	req := domain.RefundRequest{IntentID: i.ID, AppointmentID: visit, Minor: 3000, IdempotencyKey: "refund:1"}
	first, err := s.Refund(t.Context(), req)
	require.NoError(t, err)
	s.box.ForgetKeys()
	second, err := s.Refund(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.EqualValues(t, 3000, s.entry(t, i.ID).Refunded)

	req.IdempotencyKey, req.Minor = "refund:2", 5000
	_, err = s.Refund(t.Context(), req)
	require.NoError(t, err)
	req.IdempotencyKey, req.Minor = "refund:3", 1
	_, err = s.Refund(t.Context(), req)
	require.Equal(t, domain.CodePaymentRefused, domain.CodeOf(err))
	require.Equal(t, "charge_already_refunded", detail(t, err))
}

func TestOurFaultsAreRejected(t *testing.T) {
	s := open(t, sandbox.Config{})
	_, err := s.GetIntent(t.Context(), "pi_unknown")
	require.Equal(t, domain.CodeVendorRejected, domain.CodeOf(err))
	require.Equal(t, "resource_missing", detail(t, err))

	_, err = payments.New(payments.Config{Key: "sk_test_wrong", URL: s.url}).GetIntent(t.Context(), "pi_unknown")
	require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(err), "people mend the key: no visit ends because of it")

	s.intent(t)
	_, err = s.CreateIntent(t.Context(), domain.IntentRequest{
		AppointmentID: visit, Generation: 1, Amount: domain.Money{Minor: 9000, Currency: "EUR"}, IdempotencyKey: visit + ":intent:1",
	})
	require.Equal(t, domain.CodeVendorRejected, domain.CodeOf(err), "the same key for another amount is a fault of ours")
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	s := open(t, sandbox.Config{})
	i := s.intent(t)
	_, err := s.Capture(t.Context(), i.ID, "capture")
	for e := err; e != nil; e = errors.Unwrap(e) {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", e, e, e.Error()), i.ClientSecret)
		require.NotContains(t, e.Error(), sandbox.DefaultStripeKey)
	}
}

func TestGivingUpIsNotARefusal(t *testing.T) {
	s := open(t, sandbox.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.GetIntent(ctx, "pi_x")
	require.Equal(t, domain.CodeVendorUnavailable, domain.CodeOf(err))
	require.ErrorIs(t, err, context.Canceled)
}

func detail(t *testing.T, err error) string {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	return e.Detail
}
