package oracle

import "time"

// kept is what the terms let the clinic keep of the captured money, after everything that
// happened since the visit ended. Shares are rounded half up to a whole minor unit; what
// is kept is what does not go back.
func (c *court) kept(v *Visit, captured int64) (kept int64) {
	var fee int64
	for _, e := range v.Events {
		switch {
		case e.Kind == "fee_kept":
			kept = fee
		case e.Kind == "fee_waived":
			kept = 0
		case e.Kind == "corrected" && e.To == "completed":
			kept = captured - c.backBefore(v.ID, e.At) // what went back is not taken again
		case e.Kind == "completed":
			kept = captured
		case e.Kind == "not_attended" && e.ActorKind != "system", e.Kind == "corrected":
			// A person's mark asks for the fee; it is kept later.
			kept, fee = 0, min(share(captured, v.Terms.NoShowFeeShare), captured-c.backBefore(v.ID, e.At))
		case e.To == "cancelled" && e.ActorKind == "patient":
			kept = captured - share(captured, v.refundPercent(e.At))
		}
	}
	return kept
}

// backBefore is the money of a visit that had gone back by then.
func (c *court) backBefore(id string, at time.Time) (minor int64) {
	for _, r := range c.w.Receipts {
		if r.AppointmentID != id || r.IssuedAt.After(at) {
			continue
		}
		switch r.Kind {
		case "refund":
			minor += r.Amount
		case "refund_failed":
			minor -= r.Amount
		}
	}
	return minor
}

func share(minor, percent int64) int64 { return (minor*percent + 50) / 100 }

// asksFee reports whether a line of the timeline asks for a fee.
func (c *court) asksFee(v *Visit, e Event) bool {
	marked := e.Kind == "not_attended" && e.ActorKind != "system" || e.Kind == "corrected" && e.To == "no_show"
	var captured int64
	for _, i := range c.intents[v.ID] {
		captured += i.Captured
	}
	return marked && min(share(captured, v.Terms.NoShowFeeShare), captured-c.backBefore(v.ID, e.At)) > 0
}

// fees: nobody pays a fee without notice and time to object, and no fee stays open.
func (c *court) fees(v *Visit) {
	var asked *Event
	var objected bool
	for _, e := range v.Events {
		switch {
		case c.asksFee(v, e):
			asked, objected = &e, false
		case e.Kind == "fee_disputed":
			objected = true
		case e.Kind == "corrected":
			asked = nil
		case e.Kind == "fee_kept", e.Kind == "fee_waived":
			c.figures["fees: "+e.Kind+" by "+e.ActorKind]++
			c.feeDecided(v, asked, e, objected)
			asked = nil
		}
	}
	if asked != nil && v.Status == "archived" {
		c.find("fee_left_open", v.ID, "asked for at %s", asked.At)
	}
}

func (c *court) feeDecided(v *Visit, asked *Event, e Event, objected bool) {
	switch {
	case asked == nil:
		c.find("fee_nobody_asked_for", v.ID, "%s at %s", e.Kind, e.At)
	case e.Kind == "fee_waived" || e.ActorKind != "system":
	case objected:
		c.find("fee_kept_against_objection", v.ID, "nobody has decided about it")
	case e.At.Sub(asked.At) < time.Duration(v.Terms.DisputePeriod):
		c.find("fee_kept_too_soon", v.ID, "asked for at %s, kept at %s", asked.At, e.At)
	case !noticed(v, *asked, e.At):
		c.find("fee_kept_without_notice", v.ID, "at %s", e.At)
	}
}

// noticed reports whether the patient's notice of a fee had left by then.
func noticed(v *Visit, asked Event, by time.Time) bool {
	for _, m := range v.Messages {
		if m.Kind == "no_show_fee_notice" && m.SentAt != nil && !m.SentAt.After(by) && m.SentAt.After(asked.At) {
			return true
		}
	}
	return false
}
