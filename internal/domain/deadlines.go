package domain

import "time"

// PayBy returns when an unpaid hold ends: the payment window from the moment the
// patient could pay, at most PaymentWindowMax from the booking, never past the start.
func (t Terms) PayBy(booked, payable, start time.Time) time.Time {
	return earliest(payable.Add(t.PaymentWindow.Std()), booked.Add(t.PaymentWindowMax.Std()), start)
}

// AnswerBy returns when the doctor's silence ends a request that came in at asked:
// the earliest of the type's deadline, the lapse of the funds less a margin, and the
// start less the cut-off. A zero captureBefore (nothing to pay) does not count.
func (t Terms) AnswerBy(asked, captureBefore, start time.Time) time.Time {
	by := earliest(asked.Add(t.AnswerDeadline.Std()), start.Add(-t.AnswerCutoff.Std()))
	if !captureBefore.IsZero() {
		by = earliest(by, captureBefore.Add(-t.CaptureMargin.Std()))
	}
	return by
}

// TimeToAnswer reports whether a slot leaves the doctor time to answer when the
// patient takes the whole payment window. Instantly confirmed types need none.
func (t Terms) TimeToAnswer(now, start time.Time) bool {
	if t.InstantConfirm {
		return start.After(now)
	}
	window := t.PaymentWindow.Std()
	if t.Price.IsZero() {
		window = 0
	}
	return now.Add(window).Before(start.Add(-t.AnswerCutoff.Std()))
}

// VisitOver returns when a visit nobody checked in to counts as not attended, and one
// that was checked in to as completed.
func (t Terms) VisitOver(end time.Time) time.Time { return end.Add(t.NoShowGrace.Std()) }

// LateAfter is how late a deadline that punishes may fire before it counts as our
// outage, and FreshGrace what people get then before it applies, for terms that do not
// say.
const (
	LateAfter  = 5 * time.Minute
	FreshGrace = 30 * time.Minute
)

// MaxGraces is how many graces one visit gets. Each needs an outage of its own; a system
// that is always late must not put deadlines off for ever.
const MaxGraces = 3

// Late reports whether a deadline that punishes and fires at now does so late enough to
// count as our outage.
func (t Terms) Late(deadline, now time.Time) bool {
	return now.Sub(deadline) > orElse(t.LateAfter, LateAfter)
}

// Grace returns the moment until which a deadline that punishes is put off when it
// fires at now: the deadline itself when it fired in time, a fresh grace when we were
// down over it.
func (t Terms) Grace(deadline, now time.Time) time.Time {
	if t.Late(deadline, now) {
		return now.Add(orElse(t.FreshGrace, FreshGrace))
	}
	return deadline
}

// AnswerableUntil is when no grace lets a doctor answer any more: a visit that has begun
// is not confirmed, and neither is one whose funds have lapsed. A zero captureBefore
// (nothing to pay) does not count.
func AnswerableUntil(captureBefore, start time.Time) time.Time {
	if captureBefore.IsZero() {
		return start
	}
	return earliest(captureBefore, start)
}

func orElse(d Duration, fallback time.Duration) time.Duration {
	if d > 0 {
		return d.Std()
	}
	return fallback
}

// ReminderDecision is what is right about a reminder at the moment it fires.
type ReminderDecision string

// What can be right about a reminder.
const (
	ReminderSend      ReminderDecision = "send"
	ReminderSkipped   ReminderDecision = "skipped_next_due" // the next one is due already
	ReminderSkippedGo ReminderDecision = "skipped_started"  // the visit has begun
)

// DecideReminder decides about the reminder at index i of the terms when it fires at
// now: none after the start, and none whose successor is due already.
func (t Terms) DecideReminder(i int, now, start time.Time) ReminderDecision {
	if !now.Before(start) {
		return ReminderSkippedGo
	}
	if i+1 < len(t.Reminders) && !now.Before(start.Add(-t.Reminders[i+1].Std())) {
		return ReminderSkipped
	}
	return ReminderSend
}

// FirstReminder returns the index of the first reminder that belongs to a visit
// confirmed (or moved) at since: those whose moment had passed by then are not owed.
// A visit booked at short notice so has the shorter ones only, or none.
func (t Terms) FirstReminder(since, start time.Time) int {
	for i, offset := range t.Reminders {
		if start.Add(-offset.Std()).After(since) {
			return i
		}
	}
	return len(t.Reminders)
}

func earliest(first time.Time, rest ...time.Time) time.Time {
	for _, t := range rest {
		if t.Before(first) {
			first = t
		}
	}
	return first
}
