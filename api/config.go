package api

import (
	"crypto/ed25519"
	"errors"
	"time"
)

// Config says how the API serves.
type Config struct {
	// Address is where to listen, host:port. Port 0 takes a free one; Server.Addr tells it.
	Address string
	// PublicURL is how callers reach the API; https:// turns on HSTS.
	PublicURL string
	// CommandKey is the HMAC key that makes update IDs out of idempotency keys. Required,
	// at least 32 bytes, and the same on each replica.
	CommandKey []byte
	// CommandWait is how long a command's outcome is waited for before 202, where the
	// caller does not say. Defaults to 5 s.
	CommandWait time.Duration
	// PublishableKey is the payment provider's public key, shown beside a client secret.
	PublishableKey string
	// StripeScriptURL is where browsers load Stripe.js from, without the slash at its end.
	// Defaults to Stripe's own.
	StripeScriptURL string
	// PayURL is a clinic's own page to pay on, with {intent} where the payment's ID goes;
	// empty: ours.
	PayURL string
	// TrustedProxies are the addresses or networks (CIDR) of proxies whose X-Forwarded-For
	// is believed. Defaults to none: the address of the connection counts.
	TrustedProxies []string
	// Tracing begins a trace for each request.
	Tracing bool
	// BackupTargets are the names of what is saved; none: this installation saves nothing.
	BackupTargets []string
	// ApprovalKey signs people's words to jobs, and ApprovalKeyID names it: the workers hold
	// its public half. Without one no word can be given.
	ApprovalKeyID string
	ApprovalKey   ed25519.PrivateKey
	// Release is the digest of the release that answers, for the header X-Careflow-Release;
	// empty: none.
	Release string
	// BackupLimit is how old the newest proven backup of a target may be. Defaults to 26 h.
	BackupLimit time.Duration
	// RequestTimeout bounds a request, without the wait it asks for. Defaults to 10 s.
	RequestTimeout time.Duration
	// EvenTime is how long an answer takes at least that must not tell, by its time, whether
	// there is an account. Longer than the work behind it. Defaults to 400 ms.
	EvenTime time.Duration
	// MaxCommands is how many commands are carried out at once; further ones get 429.
	// Defaults to 32.
	MaxCommands int
	// MaxWaits is how many requests wait for news at once; further ones are answered with
	// what is there. Defaults to 256.
	MaxWaits int
	// PollInterval is the longest pause between two looks while a request waits.
	// Defaults to 250 ms; the first pauses are shorter.
	PollInterval time.Duration
	// MaxStreams is how many streams of live news one process serves at once, and
	// MaxAccountStreams how many of one account; further ones get 429. Default to 500
	// and 10.
	MaxStreams        int
	MaxAccountStreams int
	// StreamInterval is how often the news of all streams is looked for, by one query.
	// Defaults to 1 s.
	StreamInterval time.Duration
	// StreamHeartbeat is the longest silence on a stream, so that proxies keep it open.
	// Defaults to 15 s.
	StreamHeartbeat time.Duration
	// StreamAge is the longest that one connection streams; clients connect again where
	// it left off. Defaults to 1 h; an access token ends it earlier.
	StreamAge time.Duration
	// RememberCaller is how long the check of an access token and its session holds for
	// further requests with the same token. Defaults to 1 s; negative: for this one only.
	RememberCaller time.Duration
	// Clock tells the time. Defaults to time.Now.
	Clock func() time.Time
}

// stripeScript is Stripe's library for browsers.
const stripeScript = "https://js.stripe.com/v3"

// minCommandKey is the shortest HMAC key, in bytes.
const minCommandKey = 32

func (c Config) withDefaults() Config {
	if c.StripeScriptURL == "" {
		c.StripeScriptURL = stripeScript
	}
	if c.CommandWait == 0 {
		c.CommandWait = 5 * time.Second
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 10 * time.Second
	}
	if c.EvenTime == 0 {
		c.EvenTime = 400 * time.Millisecond
	}
	if c.MaxCommands == 0 {
		c.MaxCommands = 32
	}
	if c.MaxWaits == 0 {
		c.MaxWaits = 256
	}
	if c.PollInterval == 0 {
		c.PollInterval = 250 * time.Millisecond
	}
	if c.MaxStreams == 0 {
		c.MaxStreams = 500
	}
	if c.MaxAccountStreams == 0 {
		c.MaxAccountStreams = 10
	}
	if c.StreamInterval == 0 {
		c.StreamInterval = time.Second
	}
	if c.StreamHeartbeat == 0 {
		c.StreamHeartbeat = 15 * time.Second
	}
	if c.StreamAge == 0 {
		c.StreamAge = time.Hour
	}
	if c.RememberCaller == 0 {
		c.RememberCaller = time.Second
	}
	if c.BackupLimit == 0 {
		c.BackupLimit = defaultBackupLimit
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

func (c Config) validate() error {
	if c.Address == "" {
		return errors.New("api: an address to listen on is needed")
	}
	if len(c.CommandKey) < minCommandKey {
		return errors.New("api: the command key has at least 32 bytes")
	}
	return nil
}

// wait is how long the outcome of a request with this Prefer header is waited for.
func (c Config) wait(prefer string) time.Duration {
	if wait, asked := preferredWait(prefer); asked {
		return wait
	}
	return c.CommandWait
}
