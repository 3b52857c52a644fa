package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Receipts returns an appointment's receipts in the order of their numbers.
func (s *Store) Receipts(ctx context.Context, scope domain.Scope, id string) ([]domain.Receipt, error) {
	if err := s.visible(ctx, scope, id); err != nil {
		return nil, err
	}
	rows, err := s.q.ReceiptsOf(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the receipts: %w", err)
	}
	receipts := make([]domain.Receipt, 0, len(rows))
	for _, r := range rows {
		receipts = append(receipts, domain.Receipt{
			Number: r.Number, Kind: domain.ReceiptKind(r.Kind), IssuedAt: r.IssuedAt.UTC(),
			Amount: domain.Money{Minor: r.AmountMinor, Currency: r.Currency},
		})
	}
	return receipts, nil
}

// bookMoney writes down what the provider said of an intent, and issues a receipt for
// money that was taken or went back since the books were written last. The numbers are
// taken last in the transaction, as far as that goes: whoever comes next waits for them.
func bookMoney(ctx context.Context, q *db.Queries, p domain.PaymentFact, at time.Time) error {
	before, err := q.MoneyOfIntent(ctx, p.IntentID)
	if err != nil {
		return missing(err, "payment")
	}
	if err := updatePayment(ctx, q, p); err != nil {
		return err
	}
	for _, moved := range []struct {
		kind  domain.ReceiptKind
		minor int64
	}{
		{domain.ReceiptPayment, p.Captured - before.CapturedMinor},
		{domain.ReceiptRefund, p.Refunded - before.RefundedMinor},
	} {
		if moved.minor <= 0 {
			continue
		}
		if err := issueReceipt(ctx, q, before, p.IntentID, moved.kind, moved.minor, at); err != nil {
			return err
		}
	}
	return nil
}

func issueReceipt(ctx context.Context, q *db.Queries, of db.MoneyOfIntentRow, intentID string, kind domain.ReceiptKind, minor int64, at time.Time) error {
	number, err := q.TakeReceiptNumber(ctx, of.ClinicID)
	if err != nil {
		return fmt.Errorf("numbering a receipt: %w", err)
	}
	err = q.InsertReceipt(ctx, db.InsertReceiptParams{
		ClinicID: of.ClinicID, Number: number, AppointmentID: of.AppointmentID, Kind: string(kind),
		AmountMinor: minor, Currency: of.Currency, IntentID: intentID, IssuedAt: at,
	})
	if err != nil {
		return fmt.Errorf("issuing a receipt: %w", err)
	}
	return nil
}
