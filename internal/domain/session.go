package domain

import (
	"errors"
	"time"
)

// How long log-ins last.
const (
	// SessionIdle is how long a refresh token that is not used is good for.
	SessionIdle = 14 * 24 * time.Hour
	// SessionLife is when a device has to log in again, however often it was used.
	SessionLife = 90 * 24 * time.Hour
	// RefreshGrace is how long the answer to a refresh can be asked for again: long
	// enough for a client whose connection broke, too short for a token found later.
	RefreshGrace = 30 * time.Second
	// SessionKept is how long sessions that ended are kept to look into.
	SessionKept = 90 * 24 * time.Hour
)

// ErrTokenReused is the cause of a refusal that ended a session: for the log and the
// account's history, never for the answer.
var ErrTokenReused = errors.New("a refresh token was presented twice: its session ended")

// Session is a log-in on one device, as its owner sees it.
type Session struct {
	ID         string
	Device     string // browser and system in a few words
	CreatedAt  time.Time
	LastUsedAt time.Time // log-in or last refresh
	ExpiresAt  time.Time
}

// NewSession is a log-in that succeeded. Origin is a keyed hash of the network address,
// TokenHash the hash of the first refresh token.
type NewSession struct {
	AccountID string
	// PasswordHash is the one that was checked: the account must still have it.
	PasswordHash string
	Device       string
	Origin       []byte
	TokenHash    []byte
	Now          time.Time // UTC
}

// OpenedSession says what a log-in or a refresh led to.
type OpenedSession struct {
	ID      string
	Account Account
	// Salt makes the successor out of the token that was presented (refresh only): the
	// rotation's own, or that of the answer which is given again.
	Salt []byte
	// TokenExpiresAt is until when the newest refresh token is good, UTC.
	TokenExpiresAt time.Time
}

// Rotation trades a refresh token in: Hash is the presented token's, NextHash its
// successor's under Salt.
type Rotation struct {
	Hash     []byte
	Salt     []byte
	NextHash []byte
	Origin   []byte
	Now      time.Time // UTC
}

// RefreshState is what is known of a presented token. Zero times have not happened.
type RefreshState struct {
	ExpiresAt        time.Time
	UsedAt           time.Time
	NextUsedAt       time.Time // its successor was traded in
	SessionEndedAt   time.Time
	SessionExpiresAt time.Time
}

// RefreshVerdict is what becomes of a presented token.
type RefreshVerdict int

// The verdicts.
const (
	RefreshOver   RefreshVerdict = iota // log in again
	RefreshRotate                       // good: it gets a successor
	RefreshRepeat                       // the answer was lost on the way: the same successor again
	RefreshReused                       // two hold it, so one of them stole it: the session ends
)

// Judge decides about a presented token at an instant. A token that was used is good only
// shortly, and only as long as nobody has shown the successor: then the answer arrived.
func (s RefreshState) Judge(now time.Time) RefreshVerdict {
	switch {
	case !s.SessionEndedAt.IsZero() || !now.Before(s.SessionExpiresAt):
		return RefreshOver
	case !s.UsedAt.IsZero() && s.NextUsedAt.IsZero() && now.Before(s.UsedAt.Add(RefreshGrace)):
		return RefreshRepeat
	case !s.UsedAt.IsZero():
		return RefreshReused
	case !now.Before(s.ExpiresAt):
		return RefreshOver
	}
	return RefreshRotate
}

// RefreshUntil is how long a refresh token issued now is good for in a session that ends
// at sessionEnd.
func RefreshUntil(now, sessionEnd time.Time) time.Time {
	if idle := now.Add(SessionIdle); idle.Before(sessionEnd) {
		return idle
	}
	return sessionEnd
}
