package postgres_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// captured is a visit whose 80 euros were taken, and its intent.
func (c clinic) captured(t *testing.T, hours int) (id, intentID string) {
	t.Helper()
	id = c.paidVisit(t, hours)
	require.NoError(t, c.money(t, id, 8000, 0))
	return id, "pi_" + id
}

func (c clinic) begin(t *testing.T, id string, known int, by domain.RefundOrigin, minor int64) (domain.RecordedRefund, error) {
	t.Helper()
	return c.BeginRefund(t.Context(), domain.RefundBegin{
		AppointmentID: id, IntentID: "pi_" + id, Generation: 1, Known: known, Minor: minor, By: by, At: now,
	})
}

func (c clinic) bookRefund(t *testing.T, id string, r domain.Refund) bool {
	t.Helper()
	changed, err := c.BookRefund(t.Context(), domain.RefundBooking{AppointmentID: id, IntentID: "pi_" + id, Refund: r, At: now})
	require.NoError(t, err)
	return changed
}

func (c clinic) openCase(t *testing.T, id string, kind domain.CaseKind) domain.CaseWork {
	t.Helper()
	require.NoError(t, c.OpenCase(t.Context(), domain.CaseOpening{AppointmentID: id, IntentID: "pi_" + id, Kind: kind, At: now}))
	work, err := c.CaseWork(t.Context(), "pi_"+id)
	require.NoError(t, err)
	return work
}

func (c clinic) moveCase(t *testing.T, work domain.CaseWork, state domain.CaseState, waits domain.CaseWait) {
	t.Helper()
	require.NoError(t, c.MoveCase(t.Context(), domain.CaseMove{
		IntentID: work.Case.IntentID, Version: work.Case.Version, Kind: "moved", State: state, WaitsFor: waits, Actor: domain.System(), LookAt: now, At: now,
	}))
}

func TestOfManyWhoWouldRefundAtOnceAllMakeTheSameRefund(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, _ := c.captured(t, 0)
	var (
		mu   sync.Mutex
		keys []string
		all  sync.WaitGroup
	)
	for range 8 {
		all.Go(func() {
			r, err := c.BeginRefund(t.Context(), domain.RefundBegin{AppointmentID: id, IntentID: "pi_" + id, Generation: 1, Minor: 4000, By: domain.RefundByProcess, At: now})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				keys = append(keys, r.Key)
			}
		})
	}
	all.Wait()
	require.Len(t, keys, 8)
	require.Len(t, slices.Compact(keys), 1, "one key")
	require.Equal(t, 1, c.count(t, "refunds"))

	// Who looked before the refund was booked does not make another.
	require.True(t, c.bookRefund(t, id, domain.Refund{ID: "re_1", Status: "succeeded", Minor: 4000, Key: keys[0]}))
	_, err := c.begin(t, id, 0, domain.RefundByProcess, 4000)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	second, err := c.begin(t, id, 1, domain.RefundByProcess, 100)
	require.NoError(t, err)
	require.Equal(t, 2, second.Number)
	require.NotEqual(t, keys[0], second.Key)
}

func TestEitherTheProcessOrTheCaseMovesMoney(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, _ := c.captured(t, 0)
	refused := func(by domain.RefundOrigin) {
		t.Helper()
		_, err := c.begin(t, id, 0, by, 8000)
		require.Equal(t, domain.CodeConflict, domain.CodeOf(err), string(by))
	}
	refused(domain.RefundByCase) // there is none
	work := c.openCase(t, id, domain.CaseUnsettled)
	refused(domain.RefundByProcess)
	c.moveCase(t, work, domain.CaseNeedsPerson, domain.WaitsForPerson)
	refused(domain.RefundByProcess)
	refused(domain.RefundByCase) // a person has the say

	_, _, err := c.RetryCase(t.Context(), work.Case.ID, domain.Actor{Kind: domain.ActorStaff, ID: staffAccount}, "other", 2, newKey(staff), renderCase)
	require.NoError(t, err)
	c.exec(t, `UPDATE appointments SET kept_minor = 8000 WHERE id = $1`, id) // corrected since the case looked
	refused(domain.RefundByCase)
	c.exec(t, `UPDATE appointments SET kept_minor = 0 WHERE id = $1`, id)
	begun, err := c.begin(t, id, 0, domain.RefundByCase, 8000)
	require.NoError(t, err)
	require.Equal(t, domain.RefundByCase, begun.Origin)
}

