package appointment

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
)

// awaitPayment holds the slot until the money is authorised or the window is over.
func (p *process) awaitPayment(ctx workflow.Context) error {
	seen := p.version
	if p.terms.Price.IsZero() {
		return p.asked(ctx, seen, "requested_free", nil)
	}
	if p.payment.IntentID == "" {
		if opened, err := p.openPayment(ctx); err != nil || !opened {
			return err
		}
	}
	due, err := p.until(ctx, p.payBy, "Payment window", func() bool { return p.version != seen || p.hints > 0 })
	if err != nil || p.version != seen {
		return err
	}
	// News, or the window is over: in both cases the provider is asked. When it does not
	// answer for ten minutes after the window, the slot is freed; money that turns up
	// later is settled after the end.
	fact, err := p.readPayment(ctx, p.payBy.Add(askPatience).Sub(workflow.Now(ctx)))
	if err != nil {
		if due {
			return p.expire(ctx, seen, "payment_unknown")
		}
		p.log.Warn("the payment could not be read", "code", codeOf(err))
		return nil // the end of the window asks again
	}
	switch fact.Status {
	case domain.PaymentAuthorised, domain.PaymentCaptured:
		return p.asked(ctx, seen, "authorised", &fact)
	case domain.PaymentCancelled:
		return p.expire(ctx, seen, "payment_cancelled")
	case domain.PaymentAwaitingMethod, domain.PaymentProcessing:
	}
	if !due {
		return nil
	}
	return p.expire(ctx, seen, "payment_window_over")
}

// openPayment creates the intent, unless the hold is over already. It reports whether
// there is one to wait for.
func (p *process) openPayment(ctx workflow.Context) (bool, error) {
	seen, booked := p.version, p.bookedAt
	if p.generation > 1 {
		booked = p.changedAt // a new window after a refused capture
	}
	now := workflow.Now(ctx)
	last := p.terms.PayBy(booked, booked.Add(p.terms.PaymentWindowMax.Std()), p.visit.Start)
	if !p.payBy.IsZero() {
		last = p.payBy // put off once: we were down over it
	}
	if !now.Before(last) {
		return false, p.neverPayable(ctx, seen, last)
	}
	p.show(ctx)
	// The second try is for a time in which every worker was down: a payment may have been
	// opened, and paid, of which nobody could tell the process.
	for _, patience := range []time.Duration{last.Sub(now), askPatience} {
		p.opening = workflow.ExecuteActivity(paying(ctx, patience, "Open the payment"), acts.OpenPayment, acts.OpenPaymentInput{
			AppointmentID: p.id, Generation: p.generation, Amount: p.terms.Price, BookedAt: p.bookedAt, Until: last,
		})
		if err := workflow.Await(ctx, func() bool {
			return p.opening.IsReady() || p.version != seen || p.broken != nil
		}); err != nil {
			return false, err
		}
		if p.broken != nil {
			return false, p.broken
		}
		if p.version != seen {
			return false, nil
		}
		err := p.opened(ctx)
		if err == nil && p.payment.IntentID != "" {
			return true, nil
		}
		if err == nil {
			return false, p.neverPayable(ctx, seen, last)
		}
		p.log.Warn("no payment could be opened", "code", codeOf(err))
	}
	return false, p.expire(ctx, seen, "payment_unavailable")
}

// neverPayable ends a hold that nobody could pay in time. Where that was our fault, and
// the doctor would still have time to answer, the patient gets a window after all.
func (p *process) neverPayable(ctx workflow.Context, seen int, last time.Time) error {
	if p.terms.TimeToAnswer(workflow.Now(ctx), p.visit.Start) {
		if put, err := p.putOff(ctx, seen, p.payDeadline(last)); put || err != nil {
			return err
		}
	}
	return p.expire(ctx, seen, "payment_window_over")
}

// opened reads the result of a payment being opened, once.
func (p *process) opened(ctx workflow.Context) error {
	if p.opening == nil {
		return nil
	}
	var result acts.OpenPaymentResult
	err := p.opening.Get(ctx, &result)
	p.opening = nil
	if err == nil && result.IntentID != "" {
		p.payment.IntentID, p.payBy, p.owed = result.IntentID, result.PayBy, true
	}
	return err
}

