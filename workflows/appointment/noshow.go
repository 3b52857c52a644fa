package appointment

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
)

// feeChange marks processes in which a no-show fee is kept only after notice and a time to
// object. Before it, the mark kept the fee.
const feeChange = "no-show-fee-after-notice"

func (p *process) validateNoShow(now time.Time, _ Command) error {
	if now.Before(p.visit.Start) {
		return domain.Errorf(domain.CodeTooEarly, "the visit has not begun")
	}
	return p.mustBe("mark as not attended", domain.StatusConfirmed)
}

func (p *process) reviseNoShow(ctx workflow.Context) {
	p.noticesFees = workflow.GetVersion(ctx, feeChange, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// planNoShow: a person's mark asks for the fee that the terms name. What exceeds it goes
// back at once; the fee is withheld until the patient had time to object.
func (p *process) planNoShow(now time.Time, _ Command) domain.Transition {
	t := domain.Transition{Kind: "not_attended", To: domain.StatusNoShow, Kept: new(int64)}
	if !p.noticesFees {
		kept := domain.Money{Minor: p.payment.Captured}.Percent(p.terms.NoShowFeeShare).Minor
		t.Kept = &kept
		return t
	}
	p.askFee(&t, now)
	return t
}

// askFee adds the fee and its notice to a transition that marks a visit as not attended.
func (p *process) askFee(t *domain.Transition, now time.Time) {
	minor := p.terms.NoShowFee(p.payment.Captured, p.payment.Refunded)
	if minor == 0 {
		return
	}
	t.Fee = &domain.NoShowFee{Status: domain.FeeNoticed, Minor: minor, Until: now.Add(p.terms.DisputeWindow()).UTC()}
	t.Messages = owe(domain.MessageFeeNotice, domain.RecipientPatient)
}

// withheld is the captured money that does not go back: what is kept, and what may be.
func (p *process) withheld() int64 {
	if p.fee.Status.Open() {
		return p.kept + p.fee.Minor
	}
	return p.kept
}

// remaining is the captured money that has not gone back, as far as the process knows.
func (p *process) remaining() int64 { return max(0, p.payment.Captured-p.payment.Refunded) }

func (p *process) validateDispute(now time.Time, _ Command) error {
	if err := p.mustBe("object to the fee of", domain.StatusNoShow); err != nil {
		return err
	}
	if p.fee.Status != domain.FeeNoticed {
		return domain.Errorf(domain.CodeWrongStatus, "there is no fee to object to any more")
	}
	if !now.Before(p.fee.Until) {
		return domain.Errorf(domain.CodeTooLate, "the time to object is over: call the clinic")
	}
	return nil
}

func (p *process) planDispute(now time.Time, _ Command) domain.Transition {
	return domain.Transition{Kind: "fee_disputed", To: domain.StatusNoShow, Fee: &domain.NoShowFee{
		Status: domain.FeeDisputed, Minor: p.fee.Minor, Until: now.Add(domain.DecisionPeriod).UTC(),
	}}
}

func (p *process) validateUpholdFee(time.Time, Command) error {
	if p.fee.Status != domain.FeeDisputed {
		return domain.Errorf(domain.CodeWrongStatus, "a fee is upheld when the patient has objected to it")
	}
	return nil
}

func (p *process) planUpholdFee(time.Time, Command) domain.Transition { return p.feeKept() }

func (p *process) validateWaiveFee(time.Time, Command) error {
	if !p.fee.Status.Open() {
		return domain.Errorf(domain.CodeWrongStatus, "there is no open fee to waive")
	}
	return nil
}

func (p *process) planWaiveFee(time.Time, Command) domain.Transition { return p.feeWaived("") }

// feeDue is the end of the time to object, or to decide about an objection.
func (p *process) feeDue(ctx workflow.Context, seen int) error {
	if p.fee.Status == domain.FeeDisputed {
		return p.stepFee(ctx, seen, p.feeWaived("not_decided_in_time"))
	}
	if put, err := p.putOff(ctx, seen, p.disputeDeadline()); put || err != nil {
		return err
	}
	var notice acts.NoticeSentResult
	err := workflow.ExecuteActivity(recording(ctx, "look for the notice"), acts.NoticeSent, acts.NoticeSentInput{
		AppointmentID: p.id, Kind: domain.MessageFeeNotice,
	}).Get(ctx, &notice)
	if err != nil || p.version != seen {
		return err
	}
	told, again := p.terms.NoticeCheck(notice.At, workflow.Now(ctx))
	switch {
	case !told:
		return p.stepFee(ctx, seen, p.feeWaived("patient_not_told"))
	case !again.IsZero():
		return p.stepFee(ctx, seen, domain.Transition{
			Kind: "deadline_extended", To: domain.StatusNoShow, ReasonCode: "notice_sent_late",
			Fee: &domain.NoShowFee{Status: domain.FeeNoticed, Minor: p.fee.Minor, Until: again.UTC()},
		})
	}
	return p.stepFee(ctx, seen, p.feeKept())
}

func (p *process) stepFee(ctx workflow.Context, seen int, t domain.Transition) error {
	t.ID = fmt.Sprintf("fee/%s/%d", t.Kind, seen)
	return p.step(ctx, seen, t)
}

func (p *process) feeKept() domain.Transition {
	kept := p.fee.Minor
	return domain.Transition{
		Kind: "fee_kept", To: domain.StatusNoShow, Kept: &kept, Fee: &domain.NoShowFee{Status: domain.FeeKept, Minor: kept},
		Messages: owe(domain.MessageFeeKept, domain.RecipientPatient),
	}
}

func (p *process) feeWaived(reason string) domain.Transition {
	return domain.Transition{
		Kind: "fee_waived", To: domain.StatusNoShow, ReasonCode: reason, Kept: new(int64),
		Fee:      &domain.NoShowFee{Status: domain.FeeWaived, Minor: p.fee.Minor},
		Messages: owe(domain.MessageFeeWaived, domain.RecipientPatient),
	}
}
