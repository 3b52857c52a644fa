package stories_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/paymentcase"
	"github.com/careflow/careflow/workflows/reconcile"
)

// paidVisit is a confirmed visit that was paid for, in three days.
type paidVisit struct {
	t      *testing.T
	c      *clinic.Clinic
	staff  *clinic.User
	id     string
	intent string
}

func newPaidVisit(t *testing.T, terms string, env ...string) *paidVisit {
	t.Helper()
	c := clinic.New(t, clinic.Options{Env: env})
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, terms)
	patient := c.Login("patient")
	a := c.BookAndPay(patient, b)
	c.Login("doctor.demo").Must(a.ID, "confirm", nil)
	patient.Await(a.ID, domain.StatusConfirmed)
	return &paidVisit{t: t, c: c, staff: c.Login("staff"), id: a.ID, intent: c.Sandbox.Ledger().Payments[0].IntentID}
}

func (v *paidVisit) cancel() {
	v.staff.Must(v.id, "cancel", map[string]string{"reason_code": "clinic_closed"})
	v.staff.Await(v.id, domain.StatusCancelled, domain.StatusArchived)
}

// agree waits until provider and books have the same money, and the receipts add up.
func (v *paidVisit) agree(refunded, lost int64) {
	v.t.Helper()
	testkit.Eventually(v.t, func() bool {
		p, _ := v.c.Sandbox.Payment(v.intent)
		return p.Refunded == refunded && v.staff.Appointment(v.id).Payment.Refunded.Minor == refunded && p.Lost == lost &&
			v.c.Kept(v.id) == int(8000-refunded-lost)
	}, "provider, books and receipts agree on %d given back", refunded)
}

func in(states ...domain.CaseState) func(openapi.PaymentCase) bool {
	return func(c openapi.PaymentCase) bool {
		for _, s := range states {
			if domain.CaseState(c.State) == s {
				return true
			}
		}
		return false
	}
}

// A refund API that fails for long is asked again and again, shows to staff, and refunds
// once when it is back; the worker dies on the way.
func TestStory08_AFailingRefundAPIIsRetriedAndShowsToStaff(t *testing.T) {
	t.Parallel()
	v := newPaidVisit(t, `{}`)
	away := v.c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: "POST /v1/refunds", Mode: "fail", Status: 503})
	v.cancel()
	shown := v.staff.AwaitCase(v.id, in(domain.CaseRetrying), "shows the outage")
	require.Equal(t, string(domain.WaitsForProvider), string(shown.WaitsFor))
	require.Equal(t, string(domain.CodeVendorUnavailable), shown.ErrorCode)
	require.Equal(t, http.StatusConflict, v.staff.DecideCase(shown, "resolve", "paid_back_another_way").Status, "it may happen yet")
	asked := away.Hits()
	testkit.Eventually(t, func() bool { return away.Hits() > asked }, "it is asked again")

	held := v.c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: "POST /v1/refunds", Mode: "hold_after", Count: 1})
	away.Release()
	require.NoError(t, held.WaitHeld(testkit.Context(t)))
	v.c.WorkerProcess.Kill()
	held.Release()
	v.c.StartWorker()
	v.c.Sandbox.ForgetKeys() // what the provider may do after a day

	done := v.staff.AwaitCase(v.id, closed, "ends")
	require.Equal(t, domain.OutcomeRefunded, string(done.Outcome))
	v.agree(8000, 0)
	p, _ := v.c.Sandbox.Payment(v.intent)
	require.Equal(t, 1, p.Refunds, "once")
	testkit.Eventually(t, func() bool { return v.c.Mails(v.id, domain.MessageRefunded) == 1 }, "the patient is told once")
	require.Equal(t, 1, v.c.Count(`SELECT count(*) FROM refunds WHERE intent_id = $1`, v.intent))
}

// A refund that seemed to work and then bounces is taken out of the books, and a person
// decides: another refund, or the money went back another way. Nothing moves before.
func TestStory08_ARefundThatFailsForGoodEndsByAPersonsDecision(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, terms, verb, reason string
		outcome                   string
		refunded                  int64
	}{
		{"another refund", `{}`, "retry", "payer_reached", domain.OutcomeRefunded, 8000},
		{"paid back another way", `{}`, "resolve", "paid_back_another_way", domain.OutcomeResolved, 0},
		{"of an archived visit", `{"retention": "1s"}`, "retry", "payer_reached", domain.OutcomeRefunded, 8000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newPaidVisit(t, tt.terms)
			v.cancel()
			v.agree(8000, 0)
			if tt.terms != `{}` {
				v.staff.Await(v.id, domain.StatusArchived)
				v.c.AwaitProcessEnd(v.id)
			}
			require.NoError(t, v.c.Sandbox.FailRefunds(v.intent))
			asked := v.staff.AwaitCase(v.id, in(domain.CaseNeedsPerson), "waits for a person")
			require.Equal(t, string(domain.CaseRefundFailed), string(asked.Kind))
			v.agree(0, 0)
			require.Contains(t, v.staff.Cases("state=needs_person")[0].ID, asked.ID)
			require.Contains(t, v.staff.Kinds(v.id), "refund_failed")

			stale := asked
			stale.Version--
			require.Equal(t, http.StatusPreconditionFailed, v.staff.DecideCase(stale, tt.verb, tt.reason).Status)
			require.Equal(t, http.StatusOK, v.staff.DecideCase(asked, tt.verb, tt.reason).Status)
			done := v.staff.AwaitCase(v.id, closed, "ends")
			require.Equal(t, tt.outcome, string(done.Outcome))
			v.agree(tt.refunded, 0)
			require.Equal(t, http.StatusConflict, v.staff.DecideCase(done, tt.verb, tt.reason).Status, "it is closed")
			if tt.refunded > 0 {
				testkit.Eventually(t, func() bool { return v.c.Mails(v.id, domain.MessageRefunded) == 2 }, "one letter a refund")
			}
		})
	}
}

