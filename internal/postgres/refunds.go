package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// Refunds returns the refunds of an intent that we know of, in the order of their numbers.
func (s *Store) Refunds(ctx context.Context, intentID string) ([]domain.RecordedRefund, error) {
	return refundsOf(ctx, s.q, intentID)
}

func refundsOf(ctx context.Context, q *db.Queries, intentID string) ([]domain.RecordedRefund, error) {
	rows, err := q.RefundsOf(ctx, intentID)
	if err != nil {
		return nil, fmt.Errorf("reading the refunds: %w", err)
	}
	known := make([]domain.RecordedRefund, 0, len(rows))
	for _, r := range rows {
		known = append(known, domain.RecordedRefund{
			Number: int(r.Number), Key: r.Key, RefundID: deref(r.RefundID), Minor: r.Minor, Status: domain.RefundStatus(r.Status),
			Origin: domain.RefundOrigin(r.Origin), ErrorCode: r.ErrorCode,
		})
	}
	return known, nil
}

// BeginRefund writes a refund down before the provider is asked for it, and returns it. A
// refund whose outcome nobody knows yet comes first: it is returned instead, to be asked
// for again under its own key.
//
// It decides who moves money. The visit's process may not while the intent has an open
// case, and a case may not while it is closed or waits for a person; both are CodeConflict,
// and so is a caller that saw fewer refunds than there are.
func (s *Store) BeginRefund(ctx context.Context, b domain.RefundBegin) (domain.RecordedRefund, error) {
	var begun domain.RecordedRefund
	err := s.inTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockAppointment(ctx, b.AppointmentID); err != nil {
			return missing(err, "appointment")
		}
		if err := mayRefund(ctx, q, b); err != nil {
			return err
		}
		known, err := refundsOf(ctx, q, b.IntentID)
		if err != nil {
			return err
		}
		for _, r := range known {
			if r.Status == domain.RefundBegun {
				begun = r
				return nil
			}
		}
		if len(known) != b.Known {
			return domain.Errorf(domain.CodeConflict, "another refund came first: look again")
		}
		number := len(known) + 1
		begun = domain.RecordedRefund{
			Number: number, Key: fmt.Sprintf("careflow/%s/refund/%d/n%d", b.AppointmentID, b.Generation, number),
			Minor: b.Minor, Status: domain.RefundBegun, Origin: b.By,
		}
		return insertRefund(ctx, q, b.IntentID, begun, b.At)
	})
	return begun, err
}

func mayRefund(ctx context.Context, q *db.Queries, b domain.RefundBegin) error {
	c, err := q.LockCaseOfIntent(ctx, b.IntentID)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the payment case: %w", err)
	}
	state, open := domain.CaseState(c.State), err == nil && c.State != string(domain.CaseClosed)
	switch {
	case err == nil && c.Resolved:
		return domain.Errorf(domain.CodeConflict, "a person has seen to this money")
	case b.By == domain.RefundByProcess && open:
		return domain.Errorf(domain.CodeConflict, "the payment case moves this money")
	case b.By == domain.RefundByCase && (!open || state == domain.CaseNeedsPerson):
		return domain.Errorf(domain.CodeConflict, "the payment case moves no money as it stands")
	}
	return nil
}

func insertRefund(ctx context.Context, q *db.Queries, intentID string, r domain.RecordedRefund, at time.Time) error {
	err := q.InsertRefund(ctx, db.InsertRefundParams{
		IntentID: intentID, Number: int32(r.Number), Key: r.Key, RefundID: optional(r.RefundID), Minor: r.Minor, //nolint:gosec // a small count
		Status: string(r.Status), Origin: string(r.Origin), At: at,
	})
	if err != nil {
		return fmt.Errorf("recording a refund: %w", err)
	}
	return nil
}

