package domain

import "time"

// Litter names a kind of row that nobody needs any more after a while. The names are part
// of the public API and never renamed.
type Litter string

// The kinds of litter. What is kept for ever has none: visits, timelines, money, receipts,
// messages, the history of accounts, and who read which record.
const (
	// LitterOutbox is what was handed over to Temporal.
	LitterOutbox Litter = "outbox"
	// LitterKeys is answers kept for idempotency keys.
	LitterKeys Litter = "idempotency_keys"
	// LitterTokens is refresh tokens that expired.
	LitterTokens Litter = "refresh_tokens"
	// LitterSessions is log-ins that ended.
	LitterSessions Litter = "sessions"
	// LitterAttempts is counted attempts to log in whose window is over.
	LitterAttempts Litter = "login_attempts"
	// LitterRuns is the reports of housekeeping itself.
	LitterRuns Litter = "housekeeping_runs"
)

// Litters lists the kinds in the order in which they are removed.
func Litters() []Litter {
	return []Litter{LitterOutbox, LitterKeys, LitterTokens, LitterSessions, LitterAttempts, LitterRuns}
}

// Keeping says how long what is done with is kept.
type Keeping struct {
	Outbox          time.Duration // after it was handed over
	IdempotencyKeys time.Duration // after the first request with the key
}

// Before is the instant (UTC) before which litter of a kind is removed at now. The zero
// time is for a kind that this build does not know.
func (k Keeping) Before(what Litter, now time.Time) time.Time {
	age, known := map[Litter]time.Duration{
		LitterOutbox: k.Outbox, LitterKeys: k.IdempotencyKeys, LitterTokens: 24 * time.Hour, LitterSessions: SessionKept,
		LitterAttempts: 24 * time.Hour, LitterRuns: SessionKept,
	}[what]
	if !known {
		return time.Time{}
	}
	return now.Add(-age).UTC()
}

// Housekeeping is one run as it is reported. A zero FinishedAt is one under way, or broken
// off. Removed counts rows by what they were.
type Housekeeping struct {
	ID         string
	Trigger    ReconcileTrigger
	StartedAt  time.Time
	FinishedAt time.Time
	Removed    map[Litter]int
}
