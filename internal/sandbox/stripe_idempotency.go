package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"time"
)

// storedReply is what Stripe remembers of a request that carried an Idempotency-Key:
// the first answer, 500s included (https://docs.stripe.com/api/idempotent_requests).
type storedReply struct {
	Key     string
	Params  string // hash of method, path and parameters
	Status  int
	Body    []byte
	Created time.Time
}

// idempotent executes a request once per key: the same request again gets the stored
// answer, another one under the key is refused, and one that comes while the first is
// still being executed is told so.
func (s *Sandbox) idempotent(c *call, form url.Values, perform func(keep func(*tx, reply)) reply) reply {
	if len(c.key) > 255 {
		return invalid("", "", "Idempotency keys are at most 255 characters long.")
	}
	sum := sha256.Sum256([]byte(c.method + " " + c.path + "?" + form.Encode()))
	params := hex.EncodeToString(sum[:])

	s.mu.Lock()
	stored := s.state.Keys[c.key]
	if stored != nil && s.cfg.Now().Sub(stored.Created) >= s.cfg.KeyRetention {
		stored = nil
	}
	busy := s.running[c.key]
	if stored == nil && !busy {
		s.running[c.key] = true
	}
	s.mu.Unlock()

	switch {
	case stored != nil && stored.Params != params:
		e := &stripeError{Type: "idempotency_error", Message: "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than the one given if you meant to execute a different request."}
		return e.reply(http.StatusBadRequest, false)
	case c.broken != nil && !c.carriedOut && !c.broken.begun:
		s.release(c.key, stored == nil && !busy)
		return *c.broken // refused in front of the API: even a stored answer is out of reach
	case stored != nil:
		return reply{status: stored.Status, body: stored.Body, header: http.Header{"Idempotent-Replayed": {"true"}}}
	case busy:
		e := &stripeError{Type: "idempotency_error", Code: "idempotency_key_in_use", Message: "There is currently another in-progress request using this Idempotency-Key. Please try again later."}
		return e.reply(http.StatusConflict, false)
	}
	defer s.release(c.key, true)
	return perform(func(t *tx, rep reply) {
		t.putKey(&storedReply{Key: c.key, Params: params, Status: rep.status, Body: rep.body, Created: t.now})
	})
}

func (s *Sandbox) release(key string, held bool) {
	if !held {
		return
	}
	s.mu.Lock()
	delete(s.running, key)
	s.mu.Unlock()
}

// ForgetKeys forgets all idempotency keys at once, as Stripe may after 24 hours.
func (s *Sandbox) ForgetKeys() {
	s.update(func(t *tx) {
		for key := range t.s.state.Keys {
			t.dropKey(key)
		}
	})
}
