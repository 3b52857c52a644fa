package oracle

import (
	"fmt"
	"time"
)

// owed says which letters a line of the timeline owes, as "kind recipient".
func (c *court) owed(v *Visit, e Event) []string {
	switch e.Kind {
	case "not_attended":
		if c.asksFee(v, e) {
			return []string{"no_show_fee_notice patient"}
		}
	case "corrected":
		if c.asksFee(v, e) {
			return []string{"no_show_fee_notice patient"}
		}
		if e.To == "completed" && feeBefore(c, v, e) {
			return []string{"corrected patient"}
		}
	case "fee_kept":
		return []string{"no_show_fee_kept patient"}
	case "fee_waived":
		return []string{"no_show_fee_waived patient"}
	case "payment_opened":
		if e.From == "requested" {
			return []string{"request_received patient"}
		}
	case "authorised", "requested_free":
		if !v.Terms.InstantConfirm {
			return []string{"request_to_doctor doctor"}
		}
	case "accepted":
		if e.To == "confirmed" {
			return []string{"confirmed patient"}
		}
	case "captured":
		return []string{"confirmed patient", "receipt patient"}
	case "declined":
		return []string{"declined patient"}
	case "expired":
		return []string{"expired patient"}
	case "cancelled":
		if e.From == "requested" {
			return []string{"cancelled patient"} // the doctor had not heard of it
		}
		return []string{"cancelled patient", "cancelled doctor"}
	case "rescheduled":
		return []string{"moved patient", "moved doctor"}
	case "payment_refunded":
		return []string{"refunded patient"}
	}
	return nil
}

// feeBefore reports whether a fee was open or kept when a visit was corrected.
func feeBefore(c *court, v *Visit, corrected Event) (fee bool) {
	for _, e := range v.Events {
		switch {
		case e.Seq >= corrected.Seq:
			return fee
		case c.asksFee(v, e):
			fee = true
		case e.Kind == "fee_waived", e.Kind == "corrected":
			fee = false
		}
	}
	return fee
}

// messages: everything the timeline owes is in the ledger, once, and nothing else;
// every row of the ledger came to a proper end.
func (c *court) messages(v *Visit) {
	want := map[string]int{}
	for _, e := range v.Events {
		for _, what := range c.owed(v, e) {
			want[what]++
		}
	}
	if late := c.paidLate(v); late > 0 {
		c.figures["letters about late money"] += late
		want["payment_released patient"] = late
	}
	have := map[string]int{}
	for _, m := range v.Messages {
		c.figures["letters "+m.Status]++
		if m.Kind != "reminder" && m.ResendOf == "" {
			have[m.Kind+" "+m.Recipient]++
		}
		c.message(v, m)
	}
	for what, n := range want {
		if have[what] != n {
			c.find("letter_not_owed_right", v.ID, "%s: %d owed by the timeline, %d in the ledger", what, n, have[what])
		}
	}
	for what, n := range have {
		if want[what] == 0 {
			c.find("letter_nobody_owes", v.ID, "%s: %d", what, n)
		}
	}
	c.reminders(v)
}

// paidLate is how many intents were paid that no step of the visit knows of: their money came
// after the end, was let go, and the patient is told so.
func (c *court) paidLate(v *Visit) int {
	paid := 0
	for _, i := range c.intents[v.ID] {
		if i.Captured > 0 || i.Voided > 0 {
			paid++
		}
	}
	return max(0, paid-count(v.Events, func(e Event) bool { return e.Kind == "authorised" }))
}

// message: how a row of the ledger may end.
func (c *court) message(v *Visit, m Message) {
	switch m.Status {
	case "sent":
	case "skipped":
		// Overtaken by a new time or the end of the visit, or a reminder that was too late.
		aboutTime := m.Kind == "reminder" || m.Kind == "confirmed" || m.Kind == "moved" || m.Kind == "request_received" || m.Kind == "request_to_doctor"
		if !aboutTime && !answered(v, m) {
			c.find("letter_not_sent", v.ID, "%s to the %s was skipped: %s", m.Kind, m.Recipient, m.ErrorCode)
		}
	case "unknown":
		if m.Unknowns == 0 {
			c.find("unknown_not_counted", v.ID, "%s %s", m.Kind, m.ID)
		}
	case "failed":
		c.find("letter_failed", v.ID, "%s to the %s: %s", m.Kind, m.Recipient, m.ErrorCode)
	default:
		c.find("letter_not_sent", v.ID, "%s to the %s is still %s: %s", m.Kind, m.Recipient, m.Status, m.ErrorCode)
	}
}

// answered reports whether a letter is a notice of a fee that somebody objected to, or that was
// dropped: a notice that has not left by then asks for what has been said.
func answered(v *Visit, m Message) bool {
	return m.Kind == "no_show_fee_notice" && count(v.Events, func(e Event) bool {
		return e.Kind == "fee_disputed" || e.Kind == "fee_waived" || e.Kind == "corrected"
	}) > 0
}

