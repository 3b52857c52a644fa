package codecserver

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	attemptsAllowed = 10
	attemptsWindow  = 15 * time.Minute
	// attemptsKept bounds the memory that made-up accounts can take.
	attemptsKept = 10_000
)

// attempts counts failed log-ins. It keeps hashes, not e-mail addresses.
type attempts struct {
	now func() time.Time

	mu     sync.Mutex
	counts map[[sha256.Size]byte]*count
}

type count struct {
	failures int
	until    time.Time
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, counts: map[[sha256.Size]byte]*count{}}
}

func (a *attempts) allowed(who string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.counts[sha256.Sum256([]byte(who))]
	return c == nil || c.failures < attemptsAllowed || !a.now().Before(c.until)
}

func (a *attempts) failed(who string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.counts) >= attemptsKept {
		a.forget()
	}
	id := sha256.Sum256([]byte(who))
	c := a.counts[id]
	if c == nil || !a.now().Before(c.until) {
		c = &count{until: a.now().Add(attemptsWindow)}
		a.counts[id] = c
	}
	c.failures++
}

func (a *attempts) succeeded(who string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.counts, sha256.Sum256([]byte(who)))
}

// forget drops what is over and, under a flood, everything: the hashing of passwords
// still bounds how fast anyone can guess.
func (a *attempts) forget() {
	for id, c := range a.counts {
		if !a.now().Before(c.until) {
			delete(a.counts, id)
		}
	}
	if len(a.counts) >= attemptsKept {
		clear(a.counts)
	}
}
