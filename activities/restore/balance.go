package restore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/careflow/careflow/internal/domain"
)

// Cases are the processes of payment cases, with what they had come to.
type Cases interface {
	// CasesSince returns those that were open at that time or began later, one an intent.
	CasesSince(ctx context.Context, at time.Time) ([]domain.CaseHistory, error)
}

// Balancer brings the books of an intent that has a case to where the provider is, and moves
// nothing.
type Balancer interface {
	Record(ctx context.Context, intentID string) error
}

// balance brings the payments of a visit to where the provider is, and their cases to where
// their processes are: what moved past the visit's own process. Nothing moves here. What is
// left to do, the cases' processes do when the fence is gone.
func (f *following) balance(ctx context.Context) error {
	if f.missing || (!f.stirred && len(f.cases) == 0) {
		return nil
	}
	books, err := f.rows.Payments(ctx, f.id)
	if err != nil {
		return err
	}
	for _, p := range books {
		err := f.balanceIntent(ctx, p)
		switch {
		case err == nil:
		case !refused(err):
			return err
		default:
			activity.GetLogger(ctx).Warn("the money of a visit could not be compared", "appointment_id", f.id, "intent_id", p.IntentID, "error", err)
			f.failed = true
		}
	}
	if f.books, err = f.rows.Payments(ctx, f.id); err != nil {
		return err
	}
	f.paid = !slices.EqualFunc(f.before, f.books, sameMoney)
	return nil
}

// sameMoney reports whether nothing was taken or given back between the two, and no case
// was opened or ended.
func sameMoney(a, b domain.RecordedPayment) bool {
	return a.IntentID == b.IntentID && a.Captured == b.Captured && a.Refunded == b.Refunded && a.ChargedBack == b.ChargedBack &&
		a.Case == b.Case && a.Resolved == b.Resolved
}

func (f *following) balanceIntent(ctx context.Context, p domain.RecordedPayment) error {
	now, err := f.payments.GetIntent(ctx, p.IntentID)
	if err != nil {
		return err
	}
	f.provider[p.IntentID] = now
	c := f.cases[p.IntentID]
	if kind, behind := domain.CaseBehind(f.last.Latest, p, now, c); behind {
		opening := domain.CaseOpening{AppointmentID: f.id, IntentID: p.IntentID, Kind: kind, At: time.Now().UTC()}
		if err := f.rows.RestoreCase(ctx, opening, c.Outcome == domain.OutcomeResolved); err != nil {
			return err
		}
		if err := f.balancer.Record(ctx, p.IntentID); err != nil {
			return err
		}
	}
	return f.told(ctx, p, c) // also where a try before this one was broken off
}

// told settles the letters about this money that had been handed over. One that nobody had
// told of yet stays owed.
func (f *following) told(ctx context.Context, p domain.RecordedPayment, c domain.CaseHistory) error {
	if c.BookedAt.IsZero() {
		return nil
	}
	for _, owing := range []string{"payment-refunded/" + p.IntentID + "/", fmt.Sprintf("payment-voided/%d", p.Generation)} {
		if err := f.rows.AgeMessages(ctx, f.id, owing, c.BookedAt); err != nil {
			return err
		}
	}
	for _, d := range append(slices.Clone(f.delivered), c.Delivered...) {
		if _, err := f.rows.SettleDelivered(ctx, f.id, d.At, d.Clean); err != nil {
			return err
		}
	}
	return nil
}

// money is what is known of a visit's payments.
func (f *following) money() []domain.LostPayment {
	list := make([]domain.LostPayment, 0, len(f.books)+len(f.cases))
	for _, p := range f.books {
		i, asked := f.provider[p.IntentID]
		if !asked {
			i = domain.Intent{ID: p.IntentID, Status: p.Status, Amount: p.Amount, Captured: p.Captured, Refunded: p.Refunded}
		}
		list = append(list, domain.LostPaymentOf(i, f.cases[p.IntentID]))
	}
	for id, c := range f.cases {
		if at(list, id) < 0 {
			list = append(list, domain.LostPaymentOf(domain.Intent{ID: id}, c))
		}
	}
	return list
}

// explain puts what the provider has for a visit beside what is known of it.
func (b *Books) explain(ctx context.Context, v *domain.LostVisit) error {
	intents, err := b.intentsOf(ctx, *v)
	for _, i := range intents {
		if known := at(v.Intents, i.ID); known >= 0 {
			v.Intents[known].PaymentFact, v.Intents[known].Amount = domain.FactOf(i), i.Amount
		} else {
			v.Intents = append(v.Intents, domain.LostPaymentOf(i, domain.CaseHistory{}))
		}
	}
	return err
}

func (b *Books) intentsOf(ctx context.Context, v domain.LostVisit) ([]domain.Intent, error) {
	if !v.BookedAt.IsZero() {
		return b.payments.FindIntents(ctx, v.AppointmentID, v.BookedAt.Add(-time.Hour))
	}
	var found []domain.Intent
	for _, known := range v.Intents {
		i, err := b.payments.GetIntent(ctx, known.IntentID)
		if err != nil && !refused(err) {
			return nil, err
		}
		if err == nil {
			found = append(found, i)
		}
	}
	return found, nil
}

func at(list []domain.LostPayment, intentID string) int {
	return slices.IndexFunc(list, func(p domain.LostPayment) bool { return p.IntentID == intentID })
}
