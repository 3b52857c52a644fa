package appointment

import (
	"time"

	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/signals"
)

// closeBooks settles the money of an ended visit, keeps an eye on late news of it for
// as long as the record is kept at hand, and then moves the record to the archive.
func (p *process) closeBooks(ctx workflow.Context) error {
	if err := p.opened(ctx); err != nil {
		p.log.Warn("no payment could be opened", "code", codeOf(err))
	}
	seen := p.version
	wake, summary := p.nextEndStep()
	p.hints = 0
	for look := p.moneyToSettle(); ; look = p.costsMoney() {
		if look {
			if err := p.settle(ctx); err != nil {
				return err
			}
		}
		due, err := p.until(ctx, wake, summary, func() bool { return p.hints > 0 || p.version != seen })
		if err != nil || p.version != seen {
			return err // a correction, or an objection to a fee: look again
		}
		if due {
			break
		}
	}
	if p.fee.Status.Open() {
		return p.feeDue(ctx, seen)
	}
	return p.step(ctx, seen, domain.Transition{ID: "archived", Kind: "archived", To: domain.StatusArchived})
}

// nextEndStep is when the process acts next by itself in a visit that has ended: an open
// fee is settled before the record goes to the archive.
func (p *process) nextEndStep() (time.Time, string) {
	switch p.fee.Status {
	case domain.FeeNoticed:
		return p.fee.Until, "Time to object to the fee"
	case domain.FeeDisputed:
		return p.fee.Until, "Time to decide about the fee"
	case "", domain.FeeKept, domain.FeeWaived, domain.FeeWithdrawn:
	}
	return p.endedAt.Add(p.terms.Retention.Std()), "Retention"
}

// moneyToSettle reports whether something may have to be voided or paid back. A payment
// the process does not know may all the same be in the books: a worker that died after
// it had opened one could not say so.
func (p *process) moneyToSettle() bool {
	return p.costsMoney() && (p.generation > 1 || p.payment.Captured == 0 || p.payment.Captured > p.withheld())
}

func (p *process) costsMoney() bool { return !p.terms.Price.IsZero() }

func (p *process) settle(ctx workflow.Context) error {
	p.hints, p.settling = 0, true
	defer func() { p.settling = false }()
	var result acts.SettlePaymentsResult
	err := workflow.ExecuteActivity(paying(ctx, settlePatience, "Void or refund"), acts.SettlePayments,
		acts.SettlePaymentsInput{AppointmentID: p.id, Kept: p.withheld()}).Get(ctx, &result)
	p.owed = p.owed || result.Refunded > 0
	p.payment.Refunded = max(p.payment.Refunded, result.Refunded)
	return err
}

// lastHints looks once more where money may have moved while the record went to the archive.
// Until then news of it are this process's, from then on they are a payment case's.
func (p *process) lastHints(ctx workflow.Context) error {
	for {
		if err := signals.HearOut(ctx); err != nil {
			return err
		}
		if p.hints == 0 || !p.costsMoney() {
			return nil
		}
		// A release before this let them pass. Lives without such a hint never come by.
		if workflow.GetVersion(ctx, changeLastHints, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			return nil
		}
		if err := p.settle(ctx); err != nil {
			return err
		}
	}
}

// changeLastHints marks a life in which such a hint is heeded.
const changeLastHints = "last-hints"

// deliverMail hands over what the visit owes, one batch at a time, beside the phases: a
// mail vendor that is down holds up letters and nothing else. It returns when the
// process closes and nothing is owed any more.
func (p *process) deliverMail(ctx workflow.Context) {
	defer func() { p.delivering = false }()
	for {
		if err := workflow.Await(ctx, func() bool { return p.owed || p.closing }); err != nil || !p.owed {
			return
		}
		p.owed = false
		in := acts.DeliverMailInput{AppointmentID: p.id, Reminders: p.reminders}
		p.reminders = nil
		if err := workflow.ExecuteActivity(mailing(ctx), acts.DeliverMail, in).Get(ctx, nil); err != nil {
			// The ledger keeps what was not delivered; the next letter tries it again.
			p.log.Error("letters could not be delivered", "code", codeOf(err))
		}
	}
}
