package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/careflow/careflow/internal/domain"
)

// DefaultPasswordParallel is how many passwords are hashed at once: each takes 19 MiB
// and a core for some 30 ms.
const DefaultPasswordParallel = 4

// passwordWait is how long a log-in queues for its turn before it is turned away.
const passwordWait = 2 * time.Second

// params are OWASP's first choice for argon2id: 19 MiB, two passes, one lane
// (Password Storage Cheat Sheet).
var params = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// HashPassword returns the argon2id hash of a password, encoded with its parameters.
func HashPassword(password string) (string, error) {
	hash, err := argon2id.CreateHash(password, params)
	if err != nil {
		return "", fmt.Errorf("auth: hash a password: %w", err)
	}
	return hash, nil
}

// Passwords checks passwords, a bounded number at once: argon2id is costly on purpose,
// and a rush of log-ins must not take the machine from everything else.
type Passwords struct {
	turns chan struct{}
	wait  time.Duration
	// decoy is compared with when there is no account, so that the time an answer takes
	// does not tell which addresses are known.
	decoy string
}

// NewPasswords makes a checker of at most cfg.PasswordParallel passwords at once.
func NewPasswords(cfg Config) (*Passwords, error) {
	n := cfg.PasswordParallel
	if n <= 0 {
		n = DefaultPasswordParallel
	}
	decoy, err := HashPassword("no account has this password: it is not stored")
	if err != nil {
		return nil, err
	}
	return &Passwords{turns: make(chan struct{}, n), wait: passwordWait, decoy: decoy}, nil
}

// Check reports whether password belongs to hash. An empty or unreadable hash costs the
// same work and never matches. CodeTooMany: too many log-ins wait already.
func (p *Passwords) Check(ctx context.Context, password, hash string) (bool, error) {
	release, err := p.turn(ctx)
	if err != nil {
		return false, err
	}
	defer release()

	known := true
	if _, _, _, err := argon2id.DecodeHash(hash); err != nil {
		hash, known = p.decoy, false
	}
	match, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("auth: compare a password: %w", err)
	}
	return match && known, nil
}

// Hash is HashPassword in its turn. CodeTooMany: too many wait already.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	release, err := p.turn(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return HashPassword(password)
}

// passwordAlphabet leaves out what is misread on paper and on the phone.
const passwordAlphabet = "23456789abcdefghjkmnpqrstuvwxyz"

// NewPassword makes a password to hand over: four groups of five characters, 99 bit.
func NewPassword() string {
	var b strings.Builder
	for i := range 20 {
		if i > 0 && i%5 == 0 {
			b.WriteByte('-')
		}
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(passwordAlphabet))))
		if err != nil {
			panic(err) // the system's source of chance never fails
		}
		b.WriteByte(passwordAlphabet[n.Int64()])
	}
	return b.String()
}

func (p *Passwords) turn(ctx context.Context) (release func(), err error) {
	release = func() { <-p.turns }
	select {
	case p.turns <- struct{}{}:
		return release, nil
	default:
	}
	patience := time.NewTimer(p.wait)
	defer patience.Stop()
	select {
	case p.turns <- struct{}{}:
		return release, nil
	case <-patience.C:
		return nil, domain.Errorf(domain.CodeTooMany, "many log-ins are under way: try again in a moment")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
