package paymentcase_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	acts "github.com/careflow/careflow/activities/paymentcase"
	"github.com/careflow/careflow/internal/domain"
)

const visit = "01990000-0000-7000-8000-00000000aaaa"

var away = domain.Errorf(domain.CodeVendorUnavailable, "away")

// world is one intent at the provider, and the books, with the rules of the real ones.
type world struct {
	work     domain.CaseWork
	intent   domain.Intent
	made     []domain.Refund
	disputes []domain.Dispute
	known    []domain.RecordedRefund
	facts    []domain.Fact
	moves    []domain.CaseMove
	failing  error // of the next calls of the provider that move money
	status   string
	paying   bool // the intent is paid just before it is cancelled
}

func newWorld(kind domain.CaseKind, visitStatus domain.Status, books, provider domain.PaymentStatus) *world {
	w := &world{status: "succeeded"}
	w.intent = domain.Intent{ID: "pi_1", Status: provider, Amount: domain.Money{Minor: 8000, Currency: "EUR"}, AppointmentID: visit, Generation: 1}
	if provider == domain.PaymentCaptured {
		w.intent.Captured = 8000
	}
	w.work = domain.CaseWork{
		Case:   domain.PaymentCase{ID: "c", IntentID: "pi_1", AppointmentID: visit, Kind: kind, State: domain.CaseOpen, WaitsFor: domain.WaitsForProvider, Version: 1},
		Status: visitStatus,
	}
	w.work.Payment = domain.RecordedPayment{Generation: 1, Amount: w.intent.Amount, PaymentFact: domain.PaymentFact{IntentID: "pi_1", Status: books}}
	if books == domain.PaymentCaptured {
		w.work.Payment.Captured = 8000
	}
	return w
}

func (w *world) GetIntent(context.Context, string) (domain.Intent, error) { return w.intent, nil }
func (w *world) ListRefunds(context.Context, string) ([]domain.Refund, error) {
	return slices.Clone(w.made), nil
}
func (w *world) ListDisputes(context.Context, string) ([]domain.Dispute, error) {
	return w.disputes, nil
}

func (w *world) Cancel(context.Context, string, string) (domain.Intent, error) {
	if w.failing != nil {
		return domain.Intent{}, w.failing
	}
	if w.paying || w.intent.Status == domain.PaymentAuthorised {
		w.intent.LetGo = w.intent.Amount.Minor
	}
	w.intent.Status = domain.PaymentCancelled
	return w.intent, nil
}

func (w *world) Refund(_ context.Context, r domain.RefundRequest) (domain.Refund, error) {
	if w.failing != nil {
		return domain.Refund{}, w.failing
	}
	for _, m := range w.made {
		if m.Key == r.IdempotencyKey {
			return m, nil
		}
	}
	m := domain.Refund{ID: "re_" + r.IdempotencyKey, Status: w.status, Minor: r.Minor, Key: r.IdempotencyKey}
	w.made = append(w.made, m)
	return m, nil
}

func (w *world) Refunds(context.Context, string) ([]domain.RecordedRefund, error) {
	return slices.Clone(w.known), nil
}

func (w *world) BeginRefund(_ context.Context, b domain.RefundBegin) (domain.RecordedRefund, error) {
	if s := w.work.Case.State; s == domain.CaseNeedsPerson || s == domain.CaseClosed {
		return domain.RecordedRefund{}, domain.Errorf(domain.CodeConflict, "as it stands")
	}
	for _, r := range w.known {
		if r.Status == domain.RefundBegun {
			return r, nil
		}
	}
	r := domain.RecordedRefund{Number: len(w.known) + 1, Key: "key/" + string(rune('0'+len(w.known)+1)), Minor: b.Minor, Status: domain.RefundBegun}
	w.known = append(w.known, r)
	return r, nil
}

func (w *world) BookRefund(_ context.Context, b domain.RefundBooking) (bool, error) {
	for i, r := range w.known {
		if r.Key == b.Refund.Key || (r.RefundID != "" && r.RefundID == b.Refund.ID) {
			w.known[i].RefundID, w.known[i].Status, w.known[i].ErrorCode = b.Refund.ID, domain.RefundStatusOf(b.Refund.Status), b.ErrorCode
			return true, nil
		}
	}
	w.known = append(w.known, domain.RecordedRefund{
		Number: len(w.known) + 1, RefundID: b.Refund.ID, Minor: b.Refund.Minor, Status: domain.RefundStatusOf(b.Refund.Status), Origin: domain.RefundByHand,
	})
	return true, nil
}

func (w *world) RecordFact(_ context.Context, f domain.Fact) error {
	w.facts = append(w.facts, f)
	return nil
}

func (w *world) CaseWork(context.Context, string) (domain.CaseWork, error) { return w.work, nil }

func (w *world) MoveCase(_ context.Context, m domain.CaseMove) error {
	if m.Version != w.work.Case.Version {
		return domain.Errorf(domain.CodeUnavailable, "changed")
	}
	c := &w.work.Case
	if m.Becomes != "" {
		c.Kind = m.Becomes
	}
	c.State, c.WaitsFor, c.ErrorCode, c.Outcome, c.LookAt, c.Version = m.State, m.WaitsFor, m.ErrorCode, m.Outcome, m.LookAt, c.Version+1
	w.moves = append(w.moves, m)
	return nil
}

