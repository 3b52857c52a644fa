package payments

import (
	"context"

	"github.com/stripe/stripe-go/v76"

	"github.com/careflow/careflow/internal/domain"
)

// Refund gives money back. It first looks for the refund that this key asked for
// before, which holds also after Stripe forgot the key; a failed one is returned as it
// is, and trying again takes a new key. Refunding more than is left is refused.
func (s *Stripe) Refund(ctx context.Context, req domain.RefundRequest) (domain.Refund, error) {
	done := func() (domain.Refund, bool, error) { return s.findRefund(ctx, req) }
	if earlier, ok, err := done(); ok || err != nil {
		return earlier, err
	}
	return withKey(req.IdempotencyKey, done, func(key string) (domain.Refund, error) {
		p := &stripe.RefundParams{
			Params:        params(ctx, key),
			PaymentIntent: stripe.String(req.IntentID),
			Amount:        stripe.Int64(req.Minor),
		}
		p.AddMetadata(metaAppointment, req.AppointmentID)
		p.AddMetadata(metaRefundKey, req.IdempotencyKey)
		r, err := s.api.Refunds.New(p)
		if err != nil {
			return domain.Refund{}, classify(err)
		}
		return refundOf(r), nil
	})
}

func (s *Stripe) findRefund(ctx context.Context, req domain.RefundRequest) (domain.Refund, bool, error) {
	p := &stripe.RefundListParams{PaymentIntent: stripe.String(req.IntentID)}
	p.Context = ctx
	p.Limit = stripe.Int64(100)
	it := s.api.Refunds.List(p)
	for it.Next() {
		if r := it.Refund(); r.Metadata[metaRefundKey] == req.IdempotencyKey {
			return refundOf(r), true, nil
		}
	}
	if err := it.Err(); err != nil {
		return domain.Refund{}, false, classify(err)
	}
	return domain.Refund{}, false, nil
}

func refundOf(r *stripe.Refund) domain.Refund {
	return domain.Refund{ID: r.ID, Status: string(r.Status), Minor: r.Amount}
}
