package appointment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
)

// ended is a visit's money: intents at the provider, and the books as they were last.
func ended(intents ...domain.Intent) (*acts.Payments, *provider, *books) {
	p, b := newProvider(intents...), &books{}
	for _, i := range intents {
		b.payments = append(b.payments, domain.RecordedPayment{Generation: i.Generation, Amount: price, PaymentFact: domain.FactOf(i)})
	}
	return acts.NewPayments(b, p), p, b
}

func money(intentID string, generation int, status domain.PaymentStatus, captured, refunded int64) domain.Intent {
	return domain.Intent{ID: intentID, Status: status, Amount: price, AppointmentID: id, Generation: generation, Captured: captured, Refunded: refunded}
}

func settle(t *testing.T, a *acts.Payments, kept int64) acts.SettlePaymentsResult {
	t.Helper()
	result, err := run[acts.SettlePaymentsResult](t, a.SettlePayments, acts.SettlePaymentsInput{AppointmentID: id, Kept: kept})
	require.NoError(t, err)
	return result
}

func TestWhatWasNotCapturedIsVoided(t *testing.T) {
	t.Parallel()
	for _, status := range []domain.PaymentStatus{domain.PaymentAwaitingMethod, domain.PaymentProcessing, domain.PaymentAuthorised} {
		a, p, b := ended(money("pi_1", 1, status, 0, 0))
		require.Equal(t, acts.SettlePaymentsResult{Voided: 1}, settle(t, a, 0), string(status))
		require.Equal(t, domain.PaymentCancelled, p.intents["pi_1"].Status)
		require.Equal(t, []string{"careflow/" + id + "/void/1"}, p.keys)
		require.Equal(t, "payment_voided", b.facts[0].Kind)
		require.Empty(t, b.facts[0].Messages)
		settle(t, a, 0)
		require.Len(t, b.facts, 1, "again, nothing happens")
		require.Len(t, p.keys, 1)
	}
}

func TestWhatIsPaidWhileItIsVoidedIsACasesToBook(t *testing.T) {
	t.Parallel()
	a, p, b := ended(money("pi_1", 1, domain.PaymentAwaitingMethod, 0, 0))
	p.paying = true
	for range 2 { // and by a retry, after a worker that died in between
		require.Equal(t, acts.SettlePaymentsResult{Handed: 1}, settle(t, a, 0))
		require.Empty(t, b.facts, "it tells the patient, too")
		require.Equal(t, domain.CaseLatePayment, b.cases[len(b.cases)-1].Kind)
		require.Equal(t, domain.PaymentCancelled, p.intents["pi_1"].Status)
	}
	require.Len(t, p.keys, 1, "nothing is left to void")
}

func TestWhatWasCapturedBeyondTheKeptPartGoesBackOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ captured, refunded, kept, back int64 }{
		"all of it":                 {8000, 0, 0, 8000},
		"half of it":                {8000, 0, 4000, 4000},
		"none of it":                {8000, 0, 8000, 0},
		"more kept than there was":  {8000, 0, 9000, 0},
		"the rest of a part":        {8000, 1000, 4000, 3000},
		"too much went back before": {8000, 5000, 4000, 0},
		"everything went back":      {8000, 8000, 0, 0},
		"a single cent":             {8000, 0, 7999, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, p, b := ended(money("pi_1", 1, domain.PaymentCaptured, c.captured, c.refunded))
			for range 3 {
				require.Equal(t, c.refunded+c.back, settle(t, a, c.kept).Refunded)
			}
			require.Equal(t, c.refunded+c.back, p.intents["pi_1"].Refunded)
			if c.back == 0 {
				require.Empty(t, p.keys)
				require.Empty(t, b.facts)
				return
			}
			require.Len(t, p.keys, 1)
			require.Len(t, b.facts, 1)
			require.Equal(t, c.refunded+c.back, b.facts[0].Payment.Refunded)
			require.Equal(t, []domain.MessageIntent{{Kind: domain.MessageRefunded, Recipient: domain.RecipientPatient}}, b.facts[0].Messages)
		})
	}
}

func TestAVoidThatComesTooLateBecomesARefund(t *testing.T) {
	t.Parallel()
	a, p, b := ended(money("pi_1", 1, domain.PaymentCaptured, 8000, 0))
	b.payments[0].Status, b.payments[0].Captured = domain.PaymentAuthorised, 0 // what the books knew
	require.Equal(t, acts.SettlePaymentsResult{Refunded: 8000}, settle(t, a, 0))
	require.Equal(t, int64(8000), p.intents["pi_1"].Refunded)
}

func TestEveryGenerationIsSettledAndTheNewestIsTheOneThatWasKept(t *testing.T) {
	t.Parallel()
	a, p, _ := ended(money("pi_1", 1, domain.PaymentAuthorised, 0, 0), money("pi_2", 2, domain.PaymentCaptured, 8000, 0))
	require.Equal(t, acts.SettlePaymentsResult{Voided: 1, Refunded: 4000}, settle(t, a, 4000))
	require.Equal(t, domain.PaymentCancelled, p.intents["pi_1"].Status)
	require.Equal(t, int64(4000), p.intents["pi_2"].Refunded)

	a, p, _ = ended(money("pi_1", 1, domain.PaymentCaptured, 8000, 0), money("pi_2", 2, domain.PaymentCaptured, 8000, 0))
	require.Equal(t, acts.SettlePaymentsResult{Refunded: 8000}, settle(t, a, 8000))
	require.Equal(t, int64(8000), p.intents["pi_1"].Refunded, "paid twice: once goes back")
	require.Zero(t, p.intents["pi_2"].Refunded)
}