// A refund on its way is followed until it arrives.
func TestStory08_APendingRefundIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	v := newPaidVisit(t, `{}`)
	v.c.Sandbox.HoldRefunds(true)
	v.cancel()
	v.staff.AwaitCase(v.id, func(c openapi.PaymentCase) bool { return string(c.WaitsFor) == string(domain.WaitsForBank) }, "waits for the bank")
	require.NoError(t, v.c.Sandbox.ArriveRefunds(v.intent))
	require.Equal(t, domain.OutcomeRefunded, string(v.staff.AwaitCase(v.id, closed, "ends").Outcome))
	v.agree(8000, 0)
	require.Equal(t, 1, v.c.Count(`SELECT count(*) FROM refunds WHERE status = 'succeeded'`))
}

// A case whose process was terminated, and of which no news comes any more, is found by the
// reconciler and goes on.
func TestStory08_ACaseWithoutAProcessGoesOn(t *testing.T) {
	t.Parallel()
	v := newPaidVisit(t, `{}`, clinic.SoonStill...)
	v.c.Sandbox.HoldRefunds(true)
	v.cancel()
	v.staff.AwaitCase(v.id, func(c openapi.PaymentCase) bool { return string(c.WaitsFor) == string(domain.WaitsForBank) }, "waits for the bank")
	temporal := v.c.Temporal()
	require.NoError(t, temporal.TerminateWorkflow(testkit.Context(t), paymentcase.WorkflowID(v.intent), "", "a story"))
	v.c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Webhook, Mode: sandbox.Lost})
	require.NoError(t, v.c.Sandbox.ArriveRefunds(v.intent))
	v.c.Exec(`UPDATE payment_cases SET look_at = now() - interval '1 hour'`) // six hours later
	v.c.ReconcileUntil(temporal, func(r reconcile.Result) bool {
		return slices.ContainsFunc(r.Findings, func(f domain.Finding) bool { return f.Code == domain.FindingCaseLate })
	}, "the case is reported")
	require.Equal(t, domain.OutcomeRefunded, string(v.staff.AwaitCase(v.id, closed, "ends").Outcome))
	v.agree(8000, 0)
}

// What somebody refunds in the provider's dashboard comes into the books, with receipt and
// letter, and is not refunded again.
func TestStory08_ARefundMadeByHandComesIntoTheBooks(t *testing.T) {
	t.Parallel()
	for name, terms := range map[string]string{"before the visit": `{}`, "after the archive": `{"retention": "1s", "refund_tiers": []}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newPaidVisit(t, terms)
			archived := terms != `{}`
			if archived {
				v.c.Login("patient").Must(v.id, "cancel", map[string]string{"reason_code": "patient_request"}) // keeps it all
				v.staff.Await(v.id, domain.StatusArchived)
				v.c.AwaitProcessEnd(v.id)
			}
			require.NoError(t, v.c.Sandbox.RefundByHand(v.intent, 3000))
			done := v.staff.AwaitCase(v.id, closed, "ends")
			require.Equal(t, string(domain.CaseRefundByHand), string(done.Kind))
			v.agree(3000, 0)
			testkit.Eventually(t, func() bool { return v.c.Mails(v.id, domain.MessageRefunded) == 1 }, "the patient is told")
			if archived {
				return
			}
			require.Equal(t, domain.StatusConfirmed, domain.Status(v.staff.Appointment(v.id).Status), "the visit goes on")
			v.cancel()
			v.agree(8000, 0)
			p, _ := v.c.Sandbox.Payment(v.intent)
			require.Equal(t, 2, p.Refunds, "the rest, once")
		})
	}
}

// A dispute is shown to staff with its date, a disputed payment is not refunded, and what
// the bank decides is in the books.
func TestStory08_DisputesAreFollowedAndBooked(t *testing.T) {
	t.Parallel()
	for name, won := range map[string]bool{"won": true, "lost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newPaidVisit(t, `{}`)
			require.NoError(t, v.c.Sandbox.Dispute(v.intent))
			due := v.staff.AwaitCase(v.id, func(c openapi.PaymentCase) bool { return string(c.WaitsFor) == string(domain.WaitsForEvidence) }, "waits for an answer")
			require.False(t, due.EvidenceBy.IsZero(), "and says until when")
			require.Equal(t, http.StatusConflict, v.staff.DecideCase(due, "resolve", "written_off").Status, "it is answered at the provider")
			v.cancel()
			require.NoError(t, v.c.Sandbox.AnswerDispute(v.intent))
			v.staff.AwaitCase(v.id, func(c openapi.PaymentCase) bool { return string(c.WaitsFor) == string(domain.WaitsForDispute) }, "waits for the bank")
			v.agree(0, 0)
			require.NoError(t, v.c.Sandbox.DecideDispute(v.intent, won))
			done := v.staff.AwaitCase(v.id, closed, "ends")
			if won { // the visit was cancelled meanwhile: now the money can go back
				require.Equal(t, domain.OutcomeDisputeWon, string(done.Outcome))
				v.agree(8000, 0)
				return
			}
			require.Equal(t, domain.OutcomeDisputeLost, string(done.Outcome))
			v.agree(0, 8000)
			require.EqualValues(t, 8000, done.ChargedBack.Minor)
			require.Contains(t, v.staff.Kinds(v.id), "dispute_lost")
		})
	}
}