func (w *world) BookDispute(_ context.Context, _, _ string, d domain.Dispute) error {
	w.work.Case.Dispute = d
	if d.Lost() {
		w.work.Payment.ChargedBack = d.Minor
	}
	return nil
}

func (w *world) LettersOwed(context.Context, string) (bool, error) { return len(w.facts) > 0, nil }

func (w *world) advance(t *testing.T, last bool) (acts.Standing, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	a := acts.New(w, w)
	env.RegisterActivity(a.Advance)
	value, err := env.ExecuteActivity(a.Advance, acts.AdvanceInput{IntentID: "pi_1", LastTry: last})
	var s acts.Standing
	if err == nil {
		require.NoError(t, value.Get(&s))
	}
	return s, err
}

func (w *world) must(t *testing.T) acts.Standing {
	t.Helper()
	s, err := w.advance(t, false)
	require.NoError(t, err)
	return s
}

func TestALateAuthorisationIsVoidedAndThePatientTold(t *testing.T) {
	t.Parallel()
	w := newWorld(domain.CaseUnsettled, domain.StatusExpired, domain.PaymentAwaitingMethod, domain.PaymentAuthorised)
	require.Equal(t, domain.CaseLatePayment, w.must(t).Kind, "written down before anything moves")
	require.Equal(t, domain.PaymentAuthorised, w.intent.Status)
	s := w.must(t)
	require.Equal(t, domain.CaseClosed, s.State)
	require.Equal(t, domain.OutcomeVoided, s.Outcome)
	require.True(t, s.LettersOwed)
	require.Equal(t, domain.MessagePaymentReleased, w.facts[0].Messages[0].Kind)
}

func TestWhatIsPaidWhileItIsVoidedIsALatePayment(t *testing.T) {
	t.Parallel()
	w := newWorld(domain.CaseUnsettled, domain.StatusExpired, domain.PaymentAwaitingMethod, domain.PaymentAwaitingMethod)
	w.paying = true
	s := w.must(t)
	require.Equal(t, domain.CaseLatePayment, s.Kind)
	require.Equal(t, domain.OutcomeVoided, s.Outcome)
	require.Equal(t, domain.MessagePaymentReleased, w.facts[0].Messages[0].Kind)

	w = newWorld(domain.CaseUnsettled, domain.StatusExpired, domain.PaymentAwaitingMethod, domain.PaymentCancelled)
	w.intent.LetGo = 8000 // the worker died before it could say so
	require.Equal(t, domain.CaseLatePayment, w.must(t).Kind)
	require.Equal(t, domain.OutcomeVoided, w.must(t).Outcome)
	require.Len(t, w.facts[0].Messages, 1)

	w = newWorld(domain.CaseUnsettled, domain.StatusCancelled, domain.PaymentAuthorised, domain.PaymentAuthorised)
	require.Equal(t, domain.CaseUnsettled, w.must(t).Kind)
	require.Empty(t, w.facts[0].Messages, "the books knew: the letter about the cancellation says so")
}

func TestALateCaptureGoesBackOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(domain.CaseLatePayment, domain.StatusArchived, domain.PaymentCancelled, domain.PaymentCaptured)
	s := w.must(t)
	require.Equal(t, domain.OutcomeRefunded, s.Outcome)
	require.Equal(t, "payment_captured", w.facts[0].Kind, "what was taken is in the books before it goes back")
	w.must(t)
	require.Len(t, w.made, 1)
}

func TestAVisitThatGoesOnKeepsItsMoney(t *testing.T) {
	t.Parallel()
	w := newWorld(domain.CaseRefundByHand, domain.StatusConfirmed, domain.PaymentCaptured, domain.PaymentCaptured)
	w.made = []domain.Refund{{ID: "re_hand", Status: "succeeded", Minor: 3000}}
	require.Equal(t, domain.CaseClosed, w.must(t).State)
	require.Len(t, w.made, 1)
	require.Equal(t, int64(3000), w.known[0].Minor, "in the books")
}

func TestAProviderThatFailsShowsInTheCaseAndIsAPersonsInTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(domain.CaseUnsettled, domain.StatusCancelled, domain.PaymentCaptured, domain.PaymentCaptured)
	w.failing = away
	for range 2 {
		_, err := w.advance(t, false)
		require.Error(t, err, "tried again")
		require.Equal(t, domain.CaseRetrying, w.work.Case.State)
		require.Equal(t, "vendor_unavailable", w.work.Case.ErrorCode)
	}
	require.Len(t, w.known, 1, "one refund, asked for again under its own key")
	s, err := w.advance(t, true)
	require.NoError(t, err)
	require.Equal(t, domain.CaseNeedsPerson, s.State)
	w.failing = nil
	w.work.Case.State, w.work.Case.RetryBeyond = domain.CaseOpen, 1 // a person said: again
	require.Equal(t, domain.OutcomeRefunded, w.must(t).Outcome)
	require.Len(t, w.made, 1)
}