func renderCase(p domain.PaymentCase) (domain.StoredResponse, error) {
	return domain.StoredResponse{Status: 200, Body: []byte(p.State)}, nil
}

func TestRefundsAreBookedOneByOneAndTakenBackWhenTheyFail(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, intentID := c.captured(t, 0)
	refunded := func() int64 {
		return one[int64](t, c, "SELECT refunded_minor FROM payments WHERE intent_id = $1", intentID)
	}
	begun, err := c.begin(t, id, 0, domain.RefundByProcess, 5000)
	require.NoError(t, err)
	ours := domain.Refund{ID: "re_1", Status: "pending", Minor: 5000, Key: begun.Key}
	require.True(t, c.bookRefund(t, id, ours))
	require.False(t, c.bookRefund(t, id, ours), "told twice, booked once")
	require.Equal(t, int64(5000), refunded())
	ours.Status = "succeeded"
	c.bookRefund(t, id, ours)
	require.Equal(t, int64(5000), refunded(), "on its way counted already")
	c.bookRefund(t, id, domain.Refund{ID: "re_hand", Status: "succeeded", Minor: 1000})
	require.Equal(t, int64(6000), refunded())
	ours.Status = "failed"
	c.bookRefund(t, id, ours)
	require.Equal(t, int64(1000), refunded())

	receipts, err := c.Receipts(t.Context(), everyone, id)
	require.NoError(t, err)
	var moved []string
	for _, r := range receipts {
		moved = append(moved, fmt.Sprintf("%s %d", r.Kind, r.Amount.Minor))
	}
	require.Equal(t, []string{"payment 8000", "refund 5000", "refund 1000", "refund_failed 5000"}, moved)
	require.Equal(t, 2, c.count(t, "messages WHERE kind = 'refunded'"))
	// A captured figure that is read late does not turn the refunds back.
	require.NoError(t, c.money(t, id, 8001, 0))
	require.Equal(t, int64(1000), refunded())
}

func TestARefundBookedByAnEarlierReleaseIsNotBookedAgain(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, intentID := c.captured(t, 0)
	require.NoError(t, c.money(t, id, 8000, 8000)) // as a total, without a row of its own
	receipts := c.count(t, "receipts")
	c.bookRefund(t, id, domain.Refund{ID: "re_1", Status: "succeeded", Minor: 8000, Key: "careflow/old"})
	require.Equal(t, receipts, c.count(t, "receipts"))
	require.Equal(t, int64(8000), one[int64](t, c, "SELECT refunded_minor FROM payments WHERE intent_id = $1", intentID))
}

func TestACaseIsOpenedOnceWithItsOutboxRow(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, _ := c.captured(t, 0)
	for range 3 {
		c.openCase(t, id, domain.CaseUnsettled)
	}
	require.Equal(t, 1, c.count(t, "payment_cases"))
	require.Equal(t, 1, c.count(t, "outbox WHERE topic = 'payment_case'"))
	work := c.openCase(t, id, domain.CaseDispute) // asks more of people
	require.Equal(t, domain.CaseDispute, work.Case.Kind)
	c.moveCase(t, work, domain.CaseClosed, domain.WaitsForNothing)
	again := c.openCase(t, id, domain.CaseRefundByHand)
	require.Equal(t, domain.CaseOpen, again.Case.State)
	require.Equal(t, 3, c.count(t, "outbox WHERE topic = 'payment_case'"))
	require.Equal(t, again.Case.Version, c.count(t, "payment_case_events"), "one line a version")
}

