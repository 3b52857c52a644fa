package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

func createRefund(s *Sandbox, _ *call, form url.Values, _ string) (func(*tx) reply, *reply) {
	if r := unknown(form, "payment_intent", "charge", "amount", "metadata", "reason"); r != nil {
		return nil, r
	}
	refuse := func(r reply) (func(*tx) reply, *reply) { return nil, &r }
	id := form.Get("payment_intent")
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	reason := form.Get("reason")
	switch {
	case id == "":
		return refuse(invalid("parameter_missing", "", "One of the following params should be provided for this request: payment_intent. The sandbox refunds intents only."))
	case form.Has("amount") && (err != nil || amount < 1):
		return refuse(invalid("parameter_invalid_integer", "amount", "Invalid positive integer"))
	case reason != "" && !slices.Contains([]string{"duplicate", "fraudulent", "requested_by_customer"}, reason):
		return refuse(invalid("", "reason", "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer"))
	case s.find(id) == nil:
		return refuse(missing("payment_intent", "payment_intent", id))
	}
	metadata := subset(form, "metadata")
	if r := checkMetadata(metadata); r != nil {
		return nil, r
	}
	return func(t *tx) reply {
		i := t.s.state.Intents[id]
		c := i.latest()
		if i.Status != statusSucceeded {
			e := &stripeError{Type: "invalid_request_error", Message: "This PaymentIntent (" + id + ") does not have a successful charge to refund."}
			return e.reply(http.StatusBadRequest, true)
		}
		if d := t.s.state.disputeOf(id); d != nil && d.Status != disputeWon {
			e := &stripeError{Type: "invalid_request_error", Code: "charge_disputed", Message: "Charge " + c.ID + " has been charged back; cannot issue a refund."}
			return e.reply(http.StatusBadRequest, true)
		}
		rest := c.AmountCaptured - c.AmountRefunded
		if rest == 0 {
			e := &stripeError{Type: "invalid_request_error", Code: "charge_already_refunded", Message: "Charge " + c.ID + " has already been refunded."}
			return e.reply(http.StatusBadRequest, true)
		}
		if !form.Has("amount") {
			amount = rest
		}
		if amount > rest {
			e := &stripeError{Type: "invalid_request_error", Param: "amount", Message: "Refund amount is greater than unrefunded amount on charge."}
			return e.reply(http.StatusBadRequest, true)
		}
		return ok(t.giveBack(i, amount, reason, metadata).object())
	}, nil
}

func getRefund(s *Sandbox, _ *call, form url.Values, id string) (func(*tx) reply, *reply) {
	if r := unknown(form); r != nil {
		return nil, r
	}
	s.mu.Lock()
	found := s.state.Refunds[id] != nil
	s.mu.Unlock()
	if !found {
		r := missing("refund", "refund", id)
		return nil, &r
	}
	return func(t *tx) reply { return ok(t.s.state.Refunds[id].object()) }, nil
}

func listRefunds(s *Sandbox, c *call, form url.Values, _ string) (func(*tx) reply, *reply) {
	if r := unknown(form, "payment_intent", "charge", "created", "limit", "starting_after", "ending_before"); r != nil {
		return nil, r
	}
	within, r := createdFilter(form)
	if r != nil {
		return nil, r
	}
	if id := form.Get("payment_intent"); id != "" && s.find(id) == nil {
		r := missing("payment_intent", "payment_intent", id)
		return nil, &r
	}
	return func(t *tx) reply {
		var items []page
		for _, re := range t.s.state.newestRefunds() {
			if matches(form, "payment_intent", re.Intent) && matches(form, "charge", re.Charge) && within(re.Created) {
				items = append(items, page{re.ID, re.object()})
			}
		}
		return paginate(c, form, items)
	}, nil
}

func matches(form url.Values, name, value string) bool {
	return !form.Has(name) || form.Get(name) == value
}

// page is one object of a list.
type page struct {
	id     string
	object map[string]any
}

// paginate cuts a list, newest first, as https://docs.stripe.com/api/pagination says.
func paginate(c *call, form url.Values, items []page) reply {
	limit := 10
	if form.Has("limit") {
		n, err := strconv.Atoi(form.Get("limit"))
		if err != nil || n < 1 || n > 100 {
			return invalid("parameter_invalid_integer", "limit", "This value must be between 1 and 100.")
		}
		limit = n
	}
	for _, cursor := range []string{"starting_after", "ending_before"} {
		if !form.Has(cursor) {
			continue
		}
		at := slices.IndexFunc(items, func(p page) bool { return p.id == form.Get(cursor) })
		if at < 0 {
			return missing("object", cursor, form.Get(cursor))
		}
		if cursor == "starting_after" {
			items = items[at+1:]
		} else {
			items = items[max(0, at-limit):at]
		}
	}
	more := len(items) > limit
	items = items[:min(limit, len(items))]
	data := make([]map[string]any, 0, len(items))
	for _, p := range items {
		data = append(data, p.object)
	}
	return ok(map[string]any{"object": "list", "data": data, "has_more": more, "url": c.path})
}
