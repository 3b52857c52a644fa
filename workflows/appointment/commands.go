package appointment

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/domain"
)

// handler is one command: validate says whether it is allowed as the visit stands at
// now, plan says which transition it is. Both are free of side effects.
type handler struct {
	name     string
	about    string
	validate func(now time.Time, c Command) error
	plan     func(now time.Time, c Command) domain.Transition
	// revise says which release's rules hold, where a later one changed what the command
	// leads to.
	revise func(ctx workflow.Context)
}

func (p *process) handleCommands(ctx workflow.Context) error {
	for _, h := range []handler{
		{UpdateConfirm, "The doctor accepts the request", p.validateConfirm, p.planConfirm, nil},
		{UpdateDecline, "The doctor declines the request", p.validateDecline, p.planDecline, nil},
		{UpdateCancel, "Someone cancels the visit", p.validateCancel, p.planCancel, nil},
		{UpdateReschedule, "The visit moves to another time", p.validateReschedule, p.planReschedule, nil},
		{UpdateCheckIn, "The patient has arrived", p.validateCheckIn, p.planCheckIn, nil},
		{UpdateComplete, "The visit took place", p.validateComplete, p.planComplete, nil},
		{UpdateNoShow, "The patient did not come", p.validateNoShow, p.planNoShow, p.reviseNoShow},
		{UpdateCorrect, "Staff correct whether the visit took place", p.validateCorrect, p.planCorrect, nil},
		{UpdateDispute, "The patient objects to the fee", p.validateDispute, p.planDispute, nil},
		{UpdateUpholdFee, "Staff uphold the fee", p.validateUpholdFee, p.planUpholdFee, nil},
		{UpdateWaiveFee, "Staff waive the fee", p.validateWaiveFee, p.planWaiveFee, nil},
	} {
		err := workflow.SetUpdateHandlerWithOptions(ctx, h.name,
			func(ctx workflow.Context, c Command) (Outcome, error) { return p.handle(ctx, h, c) },
			workflow.UpdateHandlerOptions{
				Description: h.about,
				Validator:   func(ctx workflow.Context, c Command) error { return p.judge(ctx, h, c) },
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// judge refuses a command that is not allowed, before it leaves a trace in the history.
// While a transition is being written, the row that the caller saw may be ahead of the
// process: such a command is let in and judged under the lock.
func (p *process) judge(ctx workflow.Context, h handler, c Command) error {
	if p.writing.IsLocked() {
		return nil
	}
	return rejection(h.validate(workflow.Now(ctx), c))
}

// handle carries out an accepted command: under the lock it is judged once more, as
// the visit stands by then, and becomes one transition with the update's own ID.
func (p *process) handle(ctx workflow.Context, h handler, c Command) (Outcome, error) {
	if err := workflow.Await(ctx, func() bool { return p.claimed || p.superseded }); err != nil {
		return Outcome{}, err
	}
	if p.superseded {
		return Outcome{}, rejection(domain.Errorf(domain.CodeSuperseded, "another process carries this visit: send the command again"))
	}
	if err := p.writing.Lock(ctx); err != nil {
		return Outcome{}, err
	}
	defer p.writing.Unlock()
	if p.broken != nil {
		return Outcome{}, p.broken
	}
	now := workflow.Now(ctx)
	if err := h.validate(now, c); err != nil {
		return Outcome{}, rejection(err)
	}
	if h.revise != nil {
		h.revise(ctx)
	}
	t := h.plan(now, c)
	t.ID, t.Actor = "update/"+workflow.GetCurrentUpdateInfo(ctx).ID, c.Actor
	t.IfSequence = c.IfSequence // judged by the row: a process does not count the sequence
	if t.ReasonCode == "" {
		t.ReasonCode = c.ReasonCode
	}
	if err := p.move(ctx, t); err != nil {
		return Outcome{}, plain(err)
	}
	return Outcome{Status: p.status, Version: p.version}, nil
}

func (p *process) validateConfirm(time.Time, Command) error {
	return p.mustBe("confirm", domain.StatusPending)
}

func (p *process) planConfirm(time.Time, Command) domain.Transition { return p.accepted("") }

func (p *process) validateDecline(time.Time, Command) error {
	return p.mustBe("decline", domain.StatusPending)
}

func (p *process) planDecline(time.Time, Command) domain.Transition {
	return domain.Transition{
		Kind: "declined", To: domain.StatusDeclined, Kept: new(int64),
		Messages: owe(domain.MessageDeclined, domain.RecipientPatient),
	}
}

func (p *process) validateCancel(now time.Time, c Command) error {
	if !p.status.Live() {
		return p.mustBe("cancel", domain.StatusRequested, domain.StatusPending, domain.StatusConfirmed)
	}
	if c.Actor.Kind == domain.ActorPatient && !now.Before(p.visit.Start) {
		return domain.Errorf(domain.CodeTooLate, "the visit has begun: call the clinic")
	}
	if !now.Before(p.visit.End) {
		return domain.Errorf(domain.CodeTooLate, "the visit is over")
	}
	return nil
}

// planCancel: what the clinic keeps is the captured money less the share its terms give
// back. An authorisation that was never captured is voided in full.
func (p *process) planCancel(now time.Time, c Command) domain.Transition {
	paid := domain.Money{Minor: p.payment.Captured, Currency: p.terms.Price.Currency}
	kept := paid.Minor - paid.Percent(p.terms.RefundPercent(c.Actor.Kind, now, p.visit.Start)).Minor
	t := domain.Transition{
		Kind: "cancelled", To: domain.StatusCancelled, Kept: &kept,
		Messages: owe(domain.MessageCancelled, domain.RecipientPatient),
	}
	if p.status != domain.StatusRequested { // the doctor had heard of it
		t.Messages = append(t.Messages, owe(domain.MessageCancelled, domain.RecipientDoctor)...)
	}
	return t
}

func (p *process) validateReschedule(now time.Time, c Command) error {
	if err := p.mustBe("reschedule", domain.StatusPending, domain.StatusConfirmed); err != nil {
		return err
	}
	switch {
	case c.StartsAt.IsZero() || !c.StartsAt.After(now):
		return domain.Errorf(domain.CodeInvalid, "starts_at is a time in the future")
	case c.StartsAt.Equal(p.visit.Start):
		return domain.Errorf(domain.CodeConflict, "the visit is at that time already")
	case !now.Before(p.visit.Start):
		return domain.Errorf(domain.CodeTooLate, "the visit has begun")
	}
	if c.Actor.Kind != domain.ActorPatient {
		return nil
	}
	if now.Add(p.terms.RescheduleUntil.Std()).After(p.visit.Start) {
		return domain.Errorf(domain.CodeTooLate, "this visit can be moved until %s before it starts: call the clinic", p.terms.RescheduleUntil)
	}
	if p.reschedules >= p.terms.RescheduleLimit {
		return domain.Errorf(domain.CodeRescheduleLimit, "this visit was moved %d times already: call the clinic", p.reschedules)
	}
	return nil
}

// planReschedule keeps id, payment and history. A pending request asks the doctor anew
// with a fresh deadline; a confirmed visit stays confirmed unless its terms ask again.
func (p *process) planReschedule(now time.Time, c Command) domain.Transition {
	start := c.StartsAt.UTC()
	t := domain.Transition{
		Kind: "rescheduled", To: p.status,
		Visit: &domain.Window{Start: start, End: start.Add(p.visit.End.Sub(p.visit.Start))},
		Messages: append(owe(domain.MessageMoved, domain.RecipientPatient),
			owe(domain.MessageMoved, domain.RecipientDoctor)...),
	}
	if p.terms.Reconfirm {
		t.To = domain.StatusPending
	}
	if t.To == domain.StatusPending {
		t.AnswerBy = p.terms.AnswerBy(now.UTC(), p.payment.CaptureBefore, start)
	}
	return t
}

// CheckInOpens is how long before the start a patient can be checked in.
const CheckInOpens = 12 * time.Hour

func (p *process) validateCheckIn(now time.Time, _ Command) error {
	if now.Before(p.visit.Start.Add(-CheckInOpens)) {
		return domain.Errorf(domain.CodeTooEarly, "check-in opens %s before the visit starts", CheckInOpens)
	}
	return p.mustBe("check in", domain.StatusConfirmed)
}

func (p *process) planCheckIn(time.Time, Command) domain.Transition {
	return domain.Transition{Kind: "checked_in", To: domain.StatusCheckedIn}
}

func (p *process) validateComplete(time.Time, Command) error {
	return p.mustBe("complete", domain.StatusCheckedIn)
}

func (p *process) planComplete(time.Time, Command) domain.Transition { return p.completed("") }

func (p *process) mustBe(verb string, allowed ...domain.Status) error {
	for _, s := range allowed {
		if p.status == s {
			return nil
		}
	}
	return domain.Errorf(domain.CodeWrongStatus, "you can %s a visit that is %s; this one is %s", verb, list(allowed), p.status)
}

func list(statuses []domain.Status) string {
	s := string(statuses[0])
	for _, next := range statuses[1:] {
		s += " or " + string(next)
	}
	return s
}

// rejection turns a refusal of the domain into an update's failure: its type is the
// domain's code, which the API reads.
func rejection(err error) error {
	if err == nil {
		return nil
	}
	message := err.Error()
	var e *domain.Error
	if errors.As(err, &e) {
		message = e.Message
	}
	return temporal.NewNonRetryableApplicationError(message, string(domain.CodeOf(err)), nil)
}

// plain passes a refused transition on without the activity's wrapping, which would
// hide its type from the caller.
func plain(err error) error {
	message := "the visit did not change"
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		message = app.Message()
	}
	return temporal.NewNonRetryableApplicationError(message, string(codeOf(err)), nil)
}
