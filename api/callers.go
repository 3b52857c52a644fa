package api

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/careflow/careflow/internal/domain"
)

// maxCallers bounds the memory of callers: when there are more, all are looked up again.
const maxCallers = 10_000

// callers remembers for a moment whom a token speaks for, so that a client that sends one
// request after the other has its signature and its session checked once a second
// instead of each time. What ends a session on this replica is heeded at once: everything
// is forgotten then. Another replica follows within that moment.
type callers struct {
	keep time.Duration

	mu      sync.Mutex
	changes uint64 // counts what made everything be forgotten
	known   map[[sha256.Size]byte]remembered
}

type remembered struct {
	caller domain.Caller
	until  time.Time
}

func newCallers(keep time.Duration) *callers {
	return &callers{keep: keep, known: map[[sha256.Size]byte]remembered{}}
}

// of returns the caller of a token, asking ask unless it did so just now. A refusal is
// not remembered.
func (c *callers) of(ctx context.Context, token string, now time.Time, ask func(context.Context) (domain.Caller, error)) (domain.Caller, error) {
	hash := sha256.Sum256([]byte(token)) // the token itself is not kept
	c.mu.Lock()
	found, ok := c.known[hash]
	changes := c.changes
	c.mu.Unlock()
	if ok && now.Before(found.until) {
		return found.caller, nil
	}
	caller, err := ask(ctx)
	if err != nil || c.keep <= 0 {
		return caller, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return caller, nil // something ended while this was read: it is read again next time
	}
	if len(c.known) >= maxCallers {
		clear(c.known)
	}
	c.known[hash] = remembered{caller: caller, until: now.Add(c.keep)}
	return caller, nil
}

func (c *callers) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	clear(c.known)
}

// forgetCallers is a step of the middleware: whatever may have changed an account, a
// session or who a doctor is makes all callers be looked up again. Operations on visits
// do not.
func (s *Server) forgetCallers(c *gin.Context) {
	c.Next()
	if _, who := begin(c); who.op.changesAccess {
		s.callers.forget()
	}
}
