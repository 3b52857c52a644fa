package sandbox

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Config sets up a Sandbox. The zero Config works: it is in memory, accepts the
// default development keys and sends no webhooks.
type Config struct {
	// StripeKey is the secret key callers must send. Defaults to DefaultStripeKey.
	StripeKey string
	// SendGridKey is the API key callers must send. Defaults to DefaultSendGridKey.
	SendGridKey string
	// WebhookURL is where Stripe's events are sent. Empty: they are not sent.
	WebhookURL string
	// WebhookSecret signs the events. Defaults to DefaultWebhookSecret.
	WebhookSecret string
	// WebhookEvents are the types of events that were chosen for the endpoint. Empty: all.
	WebhookEvents []string
	// MailWebhookURL is where SendGrid's events are sent, signed by DefaultMailEventKey's
	// other half. Empty: there are none.
	MailWebhookURL string
	// StatePath is a file that keeps the state over restarts, kill -9 included.
	// Empty: memory only.
	StatePath string
	// Now is the vendors' clock. Defaults to time.Now.
	Now func() time.Time
	// AuthorisationWindow is how long held funds stay. Defaults to 7 days.
	AuthorisationWindow time.Duration
	// KeyRetention is how long an idempotency key is remembered. Defaults to 24 hours.
	KeyRetention time.Duration
	// WebhookBackoff returns the pause after the n-th failed delivery, n from 1.
	// Defaults to doubling from 1 s up to 1 min.
	WebhookBackoff func(n int) time.Duration
	// WebhookAttempts bounds the deliveries of one event. Defaults to 100.
	WebhookAttempts int
	// Log takes what happened, without keys, secrets or personal data. Defaults to
	// no log.
	Log *slog.Logger
}

// Keys that a Sandbox accepts when its Config names none.
const (
	DefaultStripeKey     = "sk_test_careflow_sandbox"
	DefaultSendGridKey   = "SG.careflow-sandbox"
	DefaultWebhookSecret = "whsec_careflow_sandbox" //nolint:gosec // public on purpose: it protects nothing
)

// Sandbox is one account at each vendor. All methods are safe for concurrent use.
type Sandbox struct {
	cfg    Config
	mux    *http.ServeMux
	faults *faultBoard
	hooks  *dispatcher
	store  store

	mu      sync.Mutex
	state   state
	running map[string]bool // idempotency keys whose request is being executed
	// refundsPend keeps new refunds on their way.
	refundsPend bool
	changed     chan struct{} // closed and replaced at each change

	ctx    context.Context //nolint:containedctx // ends the background work at Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New opens a Sandbox. Its webhooks are delivered in the background until Close.
func New(cfg Config) (*Sandbox, error) {
	cfg.StripeKey = cmp.Or(cfg.StripeKey, DefaultStripeKey)
	cfg.SendGridKey = cmp.Or(cfg.SendGridKey, DefaultSendGridKey)
	cfg.WebhookSecret = cmp.Or(cfg.WebhookSecret, DefaultWebhookSecret)
	cfg.AuthorisationWindow = cmp.Or(cfg.AuthorisationWindow, 7*24*time.Hour)
	cfg.KeyRetention = cmp.Or(cfg.KeyRetention, 24*time.Hour)
	cfg.WebhookAttempts = cmp.Or(cfg.WebhookAttempts, 100)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.WebhookBackoff == nil {
		cfg.WebhookBackoff = func(n int) time.Duration { return min(time.Second<<min(n-1, 6), time.Minute) }
	}
	st, err := openStore(cfg.StatePath)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{
		cfg:     cfg,
		store:   st,
		faults:  newFaultBoard(),
		running: map[string]bool{},
		changed: make(chan struct{}),
	}
	if s.state, err = st.load(); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.hooks = newDispatcher(s)
	s.routes()
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		s.hooks.run(s.ctx)
	}()
	return s, nil
}

// Handler serves both vendors' APIs, the pages and the control API.
func (s *Sandbox) Handler() http.Handler { return s.mux }

// Close stops the webhooks, lets go of held requests and closes the state file.
func (s *Sandbox) Close() error {
	s.cancel()
	s.wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.close()
}

// SetWebhook changes where events are sent, for receivers whose address is known only
// after the Sandbox runs. An empty secret keeps the present one.
func (s *Sandbox) SetWebhook(url, secret string) {
	s.mu.Lock()
	s.cfg.WebhookURL = url
	s.cfg.WebhookSecret = cmp.Or(secret, s.cfg.WebhookSecret)
	s.mu.Unlock()
	s.hooks.wake()
}

// SetMailWebhook changes where SendGrid's events are sent.
func (s *Sandbox) SetMailWebhook(url string) {
	s.mu.Lock()
	s.cfg.MailWebhookURL = url
	s.mu.Unlock()
	s.hooks.wake()
}

// Wait returns once met holds, looking again after each change of state, or with the
// context's error.
func (s *Sandbox) Wait(ctx context.Context, met func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if met() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// update runs fn with the state locked and stores what it touched before anyone can
// see it: a kill between the effect and the answer loses neither.
func (s *Sandbox) update(fn func(*tx)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &tx{s: s, now: s.cfg.Now().UTC()}
	s.lapse(t)
	fn(t)
	if err := s.store.write(t.dirty); err != nil {
		// A stand-in that forgets what it answered would make tests lie.
		panic("sandbox: cannot store its state: " + err.Error())
	}
	if len(t.dirty) > 0 {
		close(s.changed)
		s.changed = make(chan struct{})
	}
	if t.events > 0 {
		s.hooks.wake()
	}
}
