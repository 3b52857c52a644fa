package paymentcase

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/paymentcase"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/searchattr"
)

// shownStep is what people see of a case in Temporal UI.
type shownStep struct {
	state domain.CaseState
	waits domain.CaseWait
	at    time.Time
	code  string
}

// Attributes are the search attributes a process starts with.
func Attributes() temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		searchattr.Status.ValueSet(string(domain.CaseOpen)), searchattr.NextStep.ValueSet(string(domain.WaitsForProvider)),
	)
}

// show brings search attributes and current details up to date, when they changed.
func (c *process) show(ctx workflow.Context) {
	now := shownStep{state: c.at.State, waits: c.at.WaitsFor, at: c.at.LookAt, code: c.at.ErrorCode}
	if now == c.shown {
		return
	}
	updates := []temporal.SearchAttributeUpdate{
		searchattr.Status.ValueSet(string(now.state)), searchattr.NextStep.ValueSet(string(now.waits)),
		searchattr.NextStepAt.ValueSet(now.at), searchattr.Stuck.ValueUnset(),
	}
	if now.state == domain.CaseNeedsPerson {
		updates[3] = searchattr.Stuck.ValueSet(stuckReason(now))
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		c.log.Warn("search attributes not updated", "error", err)
	}
	c.shown = now
	workflow.SetCurrentDetails(ctx, details(c.at))
}

func stuckReason(s shownStep) string {
	if s.code != "" {
		return s.code
	}
	return string(s.waits)
}

func details(s acts.Standing) string {
	text := fmt.Sprintf("**%s**: %s, waits for %s\n\n- captured %s, refunded %s\n- looks again at %s",
		s.Kind, s.State, s.WaitsFor, money(s, s.Captured), money(s, s.Refunded), s.LookAt.UTC().Format(time.RFC3339))
	if s.ErrorCode != "" {
		text += "\n- last fault: " + s.ErrorCode
	}
	if s.Outcome != "" {
		text += "\n- outcome: " + s.Outcome
	}
	return text
}

func money(s acts.Standing, minor int64) domain.Money {
	return domain.Money{Minor: minor, Currency: s.Amount.Currency}
}
