package auth

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/careflow/careflow/internal/domain"
)

// Defaults of Config.
const (
	DefaultIssuer   = "careflow"
	DefaultAudience = "careflow-api"
	DefaultTTL      = 15 * time.Minute
)

// leeway forgives clocks of replicas that disagree a little.
const leeway = 5 * time.Second

// Config says how tokens are made and checked.
type Config struct {
	// Keys is the signing key ring: the first key signs, every key verifies. Required.
	Keys []Key
	// Issuer is the iss claim. Defaults to DefaultIssuer.
	Issuer string
	// Audience is the aud claim. Defaults to DefaultAudience.
	Audience string
	// TTL is how long a token is valid. Defaults to DefaultTTL.
	TTL time.Duration
	// Clock tells the time. Defaults to time.Now.
	Clock func() time.Time
	// PasswordParallel is how many passwords are hashed at once. Defaults to
	// DefaultPasswordParallel.
	PasswordParallel int
}

// Token is a log-in in text form.
type Token struct {
	Text      string
	ExpiresAt time.Time // UTC
	ExpiresIn time.Duration
}

// String keeps the token out of logs.
func (t Token) String() string { return "token until " + t.ExpiresAt.Format(time.RFC3339) }

// Tokens issues and verifies access tokens. It is safe for concurrent use.
type Tokens struct {
	cfg      Config
	signKey  ed25519.PrivateKey
	signID   string
	public   []PublicKey
	verifyBy map[string]ed25519.PublicKey
	parser   *jwt.Parser
}

type claims struct {
	jwt.RegisteredClaims
	Roles     []domain.Role `json:"roles"`
	DoctorID  string        `json:"doctor_id,omitempty"`
	SessionID string        `json:"sid"`
}

// PublicKey is what others need to verify tokens of a key.
type PublicKey struct {
	ID  string // kid
	Key ed25519.PublicKey
}

// NewTokens checks the key ring and makes an issuer of it.
func NewTokens(cfg Config) (*Tokens, error) {
	if len(cfg.Keys) == 0 {
		return nil, errors.New("auth: at least one signing key is needed")
	}
	if cfg.Issuer == "" {
		cfg.Issuer = DefaultIssuer
	}
	if cfg.Audience == "" {
		cfg.Audience = DefaultAudience
	}
	if cfg.TTL == 0 {
		cfg.TTL = DefaultTTL
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	t := &Tokens{cfg: cfg, signID: cfg.Keys[0].ID, verifyBy: make(map[string]ed25519.PublicKey, len(cfg.Keys))}
	for i, k := range cfg.Keys {
		private, err := k.private()
		if err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		if _, twice := t.verifyBy[k.ID]; twice {
			return nil, fmt.Errorf("auth: signing key %q is listed twice", k.ID)
		}
		if i == 0 {
			t.signKey = private
		}
		t.verifyBy[k.ID] = private.Public().(ed25519.PublicKey)
		t.public = append(t.public, PublicKey{ID: k.ID, Key: t.verifyBy[k.ID]})
	}
	t.parser = jwt.NewParser(
		// The algorithm is pinned here and never taken from the token.
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(cfg.Issuer),
		jwt.WithAudience(cfg.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(cfg.Clock),
	)
	return t, nil
}

// PublicKeys lists the keys of the ring, the one that signs first.
func (t *Tokens) PublicKeys() []PublicKey { return slices.Clone(t.public) }

// Issue makes a token for a session of an account. It holds IDs and roles, nothing
// personal.
func (t *Tokens) Issue(a domain.Account, sessionID string) (Token, error) {
	now := t.cfg.Clock().UTC()
	expires := now.Add(t.cfg.TTL)
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: t.cfg.Issuer, Subject: a.ID, Audience: jwt.ClaimStrings{t.cfg.Audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Roles:     a.Roles,
		DoctorID:  a.DoctorID,
		SessionID: sessionID,
	})
	token.Header["kid"] = t.signID
	text, err := token.SignedString(t.signKey)
	if err != nil {
		return Token{}, fmt.Errorf("auth: sign a token: %w", err)
	}
	return Token{Text: text, ExpiresAt: expires, ExpiresIn: t.cfg.TTL}, nil
}

// Verify returns the caller a token speaks for, as of when it was issued; whether its
// session goes on is for the database to say. Every failure is the same
// CodeUnauthenticated; the cause is for the log only.
func (t *Tokens) Verify(text string) (domain.Caller, error) {
	var c claims
	if _, err := t.parser.ParseWithClaims(text, &c, t.key); err != nil {
		return domain.Caller{}, unauthenticated(err)
	}
	if c.Subject == "" || c.SessionID == "" {
		return domain.Caller{}, unauthenticated(errors.New("no subject or no session"))
	}
	// A role that this version does not know grants nothing.
	roles := slices.DeleteFunc(c.Roles, func(r domain.Role) bool { return !slices.Contains(domain.Roles(), r) })
	return domain.Caller{UserID: c.Subject, Roles: roles, DoctorID: c.DoctorID, SessionID: c.SessionID}, nil
}

// ExpiresAt returns until when a token is good. Errors are those of Verify.
func (t *Tokens) ExpiresAt(text string) (time.Time, error) {
	var c claims
	if _, err := t.parser.ParseWithClaims(text, &c, t.key); err != nil {
		return time.Time{}, unauthenticated(err)
	}
	if c.ExpiresAt == nil {
		return time.Time{}, unauthenticated(errors.New("no end"))
	}
	return c.ExpiresAt.Time, nil
}

func (t *Tokens) key(token *jwt.Token) (any, error) {
	kid, _ := token.Header["kid"].(string)
	public, ok := t.verifyBy[kid]
	if !ok {
		return nil, errors.New("unknown kid")
	}
	return public, nil
}

func unauthenticated(cause error) error {
	return domain.Errorf(domain.CodeUnauthenticated, "the access token is not valid or over: log in again").Because(cause)
}
