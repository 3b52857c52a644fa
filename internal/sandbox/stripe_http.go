package sandbox

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// APIVersion is the version of Stripe's API that the Sandbox speaks.
const APIVersion = "2023-10-16"

// operation is one endpoint of Stripe: check refuses a request before it is executed,
// the returned function executes it.
type operation func(s *Sandbox, c *call, form url.Values, id string) (run func(*tx) reply, refusal *reply)

// stripeOperations maps method and path to endpoints; {id} is the object's ID.
func stripeOperations() map[string]operation {
	return map[string]operation{
		"GET /v1/payment_intents":               listIntents,
		"POST /v1/payment_intents":              createIntent,
		"GET /v1/payment_intents/{id}":          getIntent,
		"POST /v1/payment_intents/{id}/confirm": confirmIntent,
		"POST /v1/payment_intents/{id}/capture": captureIntent,
		"POST /v1/payment_intents/{id}/cancel":  cancelIntent,
		"GET /v1/refunds":                       listRefunds,
		"POST /v1/refunds":                      createRefund,
		"GET /v1/refunds/{id}":                  getRefund,
		"GET /v1/disputes":                      listDisputes,
	}
}

func (s *Sandbox) stripeRoutes() {
	for pattern, op := range stripeOperations() {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serveStripe(w, r, op) })
	}
	s.mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		s.serveStripe(w, r, func(_ *Sandbox, c *call, _ url.Values, _ string) (func(*tx) reply, *reply) {
			e := &stripeError{Type: "invalid_request_error", Message: "Unrecognized request URL (" + c.method + ": " + c.path + "). The sandbox does not speak this part of the API."}
			rep := e.reply(http.StatusNotFound, false)
			return nil, &rep
		})
	})
}

func (s *Sandbox) serveStripe(w http.ResponseWriter, r *http.Request, op operation) {
	body, err := readBody(w, r)
	if err != nil {
		return // the request never arrived whole
	}
	w.Header().Set("Request-Id", newID("req_"))
	w.Header().Set("Stripe-Version", APIVersion)
	c := &call{
		vendor: Stripe, method: r.Method, path: r.URL.Path, header: r.Header, query: r.URL.RawQuery, body: body,
		key: r.Header.Get("Idempotency-Key"),
	}
	if c.key != "" {
		w.Header().Set("Idempotency-Key", c.key)
	}
	s.exchange(w, r, c, func(c *call) reply { return s.stripe(c, op, r.PathValue("id"), w.Header().Get("Request-Id")) }, stripeBroken)
}

// stripe executes one request: authentication, validation, idempotency, effect.
func (s *Sandbox) stripe(c *call, op operation, id, requestID string) reply {
	form, err := parseForm(c)
	if err != nil {
		return invalid("", "", "Invalid request: the body is not form encoded.")
	}
	if refusal := s.authenticate(c, form); refusal != nil {
		return *refusal
	}
	if v := c.header.Get("Stripe-Version"); v != "" && v != APIVersion {
		return invalid("", "", "Invalid Stripe API version: %s. The sandbox speaks %s.", v, APIVersion)
	}
	if c.method == http.MethodGet || c.key == "" {
		return s.perform(c, op, form, id, eventRequest{ID: requestID}, nil)
	}
	return s.idempotent(c, form, func(keep func(*tx, reply)) reply {
		return s.perform(c, op, form, id, eventRequest{ID: requestID, IdempotencyKey: c.key}, keep)
	})
}

// perform validates and executes; keep stores the result with the effect.
func (s *Sandbox) perform(c *call, op operation, form url.Values, id string, cause eventRequest, keep func(*tx, reply)) reply {
	if c.slow != nil && !c.slow() {
		c.slow = nil // the caller is gone; what arrived at the vendor is carried out all the same
	}
	if c.broken != nil && !c.carriedOut {
		s.update(func(t *tx) { keepBegun(t, keep, *c.broken) })
		return *c.broken
	}
	run, refusal := op(s, c, form, id)
	if refusal != nil {
		return *refusal
	}
	var rep reply
	s.update(func(t *tx) {
		t.cause = cause
		rep = run(t)
		if c.broken != nil && c.broken.begun {
			rep = *c.broken // the API itself failed half-way, and remembers that
		}
		keepBegun(t, keep, rep)
	})
	if c.broken != nil {
		return *c.broken
	}
	return rep
}

func keepBegun(t *tx, keep func(*tx, reply), rep reply) {
	if keep != nil && rep.begun {
		keep(t, rep)
	}
}

// authenticate accepts the secret key, and a publishable key together with the
// client secret of the intent, as browsers send it.
func (s *Sandbox) authenticate(c *call, form url.Values) *reply {
	key := bearer(c.header)
	if key == "" {
		rep := (&stripeError{Type: "invalid_request_error", Message: "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth."}).reply(http.StatusUnauthorized, false)
		return &rep
	}
	if subtle.ConstantTimeCompare([]byte(key), []byte(s.cfg.StripeKey)) == 1 {
		return nil
	}
	byBrowser := c.method == http.MethodGet && strings.HasPrefix(c.path, "/v1/payment_intents/") || strings.HasSuffix(c.path, "/confirm")
	if strings.HasPrefix(key, "pk_") && byBrowser && form.Get("client_secret") != "" {
		return nil // the endpoint compares the client secret
	}
	rep := (&stripeError{Type: "invalid_request_error", Message: "Invalid API Key provided."}).reply(http.StatusUnauthorized, false)
	return &rep
}

func bearer(h http.Header) string {
	if key, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer "); ok {
		return key
	}
	user, _, _ := (&http.Request{Header: h}).BasicAuth()
	return user
}

func parseForm(c *call) (url.Values, error) {
	if c.method == http.MethodGet {
		return url.ParseQuery(c.query)
	}
	return url.ParseQuery(string(c.body))
}

// unknown refuses parameters that the endpoint does not take, as Stripe does.
func unknown(form url.Values, known ...string) *reply {
	for name := range form {
		top, _, _ := strings.Cut(name, "[")
		ok := top == "expand"
		for _, k := range known {
			ok = ok || k == top
		}
		if !ok {
			rep := invalid("parameter_unknown", top, "Received unknown parameter: %s", top)
			return &rep
		}
	}
	return nil
}

// subset returns the members of a nested parameter, such as metadata[x].
func subset(form url.Values, name string) map[string]string {
	out := map[string]string{}
	for k := range form {
		if inner, ok := strings.CutPrefix(k, name+"["); ok {
			out[strings.TrimSuffix(inner, "]")] = form.Get(k)
		}
	}
	return out
}

// list returns the values of an array parameter, in whichever way it was written.
func list(form url.Values, name string) []string {
	var out []string
	out = append(out, form[name+"[]"]...)
	for n := 0; form.Has(name + "[" + strconv.Itoa(n) + "]"); n++ {
		out = append(out, form.Get(name+"["+strconv.Itoa(n)+"]"))
	}
	return out
}

func expands(form url.Values, what string) bool {
	for _, e := range list(form, "expand") {
		if e == what || e == "data."+what {
			return true
		}
	}
	return false
}

func ok(object any) reply {
	body, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		panic("sandbox: an object that is no JSON: " + err.Error())
	}
	return reply{status: http.StatusOK, body: body, begun: true}
}
