package oracle

import "time"

const (
	// momentSlack is by how much the moment of a decision is known: a line of the timeline
	// bears the one at which it was written.
	momentSlack = 3 * time.Second
	// feeSlack is the same for fees: between their deadline and the line is the question
	// whether the patient was told, which an outage may hold up.
	feeSlack = 30 * time.Second
	// mostGraces is how many outages a visit may be excused for.
	mostGraces = 3
)

// clock follows the deadlines that punish somebody through a visit's timeline.
type clock struct {
	c      *court
	v      *Visit
	start  time.Time // of the visit, at this point of the timeline
	began  time.Time // of the present payment window
	opened bool      // something can be paid
	by     time.Time // the deadline that runs; zero for none
	graces int
}

// deadlines: nobody is punished too soon, nor for an outage of ours, and nobody is given
// time for nothing. A grace is a deadline that was put off because it fired late.
func (c *court) deadlines(v *Visit) {
	starts, _, known := c.starts(v)
	if !known {
		return // some move was never answered: when it was to begin is not known throughout
	}
	k := &clock{c: c, v: v, start: starts[0], began: v.CreatedAt, by: earlier(v.CreatedAt.Add(time.Duration(v.Terms.PaymentWindowMax)), starts[0])}
	for _, e := range v.Events {
		if e.Kind == "rescheduled" {
			starts = starts[1:]
			k.start = starts[0]
		}
		k.line(e)
	}
}

func (k *clock) line(e Event) {
	t := k.v.Terms
	switch {
	case e.Kind == "deadline_extended":
		k.grace(e)
	case e.Kind == "payment_opened" && e.From == "requested":
		k.opened = true
		k.by = earlier(earlier(e.At.Add(time.Duration(t.PaymentWindow)), k.began.Add(time.Duration(t.PaymentWindowMax))), k.start)
	case e.Kind == "expired" && e.Reason == "payment_window_over":
		k.punish(e, momentSlack, !k.opened && e.At.Add(time.Duration(t.PaymentWindow)).Before(k.start.Add(-time.Duration(t.AnswerCutoff))))
	case e.Kind == "expired" && e.Reason == "no_answer":
		k.punish(e, momentSlack, e.At.Add(momentSlack).Before(k.start))
	case e.Kind == "not_attended" && e.ActorKind == "system":
		k.punish(e, momentSlack, true)
	case e.Kind == "fee_kept" && e.ActorKind == "system":
		k.punish(e, feeSlack, true)
	case e.To == "requested" && e.From != "requested": // a refused capture: a new window
		k.began, k.opened = e.At, false
		k.by = earlier(e.At.Add(time.Duration(t.PaymentWindowMax)), k.start)
	case e.To == "pending":
		k.by = earlier(e.At.Add(time.Duration(t.AnswerDeadline)), k.start.Add(-time.Duration(t.AnswerCutoff)))
	case e.To == "confirmed":
		k.by = k.start.Add(k.v.EndsAt.Sub(k.v.StartsAt) + time.Duration(t.NoShowGrace))
	case k.c.asksFee(k.v, e):
		k.by = e.At.Add(time.Duration(t.DisputePeriod))
	}
}

// grace judges a deadline that was put off, and sets the new one.
func (k *clock) grace(e Event) {
	until := e.At.Add(time.Duration(k.v.Terms.FreshGrace))
	switch e.Reason {
	case "outage":
		k.c.figures["deadlines put off after an outage: "+e.From]++
		if k.graces++; k.graces > mostGraces {
			k.c.find("too_many_graces", k.v.ID, "%s was put off for the %d. time", e.From, k.graces)
		}
		if late := e.At.Sub(k.by); late < time.Duration(k.v.Terms.LateAfter)-momentSlack {
			k.c.find("grace_without_outage", k.v.ID, "%s was put off %s after its deadline", e.From, late)
		}
	case "notice_sent_late":
		k.c.figures["deadlines put off after a late notice"]++
		until = k.by
		for _, m := range k.v.Messages {
			if m.Kind == "no_show_fee_notice" && m.SentAt != nil && m.SentAt.Before(e.At) {
				until = later(until, m.SentAt.Add(time.Duration(k.v.Terms.DisputePeriod)))
			}
		}
	}
	if e.From == "requested" || e.From == "pending" {
		until = earlier(until, k.start) // a grace beyond it would help nobody
	}
	k.by = until
}

// punish judges what a deadline did. excusable says that a grace would have helped.
func (k *clock) punish(e Event, slack time.Duration, excusable bool) {
	late := e.At.Sub(k.by)
	if late < -momentSlack {
		k.c.find("punished_too_soon", k.v.ID, "%s (%s) at %s, the deadline is %s", e.Kind, e.Reason, e.At, k.by)
	}
	if late > time.Duration(k.v.Terms.LateAfter)+slack && excusable && k.graces < mostGraces {
		k.c.find("punished_for_our_outage", k.v.ID, "%s (%s) came %s after its deadline, after %d graces", e.Kind, e.Reason, late.Round(time.Second), k.graces)
	}
}
