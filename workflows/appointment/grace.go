package appointment

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/careflow/careflow/internal/domain"
)

// graceChange marks processes whose graces are transitions. Before it, a grace was known
// to the process alone: whoever looked at the visit saw the old deadline, and a process
// that was replaced gave another one.
const graceChange = "grace-on-the-row"

// deadline is one that punishes somebody: the doctor who did not answer, the patient who
// did not come, object or pay.
type deadline struct {
	name string // of the deadline, for its transition's ID
	at   time.Time
	// latest is the moment after which a grace helps nobody; zero where there is none.
	latest time.Time
	// put sets the new deadline where it belongs.
	put func(t *domain.Transition, until time.Time)
	// before is what a process did before graceChange; it reports whether it waits on.
	before func(now time.Time) bool
}

// putOff gives a deadline that has fired a fresh grace where we were down over it, and
// reports whether it did: nobody pays for our outage. The new deadline is written to the
// row, so that people see it and a replaced process knows it.
func (p *process) putOff(ctx workflow.Context, seen int, d deadline) (bool, error) {
	now := workflow.Now(ctx)
	if !p.terms.Late(d.at, now) {
		return false, nil
	}
	if workflow.GetVersion(ctx, graceChange, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return d.before(now), nil
	}
	until := p.terms.Grace(d.at, now).UTC()
	if !d.latest.IsZero() && d.latest.Before(until) {
		until = d.latest
	}
	if p.graces >= domain.MaxGraces || !until.After(now) {
		return false, nil
	}
	t := domain.Transition{
		ID: fmt.Sprintf("grace/%s/%d", d.name, seen), Kind: "deadline_extended", To: p.status, ReasonCode: "outage", Grace: true,
	}
	d.put(&t, until)
	return true, p.step(ctx, seen, t)
}

// answerDeadline is the doctor's.
func (p *process) answerDeadline() deadline {
	return deadline{
		name: "answer", at: p.answerBy, latest: domain.AnswerableUntil(p.payment.CaptureBefore, p.visit.Start),
		put: func(t *domain.Transition, until time.Time) { t.AnswerBy = until },
		before: func(now time.Time) bool {
			p.answerBy = p.terms.Grace(p.answerBy, now)
			return true
		},
	}
}

// overDeadline ends a visit that nobody checked in to.
func (p *process) overDeadline(over time.Time) deadline {
	return deadline{
		name: "over", at: over,
		put: func(t *domain.Transition, until time.Time) { t.OverBy = until },
		before: func(now time.Time) bool {
			p.overBy = p.terms.Grace(over, now)
			return true
		},
	}
}

// payDeadline ends a hold that the patient was never able to pay.
func (p *process) payDeadline(last time.Time) deadline {
	return deadline{
		name: "pay", at: last, latest: p.visit.Start,
		put:    func(t *domain.Transition, until time.Time) { t.PayBy = until },
		before: func(time.Time) bool { return false },
	}
}

// disputeDeadline ends the time in which a patient may object to a fee.
func (p *process) disputeDeadline() deadline {
	return deadline{
		name: "dispute", at: p.fee.Until,
		put: func(t *domain.Transition, until time.Time) {
			t.Fee = &domain.NoShowFee{Status: p.fee.Status, Minor: p.fee.Minor, Until: until}
		},
		before: func(time.Time) bool { return false },
	}
}
