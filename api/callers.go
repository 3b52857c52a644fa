package api

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/careflow/careflow/internal/domain"
)

// maxCallers bounds the memory of callers: when there are more, all are looked up again.
const maxCallers = 10_000

// callers remembers whom a token speaks for: the signature until the token is over, and
// for a moment that its session goes on, so that a client that sends one request after
// the other has its session looked up once a second instead of each time. What ends a
// session on this replica is heeded at once: everything is forgotten then. Another replica
// follows within that moment.
type callers struct {
	keep time.Duration

	mu      sync.Mutex
	changes uint64 // counts what made everything be forgotten
	known   map[[sha256.Size]byte]remembered
}

type remembered struct {
	claims   domain.Caller // of the signed token
	signed   time.Time     // the token's end
	caller   domain.Caller
	lookedUp time.Time // the end of the moment
}

func newCallers(keep time.Duration) *callers {
	return &callers{keep: keep, known: map[[sha256.Size]byte]remembered{}}
}

// of returns the caller of a token: verify checks its signature and says when it is over,
// lookUp asks whom its session speaks for now. A refusal is not remembered.
func (c *callers) of(token string, now time.Time, verify func(token string) (domain.Caller, time.Time, error),
	lookUp func(session string) (domain.Caller, error),
) (domain.Caller, error) {
	hash := sha256.Sum256([]byte(token)) // the token itself is not kept
	c.mu.Lock()
	r, changes := c.known[hash], c.changes
	c.mu.Unlock()
	if now.Before(r.lookedUp) && now.Before(r.signed) {
		return r.caller, nil
	}
	if !now.Before(r.signed) {
		var err error
		if r.claims, r.signed, err = verify(token); err != nil {
			return domain.Caller{}, err
		}
	}
	caller, err := lookUp(r.claims.SessionID)
	if err != nil || c.keep <= 0 {
		return caller, err
	}
	r.caller, r.lookedUp = caller, now.Add(c.keep)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return caller, nil // something ended while this was read: it is read again next time
	}
	c.remember(hash, r)
	return caller, nil
}

// remember is called with the lock.
func (c *callers) remember(hash [sha256.Size]byte, r remembered) {
	if len(c.known) >= maxCallers {
		clear(c.known)
	}
	c.known[hash] = r
}

// claimed is of without a look-up: where none holds, the caller is only claimed.
func (c *callers) claimed(token string, now time.Time, verify func(token string) (domain.Caller, time.Time, error)) (domain.Caller, error) {
	hash := sha256.Sum256([]byte(token))
	c.mu.Lock()
	r := c.known[hash]
	c.mu.Unlock()
	if now.Before(r.lookedUp) && now.Before(r.signed) {
		return r.caller, nil
	}
	if !now.Before(r.signed) {
		var err error
		if r.claims, r.signed, err = verify(token); err != nil {
			return domain.Caller{}, err
		}
		if c.keep > 0 {
			r.lookedUp = time.Time{}
			c.mu.Lock()
			c.remember(hash, r)
			c.mu.Unlock()
		}
	}
	claims := r.claims
	claims.Claimed = claims.Roles
	return claims, nil
}

// forget has every session looked up again. A signature stays what it was.
func (c *callers) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for hash, r := range c.known {
		r.lookedUp = time.Time{}
		c.known[hash] = r
	}
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
