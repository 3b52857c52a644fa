package appointment

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/searchattr"
)

// shownStep is what people see of a process in Temporal UI: where it stands, what it waits
// for and until when.
type shownStep struct {
	status domain.Status
	next   string
	at     time.Time
	start  time.Time
}

// Attributes are the search attributes a process starts with.
func Attributes(in Input) temporal.SearchAttributes {
	updates := append(resume(in).standing().updates(), searchattr.Doctor.ValueSet(in.DoctorID))
	return temporal.NewSearchAttributes(updates...)
}

func (p *process) standing() shownStep {
	next, at := p.next()
	return shownStep{status: p.status, next: next, at: at, start: p.visit.Start}
}

func (s shownStep) updates() []temporal.SearchAttributeUpdate {
	updates := []temporal.SearchAttributeUpdate{
		searchattr.Status.ValueSet(string(s.status)),
		searchattr.NextStep.ValueSet(s.next),
		searchattr.StartsAt.ValueSet(s.start),
	}
	if s.at.IsZero() {
		return append(updates, searchattr.NextStepAt.ValueUnset())
	}
	return append(updates, searchattr.NextStepAt.ValueSet(s.at))
}

// next names what the process waits for and when it acts by itself at the latest.
func (p *process) next() (string, time.Time) {
	switch p.status {
	case domain.StatusRequested:
		if p.payment.IntentID == "" {
			return "open_payment", time.Time{}
		}
		return "patient_pays", p.payBy
	case domain.StatusPending:
		return "doctor_answers", p.answerBy
	case domain.StatusCapturing:
		return "capture", time.Time{}
	case domain.StatusConfirmed:
		at, what := p.nextVisitStep()
		if what == "Reminder" {
			return "reminder", at
		}
		return "check_in", at
	case domain.StatusCheckedIn:
		at, _ := p.nextVisitStep()
		return "complete", at
	case domain.StatusCompleted, domain.StatusDeclined, domain.StatusCancelled, domain.StatusExpired, domain.StatusNoShow:
		at, _ := p.nextEndStep()
		switch p.fee.Status {
		case domain.FeeNoticed:
			return "patient_may_object", at
		case domain.FeeDisputed:
			return "staff_decide_fee", at
		case "", domain.FeeKept, domain.FeeWaived, domain.FeeWithdrawn:
		}
		return "archive", at
	case domain.StatusArchived:
		return "none", time.Time{}
	}
	return "none", time.Time{}
}

// show brings search attributes and current details up to date, when they changed:
// each update is an event of the history.
func (p *process) show(ctx workflow.Context) {
	now := p.standing()
	if now == p.shown {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, now.updates()...); err != nil {
		p.log.Warn("search attributes not updated", "error", err)
	}
	p.shown = now
	workflow.SetCurrentDetails(ctx, p.details())
}

func (p *process) details() string {
	next, at := p.next()
	due := "no deadline"
	if !at.IsZero() {
		due = at.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("**%s** (version %d)\n\n- next: %s, %s\n- visit: %s\n- payment: %s %s, attempt %d\n- reminders handled: %d of %d",
		p.status, p.version, next, due, p.visit.Start.UTC().Format(time.RFC3339),
		p.terms.Price, p.payment.Status, p.generation, p.reminder, len(p.terms.Reminders))
}