func TestACaseThatARestoreForgotIsOpenedAgainAsFarAsItsProcessHadCome(t *testing.T) {
	t.Parallel()
	c := open(t)
	going, _ := c.captured(t, 0)
	seenTo, _ := c.captured(t, 1)
	for range 2 { // it may be tried again
		for id, resolved := range map[string]bool{going: false, seenTo: true} {
			o := domain.CaseOpening{AppointmentID: id, IntentID: "pi_" + id, Kind: domain.CaseRefundFailed, At: now}
			require.NoError(t, c.RestoreCase(t.Context(), o, resolved))
		}
	}
	work, err := c.CaseWork(t.Context(), "pi_"+going)
	require.NoError(t, err)
	require.Equal(t, domain.CaseOpen, work.Case.State)
	require.Equal(t, 1, c.count(t, "outbox WHERE topic = 'payment_case' AND appointment_id = $1", going), "its process looks")

	work, err = c.CaseWork(t.Context(), "pi_"+seenTo)
	require.NoError(t, err)
	require.Equal(t, domain.CaseClosed, work.Case.State)
	require.Equal(t, domain.OutcomeResolved, work.Case.Outcome)
	_, err = c.begin(t, seenTo, 0, domain.RefundByProcess, 8000)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "a person has seen to this money")
}

func TestNewsOfAPaymentGoesToItsCase(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, intentID := c.captured(t, 0)
	route := func(e domain.WebhookPayload) bool {
		t.Helper()
		if e.IntentID == "" {
			e.IntentID = intentID
		}
		fresh, err := c.AcceptWebhook(t.Context(), domain.Webhook{Source: "stripe", ID: domain.NewID(), Type: e.Type, AppointmentID: id, IntentID: e.IntentID})
		require.NoError(t, err)
		require.True(t, fresh)
		row := domain.OutboxRow{ID: one[int64](t, c, "SELECT max(id) FROM outbox"), AppointmentID: id}
		routed, err := c.RouteToCase(t.Context(), row, e)
		require.NoError(t, err)
		topic := one[string](t, c, "SELECT topic FROM outbox WHERE id = $1", row.ID)
		require.Equal(t, map[bool]string{true: "payment_case", false: "payment_hint"}[routed], topic)
		return routed
	}
	begun, err := c.begin(t, id, 0, domain.RefundByProcess, 4000)
	require.NoError(t, err)
	require.False(t, route(domain.WebhookPayload{Type: "charge.refunded", Refunded: 4000}), "the echo of our own, not booked yet")
	c.bookRefund(t, id, domain.Refund{ID: "re_1", Status: "succeeded", Minor: 4000, Key: begun.Key})
	require.False(t, route(domain.WebhookPayload{Type: "charge.refunded", Refunded: 4000}), "and booked")
	require.False(t, route(domain.WebhookPayload{Type: "charge.refund.updated", Status: "succeeded"}))
	require.False(t, route(domain.WebhookPayload{Type: "payment_intent.succeeded"}))
	require.False(t, route(domain.WebhookPayload{Type: "charge.dispute.created", IntentID: "pi_unknown"}), "no payment of ours")
	require.Zero(t, c.count(t, "payment_cases"))

	require.True(t, route(domain.WebhookPayload{Type: "charge.refunded", Refunded: 5000}), "by hand")
	require.True(t, route(domain.WebhookPayload{Type: "charge.refund.updated", Status: "failed"}))
	require.True(t, route(domain.WebhookPayload{Type: "charge.dispute.created"}))
	require.Equal(t, 1, c.count(t, "payment_cases"))
	require.Equal(t, "dispute", one[string](t, c, "SELECT kind FROM payment_cases"))
	require.True(t, route(domain.WebhookPayload{Type: "payment_intent.succeeded"}), "an open case hears it all")
}

