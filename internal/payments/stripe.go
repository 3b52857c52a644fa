// Package payments adapts Stripe to the payment types of internal/domain, through
// stripe-go v76, which speaks API version 2023-10-16.
//
// Nothing about a person goes to Stripe: its metadata holds our IDs only.
package payments

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/telemetry"
)

// Config sets up the adapter.
type Config struct {
	// Key is Stripe's secret key.
	Key string
	// URL is the API's base. Defaults to https://api.stripe.com.
	URL string
	// WebhookSecret verifies webhooks; several, separated by commas, while it is
	// being rolled.
	WebhookSecret string
	// Timeout bounds one request. Defaults to 20 s.
	Timeout time.Duration
	// HTTP replaces the HTTP client, for tests; Timeout does not apply to it.
	HTTP *http.Client
}

// Metadata keys of intents and refunds.
const (
	metaAppointment = "appointment_id"
	metaGeneration  = "generation"
	metaRefundKey   = "refund_key"
)

// Stripe is safe for concurrent use. Its errors are *domain.Error with one of the
// codes payment_refused, vendor_unavailable and vendor_rejected; see classify.
type Stripe struct {
	api     *client.API
	secrets []string
}

// New makes an adapter. It opens no connection.
func New(cfg Config) *Stripe {
	if cfg.URL == "" {
		cfg.URL = stripe.APIURL
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: cfg.Timeout, Transport: telemetry.Transport("stripe", http.DefaultTransport)}
	}
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL:        stripe.String(strings.TrimRight(cfg.URL, "/")),
		HTTPClient: cfg.HTTP,
		// Retries belong to the workflow, which knows deadlines and can be watched.
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
		// The library logs whole error objects; ours are logged by the caller.
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	s := &Stripe{api: client.New(cfg.Key, &stripe.Backends{API: backend, Connect: backend, Uploads: backend})}
	for secret := range strings.SplitSeq(cfg.WebhookSecret, ",") {
		if secret = strings.TrimSpace(secret); secret != "" {
			s.secrets = append(s.secrets, secret)
		}
	}
	return s
}

// CreateIntent makes a PaymentIntent with manual capture, payable by card. The same
// key and request give the same intent for 24 hours; after that, look with FindIntents
// before asking again.
func (s *Stripe) CreateIntent(ctx context.Context, req domain.IntentRequest) (domain.Intent, error) {
	if err := req.Amount.Validate(); err != nil {
		return domain.Intent{}, err
	}
	started := time.Now()
	done := func() (domain.Intent, bool, error) {
		// A failure is stored for 24 hours, so what it left behind is no older; the
		// hour is for clocks that differ.
		found, err := s.FindIntents(ctx, req.AppointmentID, started.Add(-25*time.Hour))
		for _, i := range found {
			if i.Generation == req.Generation && i.Amount == req.Amount {
				return i, true, err
			}
		}
		return domain.Intent{}, false, err
	}
	return withKey(req.IdempotencyKey, done, func(key string) (domain.Intent, error) {
		p := &stripe.PaymentIntentParams{
			Params:             params(ctx, key),
			Amount:             stripe.Int64(req.Amount.Minor),
			Currency:           stripe.String(strings.ToLower(req.Amount.Currency)),
			CaptureMethod:      stripe.String(string(stripe.PaymentIntentCaptureMethodManual)),
			PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		}
		p.AddMetadata(metaAppointment, req.AppointmentID)
		p.AddMetadata(metaGeneration, strconv.Itoa(req.Generation))
		pi, err := s.api.PaymentIntents.New(p)
		return result(pi, err)
	})
}

// FindIntents lists the intents of an appointment that were created at createdAfter or
// later, newest first. It reads Stripe's list, which shows what was just written; its
// search does not.
func (s *Stripe) FindIntents(ctx context.Context, appointmentID string, createdAfter time.Time) ([]domain.Intent, error) {
	p := &stripe.PaymentIntentListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: createdAfter.Unix()}}
	p.Context = ctx
	p.Limit = stripe.Int64(100)
	p.AddExpand("data.latest_charge")
	var found []domain.Intent
	it := s.api.PaymentIntents.List(p)
	for it.Next() {
		if pi := it.PaymentIntent(); pi.Metadata[metaAppointment] == appointmentID {
			found = append(found, intentOf(pi))
		}
	}
	if err := it.Err(); err != nil {
		return nil, classify(err)
	}
	return found, nil
}

// GetIntent reads an intent with its latest charge.
func (s *Stripe) GetIntent(ctx context.Context, id string) (domain.Intent, error) {
	p := &stripe.PaymentIntentParams{Params: stripe.Params{Context: ctx}}
	p.AddExpand("latest_charge")
	return result(s.api.PaymentIntents.Get(id, p))
}

// Capture takes the held money. An intent that is captured already is returned as it
// is; one that cannot be captured any more is refused.
func (s *Stripe) Capture(ctx context.Context, id, key string) (domain.Intent, error) {
	done := s.reached(ctx, id, domain.PaymentCaptured)
	intent, err := withKey(key, done, func(key string) (domain.Intent, error) {
		p := &stripe.PaymentIntentCaptureParams{Params: params(ctx, key)}
		p.AddExpand("latest_charge")
		return result(s.api.PaymentIntents.Capture(id, p))
	})
	return settle(intent, err, done)
}

// Cancel lets held money go, or ends an intent nobody paid. An intent that is
// cancelled or captured already is returned as it is: look at its status.
func (s *Stripe) Cancel(ctx context.Context, id, key string) (domain.Intent, error) {
	done := s.reached(ctx, id, domain.PaymentCancelled, domain.PaymentCaptured)
	intent, err := withKey(key, done, func(key string) (domain.Intent, error) {
		p := &stripe.PaymentIntentCancelParams{Params: params(ctx, key)}
		p.AddExpand("latest_charge")
		return result(s.api.PaymentIntents.Cancel(id, p))
	})
	return settle(intent, err, done)
}

// reached returns a look at the intent that reports whether it is in one of statuses.
func (s *Stripe) reached(ctx context.Context, id string, statuses ...domain.PaymentStatus) look[domain.Intent] {
	return func() (domain.Intent, bool, error) {
		intent, err := s.GetIntent(ctx, id)
		for _, want := range statuses {
			if err == nil && intent.Status == want {
				return intent, true, nil
			}
		}
		return domain.Intent{}, false, err
	}
}

// settle turns "the intent's state does not allow it" into the intent, where that is
// the very state that was asked for.
func settle(intent domain.Intent, err error, done look[domain.Intent]) (domain.Intent, error) {
	if !unexpectedState(err) {
		return intent, err
	}
	now, ok, lookErr := done()
	switch {
	case lookErr != nil:
		return domain.Intent{}, lookErr
	case ok:
		return now, nil
	}
	return domain.Intent{}, err
}

func params(ctx context.Context, key string) stripe.Params {
	return stripe.Params{Context: ctx, IdempotencyKey: stripe.String(key)}
}

func result(pi *stripe.PaymentIntent, err error) (domain.Intent, error) {
	if err != nil {
		return domain.Intent{}, classify(err)
	}
	return intentOf(pi), nil
}
