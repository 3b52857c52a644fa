package appointment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
)

func opening(generation int, booked time.Time) acts.OpenPaymentInput {
	return acts.OpenPaymentInput{AppointmentID: id, Generation: generation, Amount: price, BookedAt: booked}
}

func authorised(generation int) domain.Intent {
	return domain.Intent{ID: "pi_a", Status: domain.PaymentAuthorised, Amount: price, AppointmentID: id, Generation: generation}
}

func TestAPaymentIsOpenedAndRecorded(t *testing.T) {
	t.Parallel()
	p, b := newProvider(), &books{wanted: true}
	result, err := run[acts.OpenPaymentResult](t, acts.NewPayments(b, p).OpenPayment, opening(1, time.Now()))
	require.NoError(t, err)
	require.Equal(t, acts.OpenPaymentResult{Wanted: true, IntentID: "pi_1", PayBy: b.payBy}, result)
	require.Equal(t, price, p.intents["pi_1"].Amount)
	require.Zero(t, p.finds, "a fresh key needs no search")
}

func TestAPaymentIsNotOpenedWhenItIsTooLateToPay(t *testing.T) {
	t.Parallel()
	p, b := newProvider(), &books{wanted: true}
	late := opening(1, time.Now())
	late.Until = time.Now().Add(-time.Second)
	result, err := run[acts.OpenPaymentResult](t, acts.NewPayments(b, p).OpenPayment, late)
	require.NoError(t, err)
	require.Equal(t, acts.OpenPaymentResult{Wanted: true}, result)
	require.Empty(t, p.keys, "the provider is not asked")

	b.payments = []domain.RecordedPayment{{Generation: 1, PaymentFact: domain.PaymentFact{IntentID: "pi_known"}}}
	result, err = run[acts.OpenPaymentResult](t, acts.NewPayments(b, p).OpenPayment, late)
	require.NoError(t, err)
	require.Equal(t, "pi_known", result.IntentID, "one that was opened in time is reported all the same")
}

func TestAPaymentThatIsRecordedIsNotOpenedAgain(t *testing.T) {
	t.Parallel()
	p, b := newProvider(), &books{wanted: true}
	a := acts.NewPayments(b, p)
	first, err := run[acts.OpenPaymentResult](t, a.OpenPayment, opening(1, time.Now()))
	require.NoError(t, err)
	again, err := run[acts.OpenPaymentResult](t, a.OpenPayment, opening(1, time.Now()))
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Len(t, p.keys, 1)
	b.wanted = false
	again, err = run[acts.OpenPaymentResult](t, a.OpenPayment, opening(1, time.Now()))
	require.NoError(t, err)
	require.False(t, again.Wanted)
	require.Equal(t, first.IntentID, again.IntentID, "the process must know what to void")
}

func TestNoPaymentIsOpenedForAVisitThatHasEnded(t *testing.T) {
	t.Parallel()
	p := newProvider()
	result, err := run[acts.OpenPaymentResult](t, acts.NewPayments(&books{}, p).OpenPayment, opening(1, time.Now()))
	require.NoError(t, err)
	require.Equal(t, acts.OpenPaymentResult{}, result)
	require.Empty(t, p.keys)
}

func TestTheKeyStaysTheSameOverRetries(t *testing.T) {
	t.Parallel()
	p, b := newProvider(), &books{wanted: true}
	a := acts.NewPayments(b, p)
	p.failing["create"] = down
	_, err := run[acts.OpenPaymentResult](t, a.OpenPayment, opening(1, time.Now()))
	require.False(t, application(t, err).NonRetryable())
	p.lost["create"] = true
	_, err = run[acts.OpenPaymentResult](t, a.OpenPayment, opening(1, time.Now()))
	require.Error(t, err)
	b.failing = errDatabase // created, and the record fails
	_, err = run[acts.OpenPaymentResult](t, a.OpenPayment, opening(1, time.Now()))
	require.Error(t, err)
	result, err := run[acts.OpenPaymentResult](t, a.OpenPayment, opening(1, time.Now()))
	require.NoError(t, err)
	require.Equal(t, "pi_1", result.IntentID)
	require.Len(t, p.intents, 1, "one intent, whatever was lost on the way")
	require.Len(t, p.keys, 4)
	for _, key := range p.keys {
		require.Equal(t, "careflow/"+id+"/open/1", key)
	}
}

func TestALaterGenerationFindsTheIntentOfALostAttempt(t *testing.T) {
	t.Parallel()
	old := domain.Intent{ID: "pi_old", Status: domain.PaymentCancelled, AppointmentID: id, Generation: 1, Amount: price}
	dead := domain.Intent{ID: "pi_dead", Status: domain.PaymentCancelled, AppointmentID: id, Generation: 2, Amount: price}
	mine := domain.Intent{ID: "pi_mine", Status: domain.PaymentAwaitingMethod, AppointmentID: id, Generation: 2, Amount: price}
	foreign := domain.Intent{ID: "pi_foreign", Status: domain.PaymentAwaitingMethod, AppointmentID: "another", Generation: 2}
	p := newProvider(old, dead, mine, foreign)
	result, err := run[acts.OpenPaymentResult](t, acts.NewPayments(&books{wanted: true}, p).OpenPayment, opening(2, time.Now()))
	require.NoError(t, err)
	require.Equal(t, "pi_mine", result.IntentID)
	require.Empty(t, p.keys)

	p = newProvider(old, dead, foreign)
	result, err = run[acts.OpenPaymentResult](t, acts.NewPayments(&books{wanted: true}, p).OpenPayment, opening(2, time.Now()))
	require.NoError(t, err)
	require.Equal(t, "pi_4", result.IntentID, "none of those: a new one")
	require.Equal(t, []string{"careflow/" + id + "/open/2"}, p.keys)
}