func (p *process) readPayment(ctx workflow.Context, patience time.Duration) (domain.PaymentFact, error) {
	p.hints = 0
	var fact domain.PaymentFact
	err := workflow.ExecuteActivity(paying(ctx, patience, "Ask how the payment stands"), acts.ReadPayment,
		acts.ReadPaymentInput{AppointmentID: p.id, IntentID: p.payment.IntentID}).Get(ctx, &fact)
	return fact, err
}

// asked moves a paid (or free) request to the doctor.
func (p *process) asked(ctx workflow.Context, seen int, kind string, fact *domain.PaymentFact) error {
	var lapse time.Time
	if fact != nil {
		lapse = fact.CaptureBefore
	}
	t := domain.Transition{
		ID: fmt.Sprintf("%s/%d", kind, p.generation), Kind: kind, To: domain.StatusPending, Payment: fact,
		AnswerBy: p.terms.AnswerBy(workflow.Now(ctx).UTC(), lapse, p.visit.Start),
	}
	if !p.terms.InstantConfirm {
		t.Messages = owe(domain.MessageRequestToDoctor, domain.RecipientDoctor)
	}
	return p.step(ctx, seen, t)
}

// awaitAnswer waits for the doctor, and for nobody where the type confirms instantly.
func (p *process) awaitAnswer(ctx workflow.Context) error {
	seen := p.version
	if p.terms.InstantConfirm {
		return p.step(ctx, seen, p.accepted("accepted/instant"))
	}
	due, err := p.until(ctx, p.answerBy, "Answer deadline", func() bool { return p.version != seen || p.hints > 0 })
	if err != nil || p.version != seen {
		return err
	}
	if due {
		if put, err := p.putOff(ctx, seen, p.answerDeadline()); put || err != nil {
			return err
		}
		return p.expire(ctx, seen, "no_answer")
	}
	fact, err := p.readPayment(ctx, max(p.answerBy.Sub(workflow.Now(ctx)), askPatience))
	if err == nil && fact.Status == domain.PaymentCancelled {
		return p.expire(ctx, seen, "authorisation_lost")
	}
	return nil
}

// accepted is the transition of an accepted request: to the capture where there is
// money to take, else straight to confirmed.
func (p *process) accepted(id string) domain.Transition {
	t := domain.Transition{ID: id, Kind: "accepted", To: domain.StatusCapturing}
	if p.terms.Price.IsZero() || p.payment.Captured > 0 {
		t.To, t.Messages = domain.StatusConfirmed, owe(domain.MessageConfirmed, domain.RecipientPatient)
	}
	return t
}

// capture takes the money. It holds the lock: a cancel that comes meanwhile waits for
// the result. A fault that may pass keeps the visit capturing; a refusal that will not
// gives the patient a new window where time allows, or frees the slot.
func (p *process) capture(ctx workflow.Context) error {
	if err := p.writing.Lock(ctx); err != nil {
		return err
	}
	defer p.writing.Unlock()
	if p.status != domain.StatusCapturing {
		return nil
	}
	p.show(ctx)
	t := domain.Transition{
		ID: fmt.Sprintf("captured/%d", p.generation), AppointmentID: p.id, Version: p.version, Kind: "captured",
		To: domain.StatusConfirmed, Actor: domain.System(), At: workflow.Now(ctx).UTC(),
		Messages: append(owe(domain.MessageConfirmed, domain.RecipientPatient), owe(domain.MessageReceipt, domain.RecipientPatient)...),
	}
	var result acts.CapturePaymentResult
	err := workflow.ExecuteActivity(paying(ctx, capturePatience, "Capture the payment"), acts.CapturePayment, acts.CapturePaymentInput{
		IntentID: p.payment.IntentID, Generation: p.generation, Captured: t,
	}).Get(ctx, &result)
	if code := codeOf(err); err != nil && code != domain.CodeVendorUnavailable && code != domain.CodeUnavailable {
		return err
	}
	if err != nil {
		return nil // not known yet, and so neither taken nor refused: ask again
	}
	if result.Refusal != "" {
		return p.captureFailed(ctx, result.Refusal)
	}
	t.Payment = &result.Payment
	p.moved(ctx, t, result.Moved)
	return nil
}

