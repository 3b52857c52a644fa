package appointment

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/careflow/careflow/activities/settlement"
	"github.com/careflow/careflow/internal/domain"
)

// handOverAfter is how many tries of a provider that fails are the process's own, some 15
// seconds. Then the intent's payment case goes on, where staff can see it.
const handOverAfter = 5

// SettlePayments puts the money of an ended visit right, for every intent it ever had. One
// that cannot be settled holds up no other: it becomes a payment case.
func (p *Payments) SettlePayments(ctx context.Context, in SettlePaymentsInput) (SettlePaymentsResult, error) {
	var (
		result SettlePaymentsResult
		again  error
	)
	payments, err := p.store.Payments(ctx, in.AppointmentID)
	if err != nil {
		return result, fault(err)
	}
	kept := in.Kept
	for i := len(payments) - 1; i >= 0; i-- { // the newest is the one that was kept
		payment := payments[i]
		seen, err := p.settle(ctx, in.AppointmentID, payment, kept)
		kept = max(0, kept-max(payment.Captured, seen.Intent.Captured))
		cause, opens := caseFor(err, int(activity.GetInfo(ctx).Attempt))
		switch {
		case domain.CodeOf(err) == codeHanded:
			result.Handed++
			result.Refunded += payment.Refunded // as the books have it
		case opens:
			err = p.store.OpenCase(ctx, domain.CaseOpening{
				AppointmentID: in.AppointmentID, IntentID: payment.IntentID, Kind: cause, ErrorCode: settlement.Reason(err), At: now(),
			})
			if err != nil {
				again = err
				continue
			}
			result.Handed++
		case domain.CodeOf(err) == domain.CodeConflict: // someone else moves it at this moment
			again = domain.Errorf(domain.CodeUnavailable, "the payment is being settled elsewhere").Because(err)
		case err != nil:
			again = err
		default:
			result.Refunded += seen.Refunded
			if seen.Intent.Status == domain.PaymentCancelled {
				result.Voided++
			}
		}
	}
	return result, fault(again)
}

// Codes of an intent that is not, or not any more, the process's to settle. They stay
// inside of this file.
const (
	codeHanded domain.Code = "handed_over"
	codeFailed domain.Code = "refund_failed"
	// codePending: somebody has to see to it that the money arrives, for longer than a
	// process that may be archived meanwhile.
	codePending domain.Code = "refund_pending"
)

// settle voids one intent's hold or refunds what was captured beyond kept, unless that is
// the business of its payment case.
func (p *Payments) settle(ctx context.Context, id string, payment domain.RecordedPayment, kept int64) (settlement.Sight, error) {
	if payment.Resolved || (payment.Case != "" && payment.Case != domain.CaseClosed) {
		return settlement.Sight{}, domain.Errorf(codeHanded, "the payment case settles this, or a person has")
	}
	job := settlement.Job{AppointmentID: id, Payment: payment, Kept: kept, By: domain.RefundByProcess}
	seen, err := p.settler.Look(ctx, job)
	if err != nil {
		return seen, err
	}
	switch {
	case payment.TurnedUp(seen.Intent):
		return seen, domain.Errorf(settlement.CodeLate, "money turned up after the end").WithDetail(string(seen.Intent.Status))
	case seen.Intent.Disputed && seen.Due(job) > 0:
		return seen, domain.Errorf(domain.CodePaymentRefused, "a disputed payment is not refunded").WithDetail("charge_disputed")
	}
	if seen, err = p.settler.Move(ctx, job, seen); err != nil {
		return seen, err
	}
	if seen.Failed != nil && seen.Due(job) > 0 {
		return seen, domain.Errorf(codeFailed, "the refund did not arrive").WithDetail(seen.Failed.ErrorCode)
	}
	if seen.Pending {
		return seen, domain.Errorf(codePending, "the refund is on its way").WithDetail("refund_pending")
	}
	return seen, nil
}

// caseFor reports whether an intent that could not be settled is a matter for a payment
// case: at once where trying again is no use, and after some tries where it may be.
func caseFor(err error, attempt int) (domain.CaseKind, bool) {
	switch {
	case err == nil:
		return "", false
	case domain.CodeOf(err) == settlement.CodeLate:
		return domain.CaseLatePayment, true
	case domain.CodeOf(err) == codeFailed:
		return domain.CaseRefundFailed, true
	case domain.CodeOf(err) == codePending:
		return domain.CaseUnsettled, true
	case settlement.Reason(err) == "charge_disputed":
		return domain.CaseDispute, true
	case settlement.Refused(err):
		return domain.CaseUnsettled, true
	}
	return domain.CaseUnsettled, settlement.Passing(err) && attempt >= handOverAfter
}