func TestAPersonsDecisionIsTakenOnceAtTheVersionItWasMadeFor(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, _ := c.captured(t, 0)
	work := c.openCase(t, id, domain.CaseRefundFailed)
	by := domain.Actor{Kind: domain.ActorStaff, ID: staffAccount}
	resolve := func(key domain.IdempotencyKey, version int) (string, bool, error) {
		resp, replayed, err := c.ResolveCase(t.Context(), work.Case.ID, by, "paid_back_another_way", version, key, renderCase)
		return string(resp.Body), replayed, err
	}
	_, _, err := resolve(newKey(staff), 0)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "its process is at work")

	begun, err := c.begin(t, id, 0, domain.RefundByCase, 8000)
	require.NoError(t, err)
	c.moveCase(t, work, domain.CaseNeedsPerson, domain.WaitsForPerson)
	_, _, err = resolve(newKey(staff), 2)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "a refund may be on its way")
	c.bookRefund(t, id, domain.Refund{Status: "failed", Key: begun.Key, Minor: 8000})

	_, _, err = resolve(newKey(staff), 1)
	require.Equal(t, domain.CodeStale, domain.CodeOf(err))
	key := newKey(staff)
	state, replayed, err := resolve(key, 2)
	require.NoError(t, err)
	require.Equal(t, "closed", state)
	require.False(t, replayed)
	state, replayed, err = resolve(key, 2)
	require.NoError(t, err)
	require.True(t, replayed)
	require.Equal(t, "closed", state)

	shown, events, err := c.PaymentCase(t.Context(), work.Case.ID)
	require.NoError(t, err)
	require.Equal(t, domain.OutcomeResolved, shown.Outcome)
	require.Equal(t, by, events[2].Actor)
	require.Equal(t, "paid_back_another_way", events[2].ReasonCode)
	_, err = c.begin(t, id, 1, domain.RefundByProcess, 8000)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "nobody gives it back once more")
	c.openCase(t, id, domain.CaseDispute)
	_, err = c.begin(t, id, 1, domain.RefundByCase, 8000)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
}

func TestALostDisputeIsBookedOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, intentID := c.captured(t, 0)
	c.openCase(t, id, domain.CaseDispute)
	for _, status := range []string{"needs_response", "under_review", "lost", "lost"} {
		require.NoError(t, c.BookDispute(t.Context(), id, intentID, domain.Dispute{ID: "dp_1", Status: status, Minor: 8000, Reason: "general"}))
	}
	work, err := c.CaseWork(t.Context(), intentID)
	require.NoError(t, err)
	require.Equal(t, int64(8000), work.Payment.ChargedBack)
	require.Equal(t, "lost", work.Case.Dispute.Status)
	require.Equal(t, 1, c.count(t, "receipts WHERE kind = 'chargeback'"))
	require.Equal(t, 1, c.count(t, "appointment_events WHERE kind = 'dispute_lost'"))
}

func TestCasesAreListedNewestFirstAndShownOnTheVisit(t *testing.T) {
	t.Parallel()
	c := open(t)
	var ids []string
	for _, hours := range []int{0, 1, 2} {
		id, _ := c.captured(t, hours)
		ids = append(ids, c.openCase(t, id, domain.CaseUnsettled).Case.ID)
	}
	first, err := c.PaymentCases(t.Context(), domain.CaseFilter{States: []domain.CaseState{domain.CaseOpen}}, domain.Page{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []string{ids[2], ids[1]}, []string{first[0].ID, first[1].ID})
	rest, err := c.PaymentCases(t.Context(), domain.CaseFilter{}, domain.Page{Limit: 2, AfterTime: first[1].OpenedAt, AfterID: first[1].ID})
	require.NoError(t, err)
	require.Len(t, rest, 1)
	closed, err := c.PaymentCases(t.Context(), domain.CaseFilter{States: []domain.CaseState{domain.CaseClosed}}, domain.Page{Limit: 2})
	require.NoError(t, err)
	require.Empty(t, closed)
	a, err := c.ProcessInput(t.Context(), first[0].AppointmentID)
	require.NoError(t, err)
	require.Equal(t, first[0].ID, a.CaseID)

	c.exec(t, "UPDATE payment_cases SET look_at = now() - interval '1 hour' WHERE id = $1", ids[0])
	findings, err := c.Leftovers(t.Context(), 0, 1e9*60, 10)
	require.NoError(t, err)
	raw, err := json.Marshal(findings)
	require.NoError(t, err)
	require.Contains(t, string(raw), "payment_case/"+ids[0])
	_, err = c.Leftovers(t.Context(), 0, 1e9*60, 10)
	require.NoError(t, err)
	require.Equal(t, 1, c.count(t, "outbox WHERE dedupe_key LIKE 'payment-case/%/late/%'"), "its process is woken, once")
}
