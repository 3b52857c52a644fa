package sandbox

import (
	"crypto/subtle"
	"embed"
	"net/http"
	"net/url"
	"slices"
)

// The stand-in for Stripe.js: a script that mounts a payment element, as js.stripe.com
// serves it under /v3, and the frames that it opens.

//go:embed elements
var elementFiles embed.FS

// framePolicy lets a frame talk to this origin only, as Stripe's do.
const framePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"

func (s *Sandbox) elementRoutes() {
	file := func(pattern, name string) {
		s.mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", framePolicy)
			w.Header().Set("Referrer-Policy", "no-referrer")
			w.Header().Set("Cache-Control", "no-store")
			http.ServeFileFS(w, r, elementFiles, "elements/"+name)
		})
	}
	file("/v3/{$}", "stripe.js")
	for _, name := range []string{"frame.js", "element.js", "challenge.js", "frame.css"} {
		file("/v3/"+name, name)
	}
	for _, name := range []string{"element", "controller", "challenge"} {
		file("/v3/frames/"+name, name+".html")
	}
	s.mux.HandleFunc("POST /v3/challenges/{id}", s.settleChallenge)
}

// settleChallenge is the end of a bank's check: its customer authorised the payment, or
// did not.
func (s *Sandbox) settleChallenge(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	i := s.find(r.PathValue("id"))
	if i == nil || subtle.ConstantTimeCompare([]byte(r.FormValue("client_secret")), []byte(i.Secret)) != 1 {
		write(w, missing("payment_intent", "intent", r.PathValue("id")))
		return
	}
	var rep reply
	s.update(func(t *tx) {
		i := s.state.Intents[i.ID]
		switch {
		case i.Status != statusNeedsAction:
			rep = unexpectedState(i, "authenticated", statusNeedsAction)
		case r.FormValue("outcome") == "succeed":
			t.pay(i)
			rep = ok(i.object(false))
		default:
			rep = t.failAuthentication(i)
		}
	})
	write(w, rep)
}

func write(w http.ResponseWriter, rep reply) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(rep.status)
	_, _ = w.Write(rep.body)
}

// cardOf is the outcome of the card that a browser entered, by Stripe's test numbers
// (https://docs.stripe.com/testing), or of a test payment method.
func cardOf(form url.Values) (decline string, challenge bool, refusal *reply) {
	method, number := form.Get("payment_method"), form.Get("payment_method_data[card][number]")
	switch {
	case number != "" && !luhn(number):
		e := &stripeError{Type: "card_error", Code: "incorrect_number", Param: "number", Message: "Your card number is incorrect."}
		rep := e.reply(http.StatusPaymentRequired, true)
		return "", false, &rep
	case number != "":
		return declinedCards[number], slices.Contains(challengedCards, number), nil
	}
	return declines[method], slices.Contains(challengedMethods, method), nil
}

var declinedCards = map[string]string{
	"4000000000000002": "generic_decline", "4000000000009995": "insufficient_funds",
	"4000000000009987": "lost_card", "4000000000000069": "expired_card",
}

// Cards that always ask the bank.
var (
	challengedCards   = []string{"4000002500003155", "4000002760003184", "4000000000003220"}
	challengedMethods = []string{"pm_card_authenticationRequired", "pm_card_threeDSecure2Required"}
)

// luhn reports whether a card number's check digit is right.
func luhn(number string) bool {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(number) >= 12 && len(number) <= 19 && sum%10 == 0
}
