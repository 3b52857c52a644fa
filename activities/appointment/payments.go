package appointment

import (
	"context"
	"errors"
	"time"

	"github.com/careflow/careflow/activities/settlement"
	"github.com/careflow/careflow/internal/domain"
)

// PaymentStore keeps what the payment provider said.
type PaymentStore interface {
	PaymentWanted(ctx context.Context, id string, generation int) (wanted bool, recorded *domain.RecordedPayment, payBy time.Time, err error)
	RecordPayment(ctx context.Context, id string, generation int, intent domain.Intent, payable time.Time) (payBy time.Time, err error)
	Payments(ctx context.Context, id string) ([]domain.RecordedPayment, error)
	settlement.Books
	// OpenCase hands an intent's money over to its payment case.
	OpenCase(ctx context.Context, o domain.CaseOpening) error
	Transition(ctx context.Context, t domain.Transition) (domain.TransitionResult, error)
}

// PaymentProvider moves money. Errors are *domain.Error: CodeVendorUnavailable is worth
// another try with the same key, CodePaymentRefused and CodeVendorRejected are not.
type PaymentProvider interface {
	CreateIntent(ctx context.Context, r domain.IntentRequest) (domain.Intent, error)
	FindIntents(ctx context.Context, appointmentID string, createdAfter time.Time) ([]domain.Intent, error)
	Capture(ctx context.Context, id, key string) (domain.Intent, error)
	settlement.Provider
}

// Payments are the activities that move money. Each calls the provider and records the
// outcome before it ends: a crash in between is healed by the retry, for which the
// provider repeats its answer and the row its transition.
type Payments struct {
	store    PaymentStore
	provider PaymentProvider
	settler  *settlement.Settler
}

// NewPayments returns the activities on store and provider.
func NewPayments(store PaymentStore, provider PaymentProvider) *Payments {
	return &Payments{store: store, provider: provider, settler: settlement.New(store, provider, now)}
}

// keysForgotten is when the provider may have forgotten an idempotency key, with a
// margin: Stripe keeps them for at least 24 hours.
const keysForgotten = 23 * time.Hour

// OpenPayment creates the intent of one generation, or finds the one that an earlier
// attempt created, and records it with the end of the hold.
func (p *Payments) OpenPayment(ctx context.Context, in OpenPaymentInput) (OpenPaymentResult, error) {
	wanted, recorded, payBy, err := p.store.PaymentWanted(ctx, in.AppointmentID, in.Generation)
	if err != nil {
		return OpenPaymentResult{}, fault(err)
	}
	if recorded != nil {
		return OpenPaymentResult{Wanted: wanted, IntentID: recorded.IntentID, PayBy: payBy}, nil
	}
	if tooLate := !in.Until.IsZero() && !now().Before(in.Until); !wanted || tooLate {
		return OpenPaymentResult{Wanted: wanted}, nil
	}
	intent, err := p.intent(ctx, in)
	if err != nil {
		return OpenPaymentResult{}, fault(err)
	}
	payBy, err = p.store.RecordPayment(ctx, in.AppointmentID, in.Generation, intent, now())
	if err != nil {
		return OpenPaymentResult{}, fault(err)
	}
	return OpenPaymentResult{Wanted: true, IntentID: intent.ID, PayBy: payBy}, nil
}

func (p *Payments) intent(ctx context.Context, in OpenPaymentInput) (domain.Intent, error) {
	if in.Generation > 1 || now().Sub(in.BookedAt) > keysForgotten {
		known, err := p.provider.FindIntents(ctx, in.AppointmentID, in.BookedAt.Add(-time.Hour))
		if err != nil {
			return domain.Intent{}, err
		}
		for _, intent := range known {
			if intent.Generation == in.Generation && intent.Status != domain.PaymentCancelled {
				return intent, nil
			}
		}
	}
	return p.provider.CreateIntent(ctx, domain.IntentRequest{
		AppointmentID: in.AppointmentID, Generation: in.Generation, Amount: in.Amount,
		IdempotencyKey: openKey(in.AppointmentID, in.Generation),
	})
}

// ReadPayment asks the provider how an intent stands. It changes nothing.
func (p *Payments) ReadPayment(ctx context.Context, in ReadPaymentInput) (domain.PaymentFact, error) {
	intent, err := p.provider.GetIntent(ctx, in.IntentID)
	return domain.FactOf(intent), fault(err)
}

// CapturePayment takes the authorised money and moves the row. A refusal that will not
// change is a result, not an error: the process decides what follows.
func (p *Payments) CapturePayment(ctx context.Context, in CapturePaymentInput) (CapturePaymentResult, error) {
	intent, err := p.provider.Capture(ctx, in.IntentID, captureKey(in.Captured.AppointmentID, in.Generation))
	if domain.CodeOf(err) == domain.CodePaymentRefused {
		return CapturePaymentResult{Refusal: refusal(err)}, nil
	}
	if err != nil {
		return CapturePaymentResult{}, fault(err)
	}
	if intent.Status != domain.PaymentCaptured {
		return CapturePaymentResult{Refusal: string(intent.Status), Payment: domain.FactOf(intent)}, nil
	}
	t := in.Captured
	fact := domain.FactOf(intent)
	t.Payment = &fact
	moved, err := p.store.Transition(ctx, t)
	return CapturePaymentResult{Moved: moved, Payment: fact}, fault(err)
}

func refusal(err error) string {
	var e *domain.Error
	if errors.As(err, &e) && e.Detail != "" {
		return e.Detail
	}
	return string(domain.CodePaymentRefused)
}
