package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
)

// stripeError is the error object of Stripe's API
// (https://docs.stripe.com/api/errors).
type stripeError struct {
	Charge      string         `json:"charge,omitempty"`
	Code        string         `json:"code,omitempty"`
	DeclineCode string         `json:"decline_code,omitempty"`
	Message     string         `json:"message"`
	Param       string         `json:"param,omitempty"`
	Intent      map[string]any `json:"payment_intent,omitempty"`
	Type        string         `json:"type"`
}

func (e *stripeError) reply(status int, begun bool) reply {
	body, err := json.MarshalIndent(map[string]any{"error": e}, "", "  ")
	if err != nil {
		panic("sandbox: an error that is no JSON: " + err.Error())
	}
	return reply{status: status, body: body, begun: begun}
}

// invalid refuses a request before it is executed.
func invalid(code, param, format string, args ...any) reply {
	e := &stripeError{Type: "invalid_request_error", Code: code, Param: param, Message: fmt.Sprintf(format, args...)}
	return e.reply(http.StatusBadRequest, false)
}

func missing(object, param, id string) reply {
	e := &stripeError{Type: "invalid_request_error", Code: "resource_missing", Param: param, Message: fmt.Sprintf("No such %s: '%s'", object, id)}
	return e.reply(http.StatusNotFound, false)
}

// unexpectedState refuses what the intent's status does not allow.
func unexpectedState(i *intent, verb, allowed string) reply {
	e := &stripeError{
		Type: "invalid_request_error", Code: "payment_intent_unexpected_state", Intent: i.object(false),
		Message: fmt.Sprintf("This PaymentIntent could not be %s because it has a status of %s. Only a PaymentIntent with one of the following statuses may be %s: %s.", verb, i.Status, verb, allowed),
	}
	return e.reply(http.StatusBadRequest, true)
}

// stripeBroken is the answer of a Fail or FailAfter fault.
func stripeBroken(f Fault) reply {
	switch status := cmp.Or(f.Status, http.StatusInternalServerError); {
	case status == http.StatusTooManyRequests:
		e := &stripeError{Type: "invalid_request_error", Code: "rate_limit", Message: "Request rate limit exceeded. The sandbox was told to say so."}
		return e.reply(status, false)
	case status == http.StatusPaymentRequired:
		e := &stripeError{
			Type: "card_error", Code: cmp.Or(f.Code, "card_declined"), DeclineCode: f.DeclineCode,
			Message: "Your card was declined. The sandbox was told to say so.",
		}
		return e.reply(status, true)
	case status < http.StatusInternalServerError:
		e := &stripeError{Type: "invalid_request_error", Code: f.Code, Message: "The sandbox was told to refuse this."}
		return e.reply(status, true)
	default:
		e := &stripeError{Type: "api_error", Message: "An unknown error occurred. The sandbox was told to say so."}
		return e.reply(status, status == http.StatusInternalServerError)
	}
}