func TestAfterADayTheProviderIsSearchedSinceItMayHaveForgottenTheKey(t *testing.T) {
	t.Parallel()
	mine := domain.Intent{ID: "pi_mine", Status: domain.PaymentAwaitingMethod, AppointmentID: id, Generation: 1, Amount: price}
	p := newProvider(mine)
	result, err := run[acts.OpenPaymentResult](t, acts.NewPayments(&books{wanted: true}, p).OpenPayment, opening(1, time.Now().Add(-23*time.Hour-time.Minute)))
	require.NoError(t, err)
	require.Equal(t, "pi_mine", result.IntentID)
	p = newProvider()
	p.failing["find"] = down
	_, err = run[acts.OpenPaymentResult](t, acts.NewPayments(&books{wanted: true}, p).OpenPayment, opening(2, time.Now()))
	require.Error(t, err)
	require.Empty(t, p.keys, "without the search nothing is created")
}

func capturing() acts.CapturePaymentInput {
	return acts.CapturePaymentInput{IntentID: "pi_a", Generation: 1, Captured: domain.Transition{
		ID: "captured/1", AppointmentID: id, Version: 3, Kind: "captured", To: domain.StatusConfirmed,
	}}
}

func TestACaptureMovesMoneyAndRow(t *testing.T) {
	t.Parallel()
	p, b := newProvider(authorised(1)), &books{}
	result, err := run[acts.CapturePaymentResult](t, acts.NewPayments(b, p).CapturePayment, capturing())
	require.NoError(t, err)
	require.Empty(t, result.Refusal)
	require.Equal(t, domain.StatusConfirmed, result.Moved.Status)
	require.Equal(t, int64(8000), result.Payment.Captured)
	require.Equal(t, int64(8000), b.transitions[0].Payment.Captured, "the books take it over with the same step")
	require.Equal(t, []string{"careflow/" + id + "/capture/1"}, p.keys)
}

func TestACaptureThatWasCarriedOutButNotRecordedIsRecordedByTheRetry(t *testing.T) {
	t.Parallel()
	p, b := newProvider(authorised(1)), &books{}
	a := acts.NewPayments(b, p)
	p.lost["capture"] = true
	_, err := run[acts.CapturePaymentResult](t, a.CapturePayment, capturing())
	require.False(t, application(t, err).NonRetryable())
	b.failing = errDatabase
	_, err = run[acts.CapturePaymentResult](t, a.CapturePayment, capturing())
	require.False(t, application(t, err).NonRetryable())
	result, err := run[acts.CapturePaymentResult](t, a.CapturePayment, capturing())
	require.NoError(t, err)
	require.Equal(t, int64(8000), result.Payment.Captured)
	require.Len(t, b.transitions, 1)
	require.Len(t, p.keys, 3)
	require.Equal(t, p.keys[0], p.keys[2])
}

func TestARefusedCaptureIsAResult(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		intent domain.Intent
		err    error
		want   string
	}{
		"a declined card":             {authorised(1), domain.Errorf(domain.CodePaymentRefused, "no").WithDetail("card_declined"), "card_declined"},
		"a refusal without a reason":  {authorised(1), domain.Errorf(domain.CodePaymentRefused, "no"), "payment_refused"},
		"an authorisation that is no": {domain.Intent{ID: "pi_a", Status: domain.PaymentCancelled}, nil, "cancelled"},
		"a payment not made":          {domain.Intent{ID: "pi_a", Status: domain.PaymentAwaitingMethod}, nil, "awaiting_method"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, b := newProvider(c.intent), &books{}
			p.failing["capture"] = c.err
			result, err := run[acts.CapturePaymentResult](t, acts.NewPayments(b, p).CapturePayment, capturing())
			require.NoError(t, err)
			require.Equal(t, c.want, result.Refusal)
			require.Empty(t, b.transitions, "the process decides what follows")
		})
	}
}

func TestReadingAPaymentPassesNoSecretOn(t *testing.T) {
	t.Parallel()
	i := authorised(1)
	i.ClientSecret, i.CaptureBefore = "secret", time.Date(2031, 3, 10, 0, 0, 0, 0, time.UTC)
	fact, err := run[domain.PaymentFact](t, acts.NewPayments(&books{}, newProvider(i)).ReadPayment, acts.ReadPaymentInput{AppointmentID: id, IntentID: "pi_a"})
	require.NoError(t, err)
	require.Equal(t, domain.PaymentFact{IntentID: "pi_a", Status: domain.PaymentAuthorised, CaptureBefore: i.CaptureBefore}, fact)
	p := newProvider(i)
	p.failing["get"] = down
	_, err = run[domain.PaymentFact](t, acts.NewPayments(&books{}, p).ReadPayment, acts.ReadPaymentInput{IntentID: "pi_a"})
	require.Equal(t, string(domain.CodeVendorUnavailable), application(t, err).Type())
}
