package oracle

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const second = Span(time.Second)

// excused is a visit that starts two minutes after it was booked, with lines at seconds
// after the booking, judged by its deadlines alone.
func excused(lines ...Event) []Finding {
	v := &Visit{ID: "v1", CreatedAt: began, StartsAt: began.Add(2 * time.Minute), EndsAt: began.Add(3 * time.Minute), Events: lines}
	v.Terms.PaymentWindow, v.Terms.PaymentWindowMax, v.Terms.AnswerDeadline, v.Terms.AnswerCutoff = 25*second, 50*second, 25*second, 5*second
	v.Terms.NoShowGrace, v.Terms.DisputePeriod, v.Terms.NoShowFeeShare = 10*second, 25*second, 50
	v.Terms.LateAfter, v.Terms.FreshGrace = 8*second, 12*second
	w := &World{Visits: map[string]*Visit{"v1": v}, Intents: []Intent{{ID: "pi_1", AppointmentID: "v1", Captured: 100}}}
	c := &court{w: w, figures: map[string]int{}, intents: map[string][]Intent{"v1": w.Intents}}
	c.j = &Journal{Bookings: []*Booking{{AppointmentID: "v1", Status: http.StatusCreated, StartsAt: v.StartsAt}}}
	c.deadlines(v)
	return c.findings
}

func at(seconds int, kind, from, to, reason string) Event {
	return Event{Kind: kind, From: from, To: to, Reason: reason, ActorKind: "system", At: began.Add(time.Duration(seconds) * time.Second)}
}

func TestDeadlinesThatComeInTimeOrAreExcusedAreSound(t *testing.T) {
	t.Parallel()
	asked := at(10, "authorised", "requested", "pending", "")
	put := at(50, "deadline_extended", "pending", "pending", "outage")
	for name, lines := range map[string][]Event{
		"no answer, in time":      {asked, at(35, "expired", "pending", "expired", "no_answer")},
		"no answer, a bit late":   {asked, at(42, "expired", "pending", "expired", "no_answer")},
		"no answer, after grace":  {asked, put, at(62, "expired", "pending", "expired", "no_answer")},
		"a grace ends at a start": {asked, at(112, "deadline_extended", "pending", "pending", "outage"), at(120, "expired", "pending", "expired", "no_answer")},
		"too late to be excused":  {asked, at(121, "expired", "pending", "expired", "no_answer")},
		"nobody came, in time":    {at(10, "captured", "capturing", "confirmed", ""), at(190, "not_attended", "confirmed", "no_show", "no_check_in")},
		"never payable":           {at(59, "deadline_extended", "requested", "requested", "outage"), at(71, "expired", "requested", "expired", "payment_window_over")},
		"never payable, no time":  {at(100, "expired", "requested", "expired", "payment_window_over")},
		"not paid":                {at(5, "payment_opened", "requested", "requested", ""), at(70, "expired", "requested", "expired", "payment_window_over")},
		"a fee": {
			{Kind: "not_attended", From: "confirmed", To: "no_show", ActorKind: "staff", At: began.Add(130 * time.Second)},
			at(180, "deadline_extended", "no_show", "no_show", "outage"), at(192, "fee_kept", "no_show", "no_show", ""),
		},
	} {
		require.Empty(t, excused(lines...), name)
	}
}

func TestEachRuleOfDeadlinesIsNoticed(t *testing.T) {
	t.Parallel()
	asked := at(10, "authorised", "requested", "pending", "")
	confirmed := at(10, "captured", "capturing", "confirmed", "")
	marked := Event{Kind: "not_attended", From: "confirmed", To: "no_show", ActorKind: "staff", At: began.Add(130 * time.Second)}
	grace := func(seconds int) Event { return at(seconds, "deadline_extended", "pending", "pending", "outage") }
	for name, breach := range map[string]struct {
		rule  string
		lines []Event
	}{
		"the doctor":         {"punished_for_our_outage", []Event{asked, at(47, "expired", "pending", "expired", "no_answer")}},
		"the doctor, again":  {"punished_for_our_outage", []Event{asked, grace(45), at(70, "expired", "pending", "expired", "no_answer")}},
		"who did not come":   {"punished_for_our_outage", []Event{confirmed, at(203, "not_attended", "confirmed", "no_show", "no_check_in")}},
		"who could not pay":  {"punished_for_our_outage", []Event{at(62, "expired", "requested", "expired", "payment_window_over")}},
		"who could not say":  {"punished_for_our_outage", []Event{marked, at(195, "fee_kept", "no_show", "no_show", "")}},
		"no answer too soon": {"punished_too_soon", []Event{asked, at(30, "expired", "pending", "expired", "no_answer")}},
		"not paid too soon": {"punished_too_soon", []Event{
			at(5, "payment_opened", "requested", "requested", ""), at(20, "expired", "requested", "expired", "payment_window_over"),
		}},
		"a grace cut short": {"punished_too_soon", []Event{asked, grace(50), at(55, "expired", "pending", "expired", "no_answer")}},
		"for nothing":       {"grace_without_outage", []Event{asked, grace(36)}},
		"for ever":          {"too_many_graces", []Event{asked, grace(44), grace(65), grace(86), grace(107)}},
	} {
		rules := map[string]bool{}
		for _, f := range excused(breach.lines...) {
			rules[f.Rule] = true
		}
		require.Contains(t, rules, breach.rule, name)
	}
}
