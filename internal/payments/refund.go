package payments

import (
	"context"
	"slices"
	"time"

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
	all, err := s.ListRefunds(ctx, req.IntentID)
	for _, r := range all {
		if r.Key == req.IdempotencyKey {
			return r, true, err
		}
	}
	return domain.Refund{}, false, err
}

// ListRefunds returns the refunds of an intent, oldest first, those made by hand included.
func (s *Stripe) ListRefunds(ctx context.Context, intentID string) ([]domain.Refund, error) {
	p := &stripe.RefundListParams{PaymentIntent: stripe.String(intentID)}
	p.Context = ctx
	p.Limit = stripe.Int64(100)
	var all []domain.Refund
	it := s.api.Refunds.List(p)
	for it.Next() {
		all = append(all, refundOf(it.Refund()))
	}
	if err := it.Err(); err != nil {
		return nil, classify(err)
	}
	slices.Reverse(all) // Stripe lists the newest first
	return all, nil
}

// ListDisputes returns the disputes of an intent, oldest first.
func (s *Stripe) ListDisputes(ctx context.Context, intentID string) ([]domain.Dispute, error) {
	p := &stripe.DisputeListParams{PaymentIntent: stripe.String(intentID)}
	p.Context = ctx
	p.Limit = stripe.Int64(100)
	var all []domain.Dispute
	it := s.api.Disputes.List(p)
	for it.Next() {
		all = append(all, disputeOf(it.Dispute()))
	}
	if err := it.Err(); err != nil {
		return nil, classify(err)
	}
	slices.Reverse(all)
	return all, nil
}

func disputeOf(d *stripe.Dispute) domain.Dispute {
	out := domain.Dispute{ID: d.ID, Status: string(d.Status), Reason: string(d.Reason), Minor: d.Amount}
	if e := d.EvidenceDetails; e != nil && e.DueBy != 0 && out.NeedsEvidence() {
		out.EvidenceBy = time.Unix(e.DueBy, 0).UTC()
	}
	return out
}

func refundOf(r *stripe.Refund) domain.Refund {
	return domain.Refund{ID: r.ID, Status: string(r.Status), Minor: r.Amount, Key: r.Metadata[metaRefundKey]}
}
