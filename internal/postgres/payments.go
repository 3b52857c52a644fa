package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

func secretAAD(appointmentID string, generation int) string {
	return fmt.Sprintf("payments/client_secret/%s/%d", appointmentID, generation)
}

// PaymentWanted reports whether an appointment still waits for a payment of this
// generation, and the attempt that is recorded already, if any.
func (s *Store) PaymentWanted(ctx context.Context, id string, generation int) (wanted bool, recorded *domain.RecordedPayment, payBy time.Time, err error) {
	row, err := s.q.AppointmentByID(ctx, scopedParams(domain.Scope{All: true}, id))
	if err != nil {
		return false, nil, payBy, missing(err, "appointment")
	}
	wanted = row.Status == string(domain.StatusRequested) && int(row.Generation) == generation
	all, err := s.Payments(ctx, id)
	for _, p := range all {
		if p.Generation == generation {
			recorded = &p
		}
	}
	return wanted, recorded, utc(row.PayBy), err
}

// RecordPayment keeps an intent under its appointment and generation, once: the sealed
// client secret, the moment the hold ends (returned, UTC), a line in the timeline and
// the message with the pay link. payable is when the patient could pay, UTC.
func (s *Store) RecordPayment(ctx context.Context, id string, generation int, intent domain.Intent, payable time.Time) (payBy time.Time, err error) {
	sealed, keyID, err := s.cipher.Seal([]byte(intent.ClientSecret), secretAAD(id, generation))
	if err != nil {
		return payBy, fmt.Errorf("encrypting the client secret: %w", err)
	}
	err = s.inTx(ctx, func(q *db.Queries) error {
		row, err := q.LockAppointment(ctx, id)
		if err != nil {
			return missing(err, "appointment")
		}
		var terms domain.Terms
		if err := json.Unmarshal(row.Terms, &terms); err != nil {
			return fmt.Errorf("reading the terms: %w", err)
		}
		_, err = q.PaymentOf(ctx, db.PaymentOfParams{AppointmentID: id, Generation: int32(generation)}) //nolint:gosec // a small count
		if err == nil {
			payBy = utc(row.PayBy)
			return nil
		}
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("reading the payment: %w", err)
		}
		err = q.InsertPayment(ctx, db.InsertPaymentParams{
			AppointmentID: id, Generation: int32(generation), IntentID: intent.ID, ClientSecretSealed: sealed, //nolint:gosec // a small count
			SealedKeyID: keyID, Status: string(intent.Status), AmountMinor: intent.Amount.Minor, Currency: intent.Amount.Currency,
		})
		if err != nil {
			return fmt.Errorf("recording the payment: %w", err)
		}
		booked := row.CreatedAt
		if generation > 1 {
			booked = payable // a new window after a refused capture
		}
		payBy = terms.PayBy(booked, payable, row.StartsAt).UTC().Truncate(time.Microsecond)
		if grace := utc(row.PayBy); grace.After(payBy) {
			payBy = grace // we were down while the patient should have paid
		}
		if err := q.SetPayBy(ctx, db.SetPayByParams{ID: id, PayBy: &payBy, Generation: int32(generation)}); err != nil { //nolint:gosec // a small count
			return fmt.Errorf("setting the payment window: %w", err)
		}
		transition := fmt.Sprintf("payment-opened/%d", generation)
		if err := appendFact(ctx, q, row, transition, "payment_opened", payable); err != nil {
			return err
		}
		if row.Status != string(domain.StatusRequested) {
			return nil // ended meanwhile: nobody is asked to pay
		}
		return oweMessages(ctx, q, id, transition, row.StartsAt,
			[]domain.MessageIntent{{Kind: domain.MessageRequestReceived, Recipient: domain.RecipientPatient}})
	})
	return payBy, err
}

// Payments returns every attempt to be paid for an appointment, oldest first.
func (s *Store) Payments(ctx context.Context, id string) ([]domain.RecordedPayment, error) {
	return paymentsOf(ctx, s.q, id)
}

func paymentsOf(ctx context.Context, q *db.Queries, id string) ([]domain.RecordedPayment, error) {
	rows, err := q.PaymentsOf(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the payments: %w", err)
	}
	payments := make([]domain.RecordedPayment, 0, len(rows))
	for _, r := range rows {
		payments = append(payments, domain.RecordedPayment{
			Generation: int(r.Generation), Amount: domain.Money{Minor: r.AmountMinor, Currency: r.Currency},
			PaymentFact: domain.PaymentFact{
				IntentID: r.IntentID, Status: domain.PaymentStatus(r.Status), Captured: r.CapturedMinor, Refunded: r.RefundedMinor,
			},
			ChargedBack: r.ChargedBackMinor, Case: domain.CaseState(r.CaseState), Resolved: r.Resolved,
		})
	}
	return payments, nil
}

// RecordFact keeps what became known without moving the appointment. The same fact
// again changes nothing.
func (s *Store) RecordFact(ctx context.Context, f domain.Fact) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		row, err := q.LockAppointment(ctx, f.AppointmentID)
		if err != nil {
			return missing(err, "appointment")
		}
		_, err = q.TransitionDone(ctx, db.TransitionDoneParams{AppointmentID: f.AppointmentID, TransitionID: f.ID})
		if err == nil {
			return nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("looking for the fact: %w", err)
		}
		// After the check: a late repetition must not turn newer figures back.
		if err := bookMoney(ctx, q, f.Payment, f.At); err != nil {
			return err
		}
		if err := appendFact(ctx, q, row, f.ID, f.Kind, f.At); err != nil {
			return err
		}
		return oweMessages(ctx, q, f.AppointmentID, f.ID, row.StartsAt, f.Messages)
	})
}

func updatePayment(ctx context.Context, q *db.Queries, p domain.PaymentFact) error {
	err := q.UpdatePayment(ctx, db.UpdatePaymentParams{
		IntentID: p.IntentID, Status: string(p.Status), CapturedMinor: p.Captured, RefundedMinor: p.Refunded,
		CaptureBefore: optionalTime(p.CaptureBefore),
	})
	if err != nil {
		return fmt.Errorf("updating the payment: %w", err)
	}
	return nil
}

// appendFact adds a line to the timeline that leaves status and version alone.
func appendFact(ctx context.Context, q *db.Queries, row db.LockAppointmentRow, id, kind string, at time.Time) error {
	seq, err := q.BumpEventSeq(ctx, row.ID)
	if err != nil {
		return fmt.Errorf("numbering the event: %w", err)
	}
	err = q.AppendEvent(ctx, db.AppendEventParams{
		AppointmentID: row.ID, Seq: seq, Version: row.Version, TransitionID: id, Kind: kind,
		FromStatus: row.Status, ToStatus: row.Status, ActorKind: string(domain.ActorSystem), At: at,
	})
	if err != nil {
		return fmt.Errorf("appending the event: %w", err)
	}
	return nil
}