func TestARefundThatFailedForGoodWaitsForAPersonsWord(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(*world){
		"it bounced": func(w *world) { w.status = "failed" },
		"it was refused": func(w *world) {
			w.failing = domain.Errorf(domain.CodeVendorRejected, "no").WithDetail("charge_expired")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(domain.CaseUnsettled, domain.StatusCancelled, domain.PaymentCaptured, domain.PaymentCaptured)
			fails(w)
			s := w.must(t)
			require.Equal(t, domain.WaitsForPerson, s.WaitsFor)
			require.NotEmpty(t, s.ErrorCode)
			require.Equal(t, domain.WaitsForPerson, w.must(t).WaitsFor, "looking moves nothing")
			require.Len(t, w.known, 1)
			w.failing, w.status = nil, "succeeded"
			w.work.Case.State, w.work.Case.RetryBeyond = domain.CaseOpen, 1
			require.Equal(t, domain.OutcomeRefunded, w.must(t).Outcome)
			require.Len(t, w.known, 2)
			require.NotEqual(t, w.known[0].Key, w.known[1].Key, "another refund is asked for with another key")
		})
	}
}

func TestWhatSomebodyRefundedMeanwhileClosesTheCase(t *testing.T) {
	t.Parallel()
	w := newWorld(domain.CaseRefundFailed, domain.StatusCancelled, domain.PaymentCaptured, domain.PaymentCaptured)
	w.status = "failed"
	require.Equal(t, domain.CaseNeedsPerson, w.must(t).State)
	w.made = append(w.made, domain.Refund{ID: "re_hand", Status: "succeeded", Minor: 8000})
	require.Equal(t, domain.CaseClosed, w.must(t).State)
}

func TestAPendingRefundIsFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(domain.CaseUnsettled, domain.StatusCancelled, domain.PaymentCaptured, domain.PaymentCaptured)
	w.status = "pending"
	s := w.must(t)
	require.Equal(t, domain.WaitsForBank, s.WaitsFor)
	require.WithinDuration(t, time.Now().Add(6*time.Hour), s.LookAt, time.Minute)
	w.made[0].Status = "succeeded"
	require.Equal(t, domain.OutcomeRefunded, w.must(t).Outcome)
}

func TestADisputedPaymentIsNotRefundedUntilItIsDecided(t *testing.T) {
	t.Parallel()
	for status, outcome := range map[string]string{"won": domain.OutcomeDisputeWon, "lost": domain.OutcomeDisputeLost} {
		w := newWorld(domain.CaseDispute, domain.StatusCancelled, domain.PaymentCaptured, domain.PaymentCaptured)
		w.intent.Disputed = true
		w.disputes = []domain.Dispute{{ID: "dp", Status: "needs_response", Minor: 8000}}
		require.Equal(t, domain.WaitsForEvidence, w.must(t).WaitsFor)
		w.disputes[0].Status = status // decided without an answer of ours
		require.Equal(t, domain.CaseOpen, w.must(t).State)
		require.Equal(t, outcome, w.must(t).Outcome)
		require.Len(t, w.made, map[string]int{"won": 1, "lost": 0}[status])
	}
}

func TestWhatAPersonResolvedMovesNoMoreWhenTheCaseOpensAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(domain.CaseUnsettled, domain.StatusCancelled, domain.PaymentCaptured, domain.PaymentCaptured)
	w.work.Payment.Resolved = true
	require.Equal(t, domain.CaseClosed, w.must(t).State)
	require.Empty(t, w.made)
}

func TestRecordingBringsTheBooksUpAndMovesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(domain.CaseRefundByHand, domain.StatusCancelled, domain.PaymentCaptured, domain.PaymentCaptured)
	w.made = []domain.Refund{{ID: "re_hand", Status: "succeeded", Minor: 3000}}
	w.intent.Disputed, w.disputes = true, []domain.Dispute{{ID: "dp", Status: "lost", Minor: 5000}}
	for range 2 {
		require.NoError(t, acts.New(w, w).Record(t.Context(), "pi_1"))
	}
	require.Len(t, w.known, 1)
	require.EqualValues(t, 3000, w.known[0].Minor)
	require.EqualValues(t, 5000, w.work.Payment.ChargedBack)
	require.Len(t, w.made, 1, "the rest is its process's to give back")
	require.Empty(t, w.moves)

	w = newWorld(domain.CaseLatePayment, domain.StatusExpired, domain.PaymentAwaitingMethod, domain.PaymentCancelled)
	require.NoError(t, acts.New(w, w).Record(t.Context(), "pi_1"))
	require.Equal(t, domain.MessagePaymentReleased, w.facts[0].Messages[0].Kind, "let go, and the patient told: whoever recorded it knows when")

	w = newWorld(domain.CaseUnsettled, domain.StatusExpired, domain.PaymentAwaitingMethod, domain.PaymentCaptured)
	require.NoError(t, acts.New(w, w).Record(t.Context(), "pi_1"))
	require.Empty(t, w.facts, "who settles it sees that it came late")
}
