package sandbox

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Vendor names whose requests a fault is about.
type Vendor string

// The vendors, and the way back from Stripe to us.
const (
	Stripe   Vendor = "stripe"
	SendGrid Vendor = "sendgrid"
	Webhook  Vendor = "webhook"
)

// Mode is what goes wrong.
type Mode string

// What can go wrong with a request. "After" means that the vendor carried it out.
const (
	Latency   Mode = "latency"    // answers late, by Fault.Latency
	Fail      Mode = "fail"       // answers Status, nothing happened
	FailAfter Mode = "fail_after" // answers Status, but it happened
	Drop      Mode = "drop"       // the connection breaks, nothing happened
	DropAfter Mode = "drop_after" // accepted, then the connection breaks
	Hold      Mode = "hold"       // waits for Release before it happens
	HoldAfter Mode = "hold_after" // happens, the answer waits for Release
)

// What can go wrong with a webhook.
const (
	Lost      Mode = "lost"      // never delivered, not even by a retry
	Doubled   Mode = "doubled"   // delivered twice
	Late      Mode = "late"      // delivered Latency later
	Reordered Mode = "reordered" // delivered after the next event
)

// Fault makes matching requests or webhooks go wrong.
type Fault struct {
	ID     string `json:"id,omitempty"` // given by the Sandbox
	Vendor Vendor `json:"vendor"`
	// Match is a method and a path, such as "POST /v1/payment_intents/*/capture", or
	// an event type, such as "payment_intent.*" or "mail.bounce"; * stands for one segment. Empty
	// matches everything of the vendor.
	Match string `json:"match,omitempty"`
	// Key narrows it to an Idempotency-Key (Stripe), a message_id (SendGrid) or an
	// intent ID or message_id (webhooks) that contains this text.
	Key  string `json:"key,omitempty"`
	Mode Mode   `json:"mode"`
	// Status is the answer of Fail and FailAfter. Defaults to 500. As with Stripe, a
	// 500 is stored under the request's idempotency key and replayed; 429, 502, 503
	// and 504 come from in front of the API and are not; a 402 is a card error.
	Status int `json:"status,omitempty"`
	// Code and DeclineCode fill the error of a 4xx, such as "charge_expired_for_capture".
	Code        string          `json:"code,omitempty"`
	DeclineCode string          `json:"decline_code,omitempty"`
	Latency     domain.Duration `json:"latency,omitempty"`
	// Count is how many requests it still hits. 0: until cleared.
	Count int `json:"count,omitempty"`
	// Hits and Held are counted by the Sandbox.
	Hits int `json:"hits"`
	Held int `json:"held"`
}

func (f Fault) validate() error {
	modes := map[Vendor][]Mode{
		Stripe: {Latency, Fail, FailAfter, Drop, DropAfter, Hold, HoldAfter}, Webhook: {Lost, Doubled, Late, Reordered},
	}
	modes[SendGrid] = modes[Stripe]
	allowed, ok := modes[f.Vendor]
	if !ok {
		return domain.Errorf(domain.CodeInvalid, "vendor is one of stripe, sendgrid and webhook")
	}
	for _, m := range allowed {
		if m == f.Mode {
			if _, err := path.Match(f.Match, ""); err != nil {
				return domain.Errorf(domain.CodeInvalid, "match %q is not a pattern", f.Match)
			}
			return nil
		}
	}
	return domain.Errorf(domain.CodeInvalid, "mode of a %s fault is one of %v", f.Vendor, allowed)
}

// Injected is a fault at work.
type Injected struct {
	fault   Fault
	spent   bool
	held    chan struct{} // closed when the first request is held
	release chan struct{} // closed by Release
	board   *faultBoard
}

// WaitHeld returns once a request is being held, or with the context's error.
func (i *Injected) WaitHeld(ctx context.Context) error {
	select {
	case <-i.held:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("sandbox: no request was held: %w", ctx.Err())
	}
}

// Release lets held requests go on and removes the fault. It may be called again.
func (i *Injected) Release() {
	i.board.mu.Lock()
	defer i.board.mu.Unlock()
	i.board.remove(i)
}

// Held is how many requests are being held: one whose caller has gone is none any more.
func (i *Injected) Held() int {
	i.board.mu.Lock()
	defer i.board.mu.Unlock()
	return i.fault.Held
}

// Hits counts the requests that the fault has hit.
func (i *Injected) Hits() int {
	i.board.mu.Lock()
	defer i.board.mu.Unlock()
	return i.fault.Hits
}

type faultBoard struct {
	mu     sync.Mutex
	seq    int
	active []*Injected
}

func newFaultBoard() *faultBoard { return &faultBoard{} }

func (b *faultBoard) add(f Fault) *Injected {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	f.ID, f.Hits, f.Held = fmt.Sprintf("fault_%d", b.seq), 0, 0
	i := &Injected{fault: f, held: make(chan struct{}), release: make(chan struct{}), board: b}
	b.active = append(b.active, i)
	return i
}

// remove takes the fault off the board and lets go what it holds; the lock is held.
func (b *faultBoard) remove(i *Injected) {
	for n, a := range b.active {
		if a == i {
			b.active = append(b.active[:n:n], b.active[n+1:]...)
			close(i.release)
			return
		}
	}
}

func (b *faultBoard) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.active) > 0 {
		b.remove(b.active[0])
	}
}

func (b *faultBoard) list() []Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Fault, 0, len(b.active))
	for _, i := range b.active {
		out = append(out, i.fault)
	}
	return out
}

func (b *faultBoard) find(id string) *Injected {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, i := range b.active {
		if i.fault.ID == id {
			return i
		}
	}
	return nil
}

// take returns the faults that hit this request, at most one of each mode, and counts
// them down. A spent fault that holds stays on the board until it is released.
func (b *faultBoard) take(v Vendor, what, key string) map[Mode]*Injected {
	b.mu.Lock()
	defer b.mu.Unlock()
	hit := map[Mode]*Injected{}
	for _, i := range append([]*Injected(nil), b.active...) {
		f := &i.fault
		if i.spent || f.Vendor != v || hit[f.Mode] != nil || !strings.Contains(key, f.Key) {
			continue
		}
		if ok, _ := path.Match(f.Match, what); !ok && f.Match != "" {
			continue
		}
		hit[f.Mode] = i
		f.Hits++
		if f.Count > 0 {
			f.Count--
			i.spent = f.Count == 0
		}
		if i.spent && f.Mode != Hold && f.Mode != HoldAfter {
			b.remove(i)
		}
	}
	return hit
}

// hold blocks until the fault is released. It reports false when the caller has gone
// or the Sandbox closes.
func (i *Injected) hold(ctx, closing context.Context) bool {
	i.board.mu.Lock()
	i.fault.Held++
	if i.fault.Held == 1 {
		select {
		case <-i.held:
		default:
			close(i.held)
		}
	}
	i.board.mu.Unlock()
	defer func() {
		i.board.mu.Lock()
		i.fault.Held--
		i.board.mu.Unlock()
	}()
	select {
	case <-i.release:
		return ctx.Err() == nil
	case <-closing.Done():
	case <-ctx.Done():
	}
	return false
}

// pause waits for d, and reports false when the caller has gone.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
