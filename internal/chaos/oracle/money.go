package oracle

import "time"

// money: the provider's ledger, our books and the policy agree to the cent.
func (c *court) money(v *Visit) {
	books := map[string]Payment{}
	for _, p := range v.Payments {
		books[p.IntentID] = p
	}
	var captured, refunded int64
	generations := map[int]string{}
	for _, i := range c.intents[v.ID] {
		captured, refunded = captured+i.Captured, refunded+i.Refunded
		c.intent(v, i, books)
		if first, doubled := generations[i.Generation]; doubled {
			c.find("payment_opened_twice", v.ID, "%s and %s for generation %d", first, i.ID, i.Generation)
		}
		generations[i.Generation] = i.ID
	}
	for _, p := range v.Payments {
		if !containsIntent(c.intents[v.ID], p.IntentID) {
			c.find("payment_unknown_to_provider", v.ID, "%s", p.IntentID)
		}
	}
	e := v.ending()
	if e == nil {
		return
	}
	c.figures["minor units captured"] += int(captured)
	c.figures["minor units refunded"] += int(refunded)
	kept := c.kept(v, *e, captured)
	if v.Kept != kept {
		c.find("kept_against_the_policy", v.ID, "%s by %s: the row keeps %d of %d, the terms keep %d", e.Kind, e.ActorKind, v.Kept, captured, kept)
	}
	if captured-refunded != kept {
		c.find("money_against_the_policy", v.ID, "%s by %s: %d captured and %d refunded, %d are to be kept", e.Kind, e.ActorKind, captured, refunded, kept)
	}
}

func (c *court) intent(v *Visit, i Intent, books map[string]Payment) {
	p, known := books[i.ID]
	switch {
	case !known && (i.Charges > 0 || i.Held > 0):
		c.find("payment_unknown_to_books", v.ID, "%s is %s with %d held and %d captured", i.ID, i.Status, i.Held, i.Captured)
		return
	case !known:
		c.figures["payments opened whose answer was never heard"]++
		return
	case p.Captured != i.Captured || p.Refunded != i.Refunded:
		c.find("books_and_ledger_differ", v.ID, "%s: captured %d and refunded %d in the books, %d and %d at the provider", i.ID, p.Captured, p.Refunded, i.Captured, i.Refunded)
	}
	ended := v.ending() != nil
	if ended && i.Held > 0 {
		c.find("money_held_after_the_end", v.ID, "%s holds %d", i.ID, i.Held)
	}
	if ended && i.Captured == 0 && (p.Status != "cancelled" || i.Status != "canceled") {
		c.find("payment_left_open", v.ID, "%s is %s in the books and %s at the provider", i.ID, p.Status, i.Status)
	}
	if i.Captured > 0 && p.Status != "captured" {
		c.find("books_and_ledger_differ", v.ID, "%s was captured, the books say %s", i.ID, p.Status)
	}
	if i.Charges > 1 || i.Captures > 1 || i.Refunds > 1 {
		c.find("money_moved_twice", v.ID, "%s: %d charges, %d captures, %d refunds", i.ID, i.Charges, i.Captures, i.Refunds)
	}
}

// kept is what the terms let the clinic keep of the captured money. Shares are rounded
// half up to a whole minor unit; what is kept is what does not go back.
func (c *court) kept(v *Visit, e Event, captured int64) int64 {
	switch e.To {
	case "completed":
		return captured
	case "no_show":
		if e.ActorKind == "system" {
			return 0 // only a person's mark keeps the fee
		}
		return share(captured, v.Terms.NoShowFeeShare)
	case "cancelled":
		if e.ActorKind == "patient" {
			return captured - share(captured, v.refundPercent(e.At))
		}
	}
	return 0
}

func share(minor, percent int64) int64 { return (minor*percent + 50) / 100 }

// refundPercent is the tier with the longest notice that was kept.
func (v *Visit) refundPercent(at time.Time) (percent int64) {
	longest := time.Duration(-1)
	for _, t := range v.Terms.RefundTiers {
		if before := time.Duration(t.Before); v.StartsAt.Sub(at) >= before && before > longest {
			longest, percent = before, t.Percent
		}
	}
	return percent
}

// unknownMoney: nothing at the provider belongs to a visit that does not exist.
func (c *court) unknownMoney() {
	for _, i := range c.w.Intents {
		if c.w.Visits[i.AppointmentID] == nil {
			c.find("payment_of_no_visit", i.ID, "appointment %q", i.AppointmentID)
		}
	}
}

// receipts: numbers without gaps, and amounts that add up to the books.
func (c *court) receipts() {
	last := map[string]int64{}
	paid, back := map[string]int64{}, map[string]int64{}
	for _, r := range c.w.Receipts {
		if r.Number != last[r.ClinicID]+1 {
			c.find("receipt_gap", r.AppointmentID, "number %d follows %d", r.Number, last[r.ClinicID])
		}
		last[r.ClinicID] = r.Number
		if r.Kind == "payment" {
			paid[r.AppointmentID] += r.Amount
		} else {
			back[r.AppointmentID] += r.Amount
		}
	}
	for id, v := range c.w.Visits {
		var captured, refunded int64
		for _, p := range v.Payments {
			captured, refunded = captured+p.Captured, refunded+p.Refunded
		}
		if paid[id] != captured || back[id] != refunded {
			c.find("receipts_do_not_add_up", id, "receipts say %d paid and %d back, the books %d and %d", paid[id], back[id], captured, refunded)
		}
	}
}

func containsIntent(list []Intent, id string) bool {
	for _, i := range list {
		if i.ID == id {
			return true
		}
	}
	return false
}
