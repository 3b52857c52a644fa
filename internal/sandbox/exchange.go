package sandbox

import (
	"io"
	"net/http"
	"strconv"
)

// maxBody is above SendGrid's limit of 30 MB, so that its own refusal is seen.
const maxBody = 32 << 20

// call is one request to a vendor.
type call struct {
	vendor Vendor
	method string
	path   string
	key    string // Idempotency-Key or message_id
	header http.Header
	query  string
	body   []byte
	// slow is waited while the request is being executed, so that a second request
	// with the same key meets it.
	slow func() bool
	// broken, when set, replaces the answer: with carriedOut after execution.
	broken     *reply
	carriedOut bool
}

// reply is a vendor's answer.
type reply struct {
	status int
	header http.Header
	body   []byte
	// begun says that the endpoint began to execute: only such results are stored
	// under an idempotency key.
	begun bool
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// exchange answers a request, with the faults that are switched on for it.
func (s *Sandbox) exchange(w http.ResponseWriter, r *http.Request, c *call, execute func(*call) reply, broken func(Fault) reply) {
	hit := s.faults.take(c.vendor, c.method+" "+c.path, c.key)
	if h := hit[Hold]; h != nil && !h.hold(r.Context(), s.ctx) {
		return // the caller died before its request got through: it never happened
	}
	if hit[Drop] != nil {
		panic(http.ErrAbortHandler)
	}
	if l := hit[Latency]; l != nil {
		c.slow = func() bool { return pause(r.Context(), l.fault.Latency.Std()) }
	}
	if f := hit[Fail]; f != nil {
		rep := broken(f.fault)
		c.broken = &rep
	} else if f := hit[FailAfter]; f != nil {
		rep := broken(f.fault)
		c.broken, c.carriedOut = &rep, true
	}
	rep := execute(c)
	if h := hit[HoldAfter]; h != nil && !h.hold(r.Context(), s.ctx) {
		return
	}
	if hit[DropAfter] != nil {
		panic(http.ErrAbortHandler)
	}
	for k, v := range rep.header {
		w.Header()[k] = v
	}
	if len(rep.body) > 0 {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(rep.body)))
	w.WriteHeader(rep.status)
	_, _ = w.Write(rep.body) // a caller that has gone cannot be told
	s.cfg.Log.Info("request", "vendor", c.vendor, "method", c.method, "path", c.path, "status", rep.status)
}
