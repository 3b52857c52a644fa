package sandbox

import (
	"net/url"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Statuses of a dispute, in Stripe's words (https://docs.stripe.com/api/disputes/object).
const (
	disputeNeedsResponse = "needs_response"
	disputeUnderReview   = "under_review"
	disputeWon           = "won"
	disputeLost          = "lost"
)

// evidenceTime is how long the clinic has to answer. Card schemes give one to three weeks.
const evidenceTime = 7 * 24 * time.Hour

type dispute struct {
	ID       string
	Seq      int64
	Created  time.Time
	Intent   string
	Charge   string
	Amount   int64
	Currency string
	Status   string
}

func (d *dispute) open() bool {
	return d.Status == disputeNeedsResponse || d.Status == disputeUnderReview
}

func (d *dispute) object() map[string]any {
	return map[string]any{
		"id": d.ID, "object": "dispute", "amount": d.Amount, "charge": d.Charge, "created": d.Created.Unix(),
		"currency": d.Currency, "is_charge_refundable": false, "livemode": false, "metadata": map[string]string{},
		"payment_intent": d.Intent, "reason": "general", "status": d.Status, "evidence": map[string]any{},
		"evidence_details": map[string]any{
			"due_by": d.Created.Add(evidenceTime).Unix(), "has_evidence": d.Status != disputeNeedsResponse,
			"past_due": false, "submission_count": 0,
		},
		"balance_transactions": []any{},
	}
}

// dispute lets the cardholder dispute the latest charge: its money is withdrawn at once.
func (t *tx) dispute(i *intent) {
	c := i.latest()
	c.Disputed = true
	t.putIntent(i)
	d := &dispute{
		ID: newID("dp_"), Seq: t.next(), Created: t.now, Intent: i.ID, Charge: c.ID, Amount: c.AmountCaptured - c.AmountRefunded,
		Currency: i.Currency, Status: disputeNeedsResponse,
	}
	t.putDispute(d)
	t.emit("charge.dispute.created", d.object())
	t.emit("charge.dispute.funds_withdrawn", d.object())
}

// decide ends a dispute; where the clinic wins, the money comes back.
func (t *tx) decide(d *dispute, status string) {
	d.Status = status
	t.putDispute(d)
	t.emit("charge.dispute.closed", d.object())
	if status == disputeWon {
		t.emit("charge.dispute.funds_reinstated", d.object())
	}
}

// disputeOf returns an intent's newest dispute, nil where there is none.
func (s *state) disputeOf(intentID string) *dispute {
	for _, d := range s.newestDisputes() {
		if d.Intent == intentID {
			return d
		}
	}
	return nil
}

// AnswerDispute hands in the clinic's evidence, as a person does in the dashboard.
func (s *Sandbox) AnswerDispute(intentID string) error {
	return s.actOnDispute(intentID, func(t *tx, d *dispute) {
		d.Status = disputeUnderReview
		t.putDispute(d)
		t.emit("charge.dispute.updated", d.object())
	})
}

// DecideDispute lets the bank decide, for the clinic where won is true.
func (s *Sandbox) DecideDispute(intentID string, won bool) error {
	status := disputeLost
	if won {
		status = disputeWon
	}
	return s.actOnDispute(intentID, func(t *tx, d *dispute) { t.decide(d, status) })
}

func (s *Sandbox) actOnDispute(intentID string, do func(*tx, *dispute)) error {
	return s.act(intentID, func(t *tx, _ *intent) error {
		d := s.state.disputeOf(intentID)
		if d == nil || !d.open() {
			return domain.Errorf(domain.CodeWrongStatus, "the intent has no open dispute")
		}
		do(t, d)
		return nil
	})
}

func listDisputes(s *Sandbox, c *call, form url.Values, _ string) (func(*tx) reply, *reply) {
	if r := unknown(form, "payment_intent", "charge", "created", "limit", "starting_after", "ending_before"); r != nil {
		return nil, r
	}
	within, r := createdFilter(form)
	if r != nil {
		return nil, r
	}
	if id := form.Get("payment_intent"); id != "" && s.find(id) == nil {
		r := missing("payment_intent", "payment_intent", id)
		return nil, &r
	}
	return func(t *tx) reply {
		var items []page
		for _, d := range t.s.state.newestDisputes() {
			if matches(form, "payment_intent", d.Intent) && matches(form, "charge", d.Charge) && within(d.Created) {
				items = append(items, page{d.ID, d.object()})
			}
		}
		return paginate(c, form, items)
	}, nil
}