func (p *process) captureFailed(ctx workflow.Context, refusal string) error {
	p.log.Warn("the capture was refused", "refusal", refusal)
	if p.terms.TimeToAnswer(workflow.Now(ctx), p.visit.Start) {
		return p.move(ctx, domain.Transition{
			ID: fmt.Sprintf("capture-refused/%d", p.generation), Kind: "capture_refused", To: domain.StatusRequested,
			Actor: domain.System(), ReasonCode: "payment_refused", Generation: p.generation + 1,
		})
	}
	return p.move(ctx, p.expiry("payment_refused"))
}

// awaitVisit reminds, and ends a visit that nobody ended: not attended when nobody
// checked in, completed when someone did.
func (p *process) awaitVisit(ctx workflow.Context) error {
	start := p.visit.Start
	wake, summary := p.nextVisitStep()
	// A check-in leaves the timer as it is: the visit is over at the same moment.
	due, err := p.until(ctx, wake, summary, func() bool {
		return (p.status != domain.StatusConfirmed && p.status != domain.StatusCheckedIn) || !p.visit.Start.Equal(start)
	})
	if err != nil || !due {
		return err
	}
	now, seen := workflow.Now(ctx), p.version
	switch {
	case p.status == domain.StatusConfirmed && p.reminder < len(p.terms.Reminders):
		p.remind(now)
	case p.status == domain.StatusCheckedIn:
		return p.step(ctx, seen, p.completed("completed/over"))
	default:
		if put, err := p.putOff(ctx, seen, p.overDeadline(wake)); put || err != nil {
			return err
		}
		return p.step(ctx, seen, domain.Transition{
			ID: "no-show/over", Kind: "not_attended", To: domain.StatusNoShow, ReasonCode: "no_check_in", Kept: new(int64),
		})
	}
	return nil
}

// nextVisitStep is when the process acts next by itself in a visit that is on.
func (p *process) nextVisitStep() (time.Time, string) {
	if p.status == domain.StatusConfirmed && p.reminder < len(p.terms.Reminders) {
		return p.visit.Start.Add(-p.terms.Reminders[p.reminder].Std()), "Reminder"
	}
	over := p.terms.VisitOver(p.visit.End)
	if p.overBy.After(over) {
		over = p.overBy
	}
	return over, "Visit over"
}

// remind decides about the reminder that has come up and hands it to the mail.
func (p *process) remind(now time.Time) {
	r := domain.Reminder{
		Offset: p.terms.Reminders[p.reminder], Start: p.visit.Start, SendBefore: p.visit.Start,
		Decision: p.terms.DecideReminder(p.reminder, now, p.visit.Start),
	}
	if next := p.reminder + 1; next < len(p.terms.Reminders) {
		r.SendBefore = p.visit.Start.Add(-p.terms.Reminders[next].Std())
	}
	p.reminders = append(p.reminders, r)
	p.reminder, p.owed = p.reminder+1, true
}

func (p *process) expire(ctx workflow.Context, seen int, reason string) error {
	return p.step(ctx, seen, p.expiry(reason))
}

func (p *process) expiry(reason string) domain.Transition {
	return domain.Transition{
		ID: fmt.Sprintf("expired/%s/%d", reason, p.generation), Kind: "expired", To: domain.StatusExpired, Actor: domain.System(),
		ReasonCode: reason, Kept: new(int64), Messages: owe(domain.MessageExpired, domain.RecipientPatient),
	}
}

func (p *process) completed(id string) domain.Transition {
	kept := p.payment.Captured
	return domain.Transition{ID: id, Kind: "completed", To: domain.StatusCompleted, Kept: &kept}
}

func owe(kind domain.MessageKind, to domain.Recipient) []domain.MessageIntent {
	return []domain.MessageIntent{{Kind: kind, Recipient: to}}
}