// BookRefund brings what the provider says of a refund into the books, once: money that
// went back has its receipt, its line in the timeline and a letter to the patient; a
// refund that did not arrive takes receipt and money back. changed is false when the books
// said so already.
func (s *Store) BookRefund(ctx context.Context, b domain.RefundBooking) (changed bool, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		changed = false
		row, err := q.LockAppointment(ctx, b.AppointmentID)
		if err != nil {
			return missing(err, "appointment")
		}
		known, err := refundsOf(ctx, q, b.IntentID)
		if err != nil {
			return err
		}
		now := domain.RefundStatusOf(b.Refund.Status)
		was, found := findRefund(known, b.Refund)
		if found && was.Status == now {
			return nil
		}
		changed = true
		money, err := q.MoneyOfIntent(ctx, b.IntentID)
		if err != nil {
			return missing(err, "payment")
		}
		if !found {
			was = domain.RecordedRefund{
				Number: len(known) + 1, Key: b.Refund.Key, RefundID: b.Refund.ID, Minor: b.Refund.Minor, Status: now, Origin: origin(b.Refund),
			}
			if err := insertRefund(ctx, q, b.IntentID, was, b.At); err != nil {
				return err
			}
			was.Status = domain.RefundBegun
			if money.RefundedMinor-booked(known) >= b.Refund.Minor {
				was.Status = domain.RefundSucceeded // booked as part of a total, before refunds had rows of their own
			}
		} else if err := q.UpdateRefund(ctx, db.UpdateRefundParams{
			IntentID: b.IntentID, Number: int32(was.Number), Status: string(now), RefundID: optional(b.Refund.ID), ErrorCode: b.ErrorCode, At: b.At, //nolint:gosec // a small count
		}); err != nil {
			return fmt.Errorf("recording how a refund stands: %w", err)
		}
		return bookRefunded(ctx, q, row, money, was, now, b)
	})
	return changed, err
}

// bookRefunded moves the money of the books when a refund went from one status to another.
func bookRefunded(ctx context.Context, q *db.Queries, row db.LockAppointmentRow, money db.MoneyOfIntentRow, was domain.RecordedRefund, now domain.RefundStatus, b domain.RefundBooking) error {
	fact, wasBack := fmt.Sprintf("%s/%d", b.IntentID, was.Number), back(was.Status)
	if wasBack == back(now) && wasBack {
		return nil // pending, and now it has arrived
	}
	if !back(now) { // refused, or taken back after it seemed to have worked
		if wasBack {
			if err := moveRefunded(ctx, q, money, domain.ReceiptRefundFailed, -was.Minor, b); err != nil {
				return err
			}
		}
		return appendFact(ctx, q, row, "refund-failed/"+fact, "refund_failed", b.At)
	}
	if err := moveRefunded(ctx, q, money, domain.ReceiptRefund, was.Minor, b); err != nil {
		return err
	}
	id := "payment-refunded/" + fact
	if was.Status == domain.RefundFailed {
		id += "/again" // the provider took its failure back
	}
	if err := appendFact(ctx, q, row, id, "payment_refunded", b.At); err != nil {
		return err
	}
	return oweMessages(ctx, q, b.AppointmentID, id, row.StartsAt,
		[]domain.MessageIntent{{Kind: domain.MessageRefunded, Recipient: domain.RecipientPatient}})
}

func moveRefunded(ctx context.Context, q *db.Queries, money db.MoneyOfIntentRow, kind domain.ReceiptKind, minor int64, b domain.RefundBooking) error {
	if err := q.AddRefunded(ctx, db.AddRefundedParams{IntentID: b.IntentID, Minor: minor}); err != nil {
		return fmt.Errorf("booking the refund: %w", err)
	}
	return issueReceipt(ctx, q, money, b.IntentID, kind, max(minor, -minor), b.At)
}

// back reports whether a refund of this status counts as money that went back.
func back(s domain.RefundStatus) bool {
	return s == domain.RefundPending || s == domain.RefundSucceeded
}

func booked(known []domain.RecordedRefund) int64 {
	var sum int64
	for _, r := range known {
		if back(r.Status) {
			sum += r.Minor
		}
	}
	return sum
}

func origin(r domain.Refund) domain.RefundOrigin {
	if r.Key != "" {
		return domain.RefundByProcess // by a release that wrote no refunds down
	}
	return domain.RefundByHand
}

// findRefund looks a refund up by the provider's ID, or by our key while its ID is not known.
func findRefund(known []domain.RecordedRefund, r domain.Refund) (domain.RecordedRefund, bool) {
	for _, k := range known {
		if (r.ID != "" && k.RefundID == r.ID) || (k.RefundID == "" && k.Key != "" && k.Key == r.Key) {
			return k, true
		}
	}
	return domain.RecordedRefund{}, false
}
