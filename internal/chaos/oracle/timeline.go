package oracle

import "slices"

// arrows is the lifecycle, as the specification draws it.
var arrows = map[string][]string{
	"requested":  {"requested", "pending", "expired", "cancelled"},
	"pending":    {"pending", "capturing", "confirmed", "declined", "expired", "cancelled"},
	"capturing":  {"confirmed", "requested", "expired", "cancelled"},
	"confirmed":  {"confirmed", "pending", "checked_in", "cancelled", "no_show"},
	"checked_in": {"completed", "cancelled"},
	"completed":  {"archived", "no_show"}, "no_show": {"archived", "completed", "no_show"},
	"declined": {"archived"}, "cancelled": {"archived"}, "expired": {"archived"},
}

// facts are lines that move nothing.
var facts = []string{"booked", "payment_opened", "payment_voided", "payment_refunded", "payment_captured", "refund_failed", "dispute_lost", "message_resent", replaced}

// replaced is the line of a visit whose process was lost and started anew.
const replaced = "process_replaced"

// timeline: no gap, each step an arrow of the lifecycle, the last one where the row is.
func (c *court) timeline(v *Visit) {
	if len(v.Events) != v.EventSeq || len(v.Events) == 0 {
		c.find("timeline_gap", v.ID, "%d lines, the row counts %d", len(v.Events), v.EventSeq)
		return
	}
	status, version := "requested", 1
	for i, e := range v.Events {
		if e.Seq != i+1 {
			c.find("timeline_gap", v.ID, "line %d has the number %d", i+1, e.Seq)
		}
		if e.From != status {
			c.find("timeline_gap", v.ID, "%s starts from %s, the line before it left %s", e.Kind, e.From, status)
		}
		if slices.Contains(facts, e.Kind) {
			if e.To != e.From || e.Version != version {
				c.find("fact_moved_the_visit", v.ID, "%s from %s to %s at version %d", e.Kind, e.From, e.To, e.Version)
			}
			continue
		}
		if version++; e.Version != version {
			c.find("timeline_gap", v.ID, "%s has version %d after %d", e.Kind, e.Version, version-1)
		}
		if !slices.Contains(arrows[e.From], e.To) {
			c.find("no_such_step", v.ID, "%s from %s to %s", e.Kind, e.From, e.To)
		}
		status = e.To
	}
	if status != v.Status || version != v.Version {
		c.find("row_disagrees_with_timeline", v.ID, "the row is %s at version %d, the timeline ends %s at %d", v.Status, v.Version, status, version)
	}
	if count(v.Events, func(e Event) bool { return slices.Contains(ends, e.To) && !slices.Contains(ends, e.From) }) > 1 {
		c.find("ended_twice", v.ID, "the timeline has more than one end")
	}
}

func count[T any](list []T, is func(T) bool) (n int) {
	for _, x := range list {
		if is(x) {
			n++
		}
	}
	return n
}