// reminders: none twice, and each that was due in a confirmed visit is there.
func (c *court) reminders(v *Visit) {
	seen := map[string]bool{}
	for _, m := range v.Messages {
		if m.Kind != "reminder" || m.Reminder == nil || m.ResendOf != "" {
			continue
		}
		key := fmt.Sprintf("%d before %s", *m.Reminder, m.ForStart)
		if seen[key] {
			c.find("reminder_twice", v.ID, "%s", key)
		}
		seen[key] = true
	}
	// Since when it was confirmed for its last time, and until when nothing else happened.
	var since, until time.Time
	for _, e := range v.Events {
		switch {
		case e.To == "confirmed" && (e.From != "confirmed" || e.Kind == "rescheduled"):
			since, until = e.At, time.Time{}
		case e.From == "confirmed" && e.To != "confirmed":
			until = e.At
		}
	}
	if since.IsZero() || until.Before(v.StartsAt) {
		return // it left before its start: what was due by then is a question of seconds
	}
	for _, offset := range v.Terms.Reminders {
		due := v.StartsAt.Add(-time.Duration(offset))
		key := fmt.Sprintf("%d before %s", int(time.Duration(offset).Seconds()), v.StartsAt)
		if due.After(since) && !seen[key] {
			c.find("reminder_missing", v.ID, "%s was due at %s", key, due)
		}
	}
}

// mails: what left is what the ledger says, and nothing twice beyond what it counts as
// unknown.
func (c *court) mails() {
	left := map[string][]Mail{}
	for _, m := range c.w.Mails {
		left[m.MessageID] = append(left[m.MessageID], m)
	}
	for id, v := range c.w.Visits {
		for _, m := range v.Messages {
			got := left[m.ID]
			delete(left, m.ID)
			c.figures["letters whose outcome was unknown"] += m.Unknowns
			if len(got) > 1 {
				c.figures["letters that arrived twice"]++
			}
			switch {
			case len(got) == 0 && m.Status == "sent":
				c.find("letter_never_left", id, "%s to the %s (%s)", m.Kind, m.Recipient, m.ID)
			case len(got) > 1+m.Unknowns:
				c.find("letter_twice", id, "%s to the %s (%s) left %d times, %d attempts are counted as unknown", m.Kind, m.Recipient, m.ID, len(got), m.Unknowns)
			case m.Kind == "reminder" && len(got) > 1:
				c.find("reminder_twice", id, "%s left %d times", m.ID, len(got))
			case len(got) > 0 && m.Status == "skipped" && m.Unknowns == 0:
				c.find("skipped_letter_left", id, "%s to the %s (%s)", m.Kind, m.Recipient, m.ID)
			}
			c.delivery(v, m, got)
			for _, mail := range got {
				if m.Kind == "reminder" && mail.ReceivedAt.After(m.ForStart.Add(5*time.Second)) {
					c.find("reminder_after_the_start", id, "%s left at %s for %s", m.ID, mail.ReceivedAt, m.ForStart)
				}
			}
		}
	}
	for _, m := range c.w.AccountMessages {
		got := len(left[m.ID])
		delete(left, m.ID)
		c.figures["letters to accounts "+m.Status]++
		switch {
		case got > 1+m.Unknowns:
			c.find("letter_twice", m.ID, "%s to an account left %d times, %d attempts are counted as unknown", m.Kind, got, m.Unknowns)
		case got == 0 && m.Status == "sent":
			c.find("letter_never_left", m.ID, "%s to an account", m.Kind)
		case m.Status == "pending" || m.Status == "sending" || m.Status == "failed":
			c.find("letter_not_sent", m.ID, "%s to an account is %s: %s", m.Kind, m.Status, m.ErrorCode)
		}
	}
	for id, mails := range left {
		c.find("letter_nobody_owes", id, "left %d times", len(mails))
	}
}

// delivery: what became of a letter after it had left is known as far as the provider has
// told it. Its events may come late and twice, but they come.
func (c *court) delivery(v *Visit, m Message, got []Mail) {
	if len(got) == 0 {
		return
	}
	happened, told := map[string]bool{}, map[string]bool{}
	for _, mail := range got {
		for _, e := range mail.Events {
			happened[e.Event] = true
			told[e.Event] = told[e.Event] || e.Told
		}
	}
	if happened["bounce"] {
		c.figures["letters that came back"]++
	}
	switch {
	case m.Delivery == "bounced" && happened["bounce"]:
	case m.Delivery == "delivered" && happened["delivered"] && !told["bounce"]:
	case m.Delivery != "bounced" && m.Delivery != "delivered" && !told["bounce"] && !told["delivered"]:
		c.figures["letters of which nothing was told"]++
	default:
		c.find("delivery_not_heard", v.ID, "%s to the %s (%s) has left, the ledger says %q, the provider has told of %v", m.Kind, m.Recipient, m.ID, m.Delivery, told)
	}
}

// standstill: what has not come to its end is shown to people.
func (c *court) standstill() {
	for id, v := range c.w.Visits {
		if v.Stuck != "" {
			c.find("stuck", id, "%s, shown as %s", v.Status, v.Stuck)
			continue
		}
		if v.Status != "archived" && !c.known(id) {
			c.find("stuck_silently", id, "%s since %s", v.Status, v.Events[len(v.Events)-1].At)
		}
	}
	for _, r := range c.w.Reported {
		if r.AppointmentID == "" {
			c.find("reconciler_needed", r.Subject, "%s", r.Code)
		}
	}
	for _, r := range c.w.Outbox {
		if !c.known(r.AppointmentID) {
			c.find("stuck_silently", r.AppointmentID, "%s waits in the outbox: %s", r.Topic, r.LastError)
		}
	}
}
