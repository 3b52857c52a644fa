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

// oweMessages adds a transition's messages to the ledger, each once.
func oweMessages(ctx context.Context, q *db.Queries, appointmentID, transition string, start time.Time, owed []domain.MessageIntent) error {
	for _, m := range owed {
		err := q.OweMessage(ctx, db.OweMessageParams{
			ID: domain.NewID(), AppointmentID: appointmentID, Kind: string(m.Kind), Recipient: string(m.Recipient),
			DedupeKey: fmt.Sprintf("%s/%s/%s", transition, m.Kind, m.Recipient),
			Status:    string(domain.MessagePending), ForStart: start,
		})
		if err != nil {
			return fmt.Errorf("adding a message to the ledger: %w", err)
		}
	}
	return nil
}

// OweReminder records a reminder that came up, as owed or as skipped with the reason,
// once per start and offset.
func (s *Store) OweReminder(ctx context.Context, appointmentID string, r domain.Reminder) error {
	status, code := domain.MessagePending, ""
	if r.Decision != domain.ReminderSend {
		status, code = domain.MessageSkipped, string(r.Decision)
	}
	seconds := int32(r.Offset.Std() / time.Second) //nolint:gosec // weeks at most
	err := s.q.OweMessage(ctx, db.OweMessageParams{
		ID: domain.NewID(), AppointmentID: appointmentID, Kind: string(domain.MessageReminder),
		Recipient: string(domain.RecipientPatient), DedupeKey: reminderKey(r),
		Status: string(status), ForStart: r.Start, ReminderSeconds: &seconds, SendBefore: optionalTime(r.SendBefore), ErrorCode: code,
	})
	if err != nil {
		return fmt.Errorf("recording a reminder: %w", err)
	}
	return nil
}

// reminderKey keeps a reminder to one for each start and offset.
func reminderKey(r domain.Reminder) string {
	return fmt.Sprintf("reminder/%d/%d", r.Start.Unix(), int64(r.Offset.Std()/time.Second))
}

// NextMessage takes an appointment's oldest message that is still to be handed over,
// under a new attempt, and first skips those that are too late at now (UTC) or speak of
// a time that is no more. It returns nil when nothing is left, and CodeUnavailable behind
// the fence of a restore.
func (s *Store) NextMessage(ctx context.Context, appointmentID string, now time.Time) (*domain.DueMessage, error) {
	var due *domain.DueMessage
	err := s.inTx(ctx, func(q *db.Queries) error {
		due = nil
		if fenced, err := q.Fenced(ctx); err != nil || fenced {
			return behindFence(err)
		}
		if _, err := q.SkipStale(ctx, db.SkipStaleParams{AppointmentID: appointmentID, Now: now}); err != nil {
			return fmt.Errorf("skipping what is too late: %w", err)
		}
		m, err := q.TakeMessage(ctx, appointmentID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("taking a message: %w", err)
		}
		facts, err := q.LetterFacts(ctx, appointmentID)
		if err != nil {
			return fmt.Errorf("reading what the letter says: %w", err)
		}
		due = &domain.DueMessage{
			Message: domain.Message{
				ID: m.ID, AppointmentID: appointmentID, Seq: m.Seq, Kind: domain.MessageKind(m.Kind),
				Recipient: domain.Recipient(m.Recipient), Status: domain.MessageSending,
				Attempts: int(m.Attempts), Unknowns: int(m.Unknowns), CreatedAt: m.CreatedAt.UTC(),
			},
			Interrupted: m.WasStatus == string(domain.MessageSending),
		}
		due.Letter, err = letterData(due.Message, time.Duration(deref(m.ReminderSeconds))*time.Second, facts)
		if err != nil {
			return err
		}
		return s.complete(ctx, q, due, facts, now)
	})
	return due, err
}

