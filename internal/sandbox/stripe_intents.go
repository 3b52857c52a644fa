package sandbox

import (
	"crypto/subtle"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

var lowerCurrency = regexp.MustCompile(`^[a-z]{3}$`)

// maxAmount is Stripe's limit of eight digits.
const maxAmount = 99999999

func createIntent(_ *Sandbox, _ *call, form url.Values, _ string) (func(*tx) reply, *reply) {
	if r := unknown(form, "amount", "currency", "capture_method", "automatic_payment_methods", "payment_method_types", "metadata",
		"description", "payment_method_options", "confirm", "payment_method"); r != nil {
		return nil, r
	}
	refuse := func(r reply) (func(*tx) reply, *reply) { return nil, &r }
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	methods := list(form, "payment_method_types")
	automatic := form.Get("automatic_payment_methods[enabled]") == "true"
	capture := form.Get("capture_method")
	switch {
	case !form.Has("amount"):
		return refuse(invalid("parameter_missing", "amount", "Missing required param: amount."))
	case err != nil:
		return refuse(invalid("parameter_invalid_integer", "amount", "Invalid integer: %s", form.Get("amount")))
	case amount < 1:
		return refuse(invalid("parameter_invalid_integer", "amount", "This value must be greater than or equal to 1."))
	case amount < 50 && form.Get("currency") != "jpy":
		return refuse(invalid("amount_too_small", "amount", "Amount must be at least 50 cents."))
	case amount > maxAmount:
		return refuse(invalid("amount_too_large", "amount", "Amount must be no more than 999,999.99."))
	case !lowerCurrency.MatchString(form.Get("currency")):
		return refuse(invalid("", "currency", "Invalid currency: %s.", form.Get("currency")))
	case automatic && len(methods) > 0:
		return refuse(invalid("parameters_exclusive", "", "You may only specify one of these parameters: automatic_payment_methods, payment_method_types."))
	case capture != "" && !slices.Contains([]string{"automatic", "automatic_async", "manual"}, capture):
		return refuse(invalid("", "capture_method", "Invalid capture_method: must be one of automatic, automatic_async, or manual"))
	case len(methods) > 1 || len(methods) == 1 && methods[0] != "card":
		return refuse(invalid("", "payment_method_types", "The sandbox takes cards only."))
	case form.Get("confirm") == "true":
		return refuse(invalid("", "confirm", "The sandbox confirms in a request of its own."))
	}
	metadata := subset(form, "metadata")
	if r := checkMetadata(metadata); r != nil {
		return nil, r
	}
	return func(t *tx) reply {
		i := &intent{
			ID: newID("pi_"), Seq: t.next(), Created: t.now, Amount: amount, Currency: form.Get("currency"),
			Manual: capture == "manual", Automatic: automatic, Methods: []string{"card"}, Metadata: metadata,
			Description: form.Get("description"), Status: statusNeedsMethod,
		}
		i.Secret = newID(i.ID + "_secret_")
		t.putIntent(i)
		t.emit("payment_intent.created", i.object(false))
		return ok(i.object(false))
	}, nil
}

func checkMetadata(m map[string]string) *reply {
	if len(m) > 50 {
		r := invalid("", "metadata", "Metadata can have at most 50 keys.")
		return &r
	}
	for k, v := range m {
		if len(k) > 40 || len(v) > 500 {
			r := invalid("", "metadata", "Metadata keys have at most 40 characters and values at most 500.")
			return &r
		}
	}
	return nil
}

// find looks an intent up while validating; it is looked up again when executing.
func (s *Sandbox) find(id string) *intent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Intents[id]
}

func onIntent(known []string, run func(*tx, *intent, *call, url.Values) reply) operation {
	return func(s *Sandbox, c *call, form url.Values, id string) (func(*tx) reply, *reply) {
		if r := unknown(form, known...); r != nil {
			return nil, r
		}
		i := s.find(id)
		if i == nil || form.Has("client_secret") && subtle.ConstantTimeCompare([]byte(form.Get("client_secret")), []byte(i.Secret)) != 1 {
			r := missing("payment_intent", "intent", id)
			return nil, &r
		}
		return func(t *tx) reply { return run(t, t.s.state.Intents[id], c, form) }, nil
	}
}

var getIntent = onIntent([]string{"client_secret"}, func(_ *tx, i *intent, _ *call, form url.Values) reply {
	return ok(i.object(expands(form, "latest_charge")))
})