func TestARefundThatWasMadeButNotRecordedIsRecordedByTheRetry(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*provider, *books){
		"its reply was lost":    func(p *provider, _ *books) { p.lost["refund"] = true },
		"the provider was down": func(p *provider, _ *books) { p.failing["refund"] = down },
		"the worker died first": func(p *provider, b *books) {
			i := p.intents["pi_1"]
			i.Refunded = 8000
			p.intents["pi_1"], b.failing = i, errDatabase
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, p, b := ended(money("pi_1", 1, domain.PaymentCaptured, 8000, 0))
			harm(p, b)
			_, err := run[acts.SettlePaymentsResult](t, a.SettlePayments, acts.SettlePaymentsInput{AppointmentID: id})
			require.False(t, application(t, err).NonRetryable())
			require.Equal(t, int64(8000), settle(t, a, 0).Refunded)
			require.Equal(t, int64(8000), p.intents["pi_1"].Refunded)
			require.Len(t, b.facts, 1)
			require.Equal(t, int64(8000), b.payments[0].Refunded)
			require.LessOrEqual(t, len(p.refunds), 1)
		})
	}
}

func TestARefundThatTheProviderFailsIsNotInTheBooks(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"failed", "canceled"} {
		a, p, b := ended(money("pi_1", 1, domain.PaymentCaptured, 8000, 0))
		p.refundStatus = status
		require.Equal(t, acts.SettlePaymentsResult{Handed: 1}, settle(t, a, 0), "a case takes it from here")
		require.Empty(t, b.facts, "nobody is told that money came back")
		require.Len(t, b.cases, 1)
		require.Equal(t, domain.CaseRefundFailed, b.cases[0].Kind)
		require.Len(t, p.keys, 1, "another one takes a person's word")
	}
}

func TestOnePaymentThatCannotBeSettledHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	a, p, b := ended(money("pi_1", 1, domain.PaymentAuthorised, 0, 0), money("pi_2", 2, domain.PaymentAuthorised, 0, 0))
	p.failing["cancel"] = domain.Errorf(domain.CodeVendorRejected, "no").WithDetail("resource_missing") // the newest comes first
	require.Equal(t, acts.SettlePaymentsResult{Voided: 1, Handed: 1}, settle(t, a, 0))
	require.Equal(t, domain.PaymentCancelled, p.intents["pi_1"].Status)
	require.Equal(t, "pi_2", b.cases[0].IntentID)
	require.Equal(t, domain.CaseUnsettled, b.cases[0].Kind)
	require.Equal(t, "resource_missing", b.cases[0].ErrorCode)

	a, p, b = ended(money("pi_1", 1, domain.PaymentAuthorised, 0, 0), money("pi_2", 2, domain.PaymentAuthorised, 0, 0))
	p.failing["cancel"] = down
	_, err := run[acts.SettlePaymentsResult](t, a.SettlePayments, acts.SettlePaymentsInput{AppointmentID: id})
	require.False(t, application(t, err).NonRetryable(), "what may pass is tried again")
	require.Equal(t, domain.PaymentCancelled, p.intents["pi_1"].Status, "after the other one was settled")
	require.Empty(t, b.cases)
}

func TestWhatACaseMovesIsLeftToIt(t *testing.T) {
	t.Parallel()
	a, p, b := ended(money("pi_1", 1, domain.PaymentCaptured, 8000, 0))
	b.payments[0].Case = domain.CaseRetrying
	require.Equal(t, acts.SettlePaymentsResult{Handed: 1}, settle(t, a, 0))
	require.Empty(t, p.keys)
	b.payments[0].Case = domain.CaseClosed
	b.payments[0].Resolved = true
	require.Equal(t, acts.SettlePaymentsResult{Handed: 1}, settle(t, a, 0))
	require.Empty(t, p.keys, "a person has seen to it")
	b.payments[0].Resolved = false
	require.Equal(t, int64(8000), settle(t, a, 0).Refunded, "until it is closed")
}

func TestMoneyThatTurnsUpAfterTheEndIsACases(t *testing.T) {
	t.Parallel()
	for _, paid := range []domain.Intent{money("pi_1", 1, domain.PaymentAuthorised, 0, 0), money("pi_1", 1, domain.PaymentCaptured, 8000, 0)} {
		a, p, b := ended(paid)
		b.payments[0].Status, b.payments[0].Captured = domain.PaymentAwaitingMethod, 0 // what the books knew
		require.Equal(t, acts.SettlePaymentsResult{Handed: 1}, settle(t, a, 0))
		require.Equal(t, domain.CaseLatePayment, b.cases[0].Kind)
		require.Empty(t, p.keys, "it moves it")
	}
}

func TestADisputedPaymentIsNotRefunded(t *testing.T) {
	t.Parallel()
	disputed := money("pi_1", 1, domain.PaymentCaptured, 8000, 0)
	disputed.Disputed = true
	a, p, b := ended(disputed)
	require.Equal(t, acts.SettlePaymentsResult{}, settle(t, a, 8000), "nothing is due")
	require.Equal(t, acts.SettlePaymentsResult{Handed: 1}, settle(t, a, 0))
	require.Equal(t, domain.CaseDispute, b.cases[0].Kind)
	require.Empty(t, p.keys)
}

func TestAVisitWithoutAPaymentHasNothingToSettle(t *testing.T) {
	t.Parallel()
	a, p, _ := ended()
	require.Equal(t, acts.SettlePaymentsResult{}, settle(t, a, 0))
	require.Empty(t, p.keys)
}