// complete adds what only some letters say: the refund a letter is about, where there were
// several, and other times for a request that came to nothing.
func (s *Store) complete(ctx context.Context, q *db.Queries, due *domain.DueMessage, f db.LetterFactsRow, now time.Time) error {
	switch due.Kind { //nolint:exhaustive // the others say no more
	case domain.MessageRefunded:
		refund, err := q.RefundOfMessage(ctx, due.ID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the refund: %w", err)
		}
		due.Letter.Refunded.Minor, due.Letter.ReceiptCode = refund.AmountMinor, domain.ReceiptCode(refund.Number)
	case domain.MessageExpired, domain.MessageDeclined:
		if due.Recipient != domain.RecipientPatient {
			return nil
		}
		slots, err := s.alternatives(ctx, q, f.DoctorID, f.TypeID, f.StartsAt, due.Letter.TimeZone, now)
		if err != nil {
			return fmt.Errorf("looking for other times: %w", err)
		}
		for _, slot := range slots {
			due.Letter.Offers = append(due.Letter.Offers, slot.Window)
		}
	}
	return nil
}

// MessageSentAt is when the newest message of a kind was handed to the vendor; zero when it
// was not, or when there is none.
func (s *Store) MessageSentAt(ctx context.Context, appointmentID string, kind domain.MessageKind) (time.Time, error) {
	sent, err := s.q.MessageSentAt(ctx, db.MessageSentAtParams{AppointmentID: appointmentID, Kind: string(kind)})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, fmt.Errorf("looking for a message: %w", err)
	}
	return utc(sent), nil
}

func letterData(m domain.Message, reminder time.Duration, f db.LetterFactsRow) (domain.LetterData, error) {
	var terms domain.Terms
	if err := json.Unmarshal(f.Terms, &terms); err != nil {
		return domain.LetterData{}, fmt.Errorf("reading the terms: %w", err)
	}
	d := domain.LetterData{
		MessageID: m.ID, AppointmentID: f.ID, Recipient: m.Recipient, WrittenAt: m.CreatedAt,
		RecipientName: f.PatientName, Address: f.PatientEmail, Locale: f.PatientLocale, TimeZone: f.PatientZone,
		ClinicName: f.ClinicName, ClinicAddress: f.ClinicAddress, OrganizerMail: f.ClinicEmail,
		DoctorName: f.DoctorName, PatientName: f.PatientName, VisitTimeZone: terms.Zone,
		StartsAt: f.StartsAt.UTC(), EndsAt: f.EndsAt.UTC(), Sequence: int(f.Sequence), Price: terms.Price,
		Refunded: domain.Money{Minor: f.RefundedMinor, Currency: terms.Price.Currency},
		Fee:      domain.Money{Minor: f.FeeMinor, Currency: terms.Price.Currency}, DisputeBy: utc(f.FeeUntil),
		IntentID: f.IntentID, Generation: int(f.Generation), PayBy: utc(f.PayBy), AnswerBy: utc(f.AnswerBy), ReminderLead: reminder,
	}
	d.Mode = terms.Mode
	if status := domain.Status(f.Status); status == domain.StatusConfirmed || status == domain.StatusCheckedIn {
		d.JoinURL = f.JoinUrl
	}
	switch m.Kind { //nolint:exhaustive // the others have no receipt
	case domain.MessageReceipt:
		d.ReceiptCode = domain.ReceiptCode(f.PaymentReceipt)
	case domain.MessageRefunded:
		d.ReceiptCode = domain.ReceiptCode(f.RefundReceipt)
	}
	if m.Recipient == domain.RecipientDoctor {
		d.RecipientName, d.Address, d.Locale, d.TimeZone = f.DoctorName, deref(f.DoctorEmail), deref(f.DoctorLocale), f.DoctorZone
	}
	return d, nil
}

// SettleMessage records what became of an attempt. unknown counts an attempt whose
// outcome the vendor never told.
func (s *Store) SettleMessage(ctx context.Context, id string, status domain.MessageStatus, vendorID, errorCode string, unknown bool) error {
	n := int32(0)
	if unknown {
		n = 1
	}
	err := s.q.SettleMessage(ctx, db.SettleMessageParams{
		ID: id, Status: string(status), VendorID: vendorID, ErrorCode: errorCode, Unknown: n,
	})
	if err != nil {
		return fmt.Errorf("recording the outcome of a message: %w", err)
	}
	return nil
}