var confirmIntent = onIntent([]string{"client_secret", "payment_method", "payment_method_data", "return_url", "use_stripe_sdk"},
	func(t *tx, i *intent, _ *call, form url.Values) reply {
		if i.Status != statusNeedsMethod && i.Status != statusNeedsAction {
			return unexpectedState(i, "confirmed", "requires_payment_method, requires_confirmation, requires_action")
		}
		decline, challenge, refusal := cardOf(form)
		switch {
		case refusal != nil:
			return *refusal
		case decline != "":
			return t.decline(i, decline)
		case challenge:
			t.challenge(i)
		default:
			t.pay(i)
		}
		return ok(i.object(expands(form, "latest_charge")))
	})

// declines maps Stripe's test payment methods to decline codes; all others are paid.
var declines = map[string]string{
	"pm_card_visa_chargeDeclined":                  "generic_decline",
	"pm_card_chargeDeclined":                       "generic_decline",
	"pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
	"pm_card_chargeDeclinedInsufficientFunds":      "insufficient_funds",
	"pm_card_visa_chargeDeclinedLostCard":          "lost_card",
	"pm_card_chargeDeclinedExpiredCard":            "expired_card",
}

var captureIntent = onIntent([]string{"amount_to_capture", "final_capture", "metadata"},
	func(t *tx, i *intent, _ *call, form url.Values) reply {
		if i.Status != statusHeld {
			return unexpectedState(i, "captured", "requires_capture")
		}
		amount := i.Amount
		if form.Has("amount_to_capture") {
			n, err := strconv.ParseInt(form.Get("amount_to_capture"), 10, 64)
			if err != nil || n < 1 {
				return invalid("parameter_invalid_integer", "amount_to_capture", "Invalid integer: %s", form.Get("amount_to_capture"))
			}
			if n > i.Amount {
				return invalid("amount_too_large", "amount_to_capture", "The requested capture amount is greater than the authorized amount.")
			}
			amount = n
		}
		t.capture(i, amount)
		return ok(i.object(expands(form, "latest_charge")))
	})

var cancelIntent = onIntent([]string{"cancellation_reason"},
	func(t *tx, i *intent, _ *call, form url.Values) reply {
		reason := form.Get("cancellation_reason")
		if reason != "" && !slices.Contains([]string{"duplicate", "fraudulent", "requested_by_customer", "abandoned"}, reason) {
			return invalid("", "cancellation_reason", "Invalid cancellation_reason: must be one of duplicate, fraudulent, requested_by_customer, or abandoned")
		}
		if i.Status == statusSucceeded || i.Status == statusCanceled {
			return unexpectedState(i, "canceled", "requires_payment_method, requires_capture, requires_confirmation, requires_action, processing")
		}
		t.cancel(i, reason)
		return ok(i.object(expands(form, "latest_charge")))
	})

func listIntents(_ *Sandbox, c *call, form url.Values, _ string) (func(*tx) reply, *reply) {
	if r := unknown(form, "created", "limit", "starting_after", "ending_before", "customer"); r != nil {
		return nil, r
	}
	within, r := createdFilter(form)
	if r != nil {
		return nil, r
	}
	return func(t *tx) reply {
		var items []page
		for _, i := range t.s.state.newestIntents() {
			if within(i.Created) && !form.Has("customer") {
				items = append(items, page{i.ID, i.object(expands(form, "latest_charge"))})
			}
		}
		return paginate(c, form, items)
	}, nil
}

// createdFilter reads created and created[gt|gte|lt|lte], Unix seconds.
func createdFilter(form url.Values) (func(time.Time) bool, *reply) {
	var checks []func(int64) bool
	for name, check := range map[string]func(a, b int64) bool{
		"created":      func(a, b int64) bool { return a == b },
		"created[gt]":  func(a, b int64) bool { return a > b },
		"created[gte]": func(a, b int64) bool { return a >= b },
		"created[lt]":  func(a, b int64) bool { return a < b },
		"created[lte]": func(a, b int64) bool { return a <= b },
	} {
		if !form.Has(name) {
			continue
		}
		bound, err := strconv.ParseInt(form.Get(name), 10, 64)
		if err != nil {
			r := invalid("parameter_invalid_integer", name, "Invalid integer: %s", form.Get(name))
			return nil, &r
		}
		checks = append(checks, func(at int64) bool { return check(at, bound) })
	}
	return func(at time.Time) bool {
		for _, check := range checks {
			if !check(at.Unix()) {
				return false
			}
		}
		return true
	}, nil
}
