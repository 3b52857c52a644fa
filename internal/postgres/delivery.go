package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
	"github.com/careflow/careflow/internal/telemetry"
)

// AcceptMailEvents keeps verified events of the mail provider, each once under its own ID,
// and moves their messages on, in one transaction: none is thanked for that is not kept.
// What matches no message is kept as well, under no ledger.
func (s *Store) AcceptMailEvents(ctx context.Context, events []domain.MailEvent) ([]domain.AcceptedMailEvent, error) {
	// In one order everywhere, so that two batches about the same messages do not
	// lock each other out.
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b domain.MailEvent) int {
		return cmp.Or(cmp.Compare(a.MessageID, b.MessageID), cmp.Compare(a.ID, b.ID))
	})
	var accepted []domain.AcceptedMailEvent
	err := s.inTx(ctx, func(q *db.Queries) error {
		accepted = accepted[:0]
		for _, e := range events {
			one, err := acceptMailEvent(ctx, q, e)
			if err != nil {
				return fmt.Errorf("keeping an event of the mail provider: %w", err)
			}
			accepted = append(accepted, one)
		}
		return nil
	})
	return accepted, err
}

func acceptMailEvent(ctx context.Context, q *db.Queries, e domain.MailEvent) (domain.AcceptedMailEvent, error) {
	accepted := domain.AcceptedMailEvent{MailEvent: e}
	entry, err := ledgerEntryOf(ctx, q, e.MessageID)
	if err != nil {
		return accepted, err
	}
	accepted.Ledger, accepted.AppointmentID, accepted.Kind = entry.ledger, entry.appointmentID, entry.kind
	params := db.KeepMailEventParams{ID: e.ID, Ledger: entry.ledger, State: string(e.State), Code: e.Code, At: e.At}
	if validID(e.MessageID) {
		params.MessageID = &e.MessageID
	}
	kept, err := q.KeepMailEvent(ctx, params)
	if err != nil || kept == 0 {
		return accepted, err
	}
	accepted.Fresh = true
	if entry.move == nil || !e.Supersedes(entry.delivery) {
		return accepted, nil
	}
	return accepted, entry.move(ctx, e.DeliveryState)
}

// ledgerEntry is a message in whichever ledger has it; the zero entry is none.
type ledgerEntry struct {
	ledger        string
	appointmentID string
	kind          domain.MessageKind
	delivery      domain.DeliveryState
	move          func(context.Context, domain.DeliveryState) error
}

// ledgerEntryOf finds and locks the message an event is about. It is the one place that
// knows which ledgers there are.
func ledgerEntryOf(ctx context.Context, q *db.Queries, messageID string) (ledgerEntry, error) {
	if !validID(messageID) {
		return ledgerEntry{}, nil
	}
	m, err := q.LockMessage(ctx, messageID)
	if errors.Is(err, pgx.ErrNoRows) {
		return accountEntryOf(ctx, q, messageID)
	}
	if err != nil {
		return ledgerEntry{}, err
	}
	return ledgerEntry{
		ledger: domain.LedgerAppointments, appointmentID: m.AppointmentID, kind: domain.MessageKind(m.Kind),
		delivery: deliveryOf(m.Delivery, m.DeliveryCode, m.DeliveryAt),
		move: func(ctx context.Context, d domain.DeliveryState) error {
			return q.SetDelivery(ctx, db.SetDeliveryParams{ID: messageID, Delivery: string(d.State), DeliveryCode: d.Code, DeliveryAt: d.At})
		},
	}, nil
}

// accountEntryOf finds and locks a letter about an account. Whose it is stays untold.
func accountEntryOf(ctx context.Context, q *db.Queries, messageID string) (ledgerEntry, error) {
	m, err := q.LockAccountMessage(ctx, messageID)
	if errors.Is(err, pgx.ErrNoRows) {
		return ledgerEntry{}, nil
	}
	if err != nil {
		return ledgerEntry{}, err
	}
	return ledgerEntry{
		ledger: domain.LedgerAccounts, kind: domain.MessageKind(m.Kind), delivery: deliveryOf(m.Delivery, m.DeliveryCode, m.DeliveryAt),
		move: func(ctx context.Context, d domain.DeliveryState) error {
			return q.SetAccountDelivery(ctx, db.SetAccountDeliveryParams{ID: messageID, Delivery: string(d.State), DeliveryCode: d.Code, DeliveryAt: d.At})
		},
	}, nil
}

func deliveryOf(state, code string, at *time.Time) domain.DeliveryState {
	return domain.DeliveryState{State: domain.Delivery(state), Code: code, At: utc(at)}
}

// TroubledMessages lists messages of all visits that went wrong, newest first, from
// before a position on (creation, ID).
func (s *Store) TroubledMessages(ctx context.Context, f domain.MessageFilter, p domain.Page) ([]domain.Message, error) {
	params := db.TroubledMessagesParams{
		Problems: f.Problems, Kind: optional(f.Kind), Recipient: optional(f.Recipient), OpenOnly: f.OpenOnly,
		Since: optionalTime(f.Since), Until: optionalTime(f.Until), MaxRows: int32(p.Limit), //nolint:gosec // bounded by the API
	}
	if p.AfterID != "" {
		params.Before, params.BeforeID = &p.AfterTime, &p.AfterID
	}
	rows, err := s.q.TroubledMessages(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("listing messages that went wrong: %w", err)
	}
	messages := make([]domain.Message, 0, len(rows))
	for _, r := range rows {
		messages = append(messages, messageOf(db.MessagesOfRow(r)))
	}
	return messages, nil
}

func messageOf(r db.MessagesOfRow) domain.Message {
	return domain.Message{
		ID: r.ID, AppointmentID: r.AppointmentID, Seq: r.Seq, Kind: domain.MessageKind(r.Kind),
		Recipient: domain.Recipient(r.Recipient), Status: domain.MessageStatus(r.Status),
		Attempts: int(r.Attempts), Unknowns: int(r.Unknowns), ErrorCode: r.ErrorCode,
		CreatedAt: r.CreatedAt.UTC(), SentAt: utc(r.SentAt), Problem: r.Problem,
		Delivery: deliveryOf(r.Delivery, r.DeliveryCode, r.DeliveryAt),
		ResendOf: deref(r.ResendOf), ResentAs: deref(r.ResentAs),
	}
}

// ResendMessage owes a lost message once more, as a new entry of the ledger that names
// the old one, and wakes the visit's process. id makes a repetition the same message.
// Refusals are those of domain.MayResend; CodeNotFound for a message of another visit.
func (s *Store) ResendMessage(ctx context.Context, appointmentID, messageID, id string, by domain.Actor, now time.Time) (domain.Message, error) {
	newID := ""
	err := s.inTx(ctx, func(q *db.Queries) error {
		visit, err := q.LockAppointment(ctx, appointmentID)
		if err != nil {
			return missing(err, "appointment")
		}
		newID, err = q.MessageByDedupe(ctx, db.MessageByDedupeParams{AppointmentID: appointmentID, DedupeKey: id})
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		newID = domain.NewID()
		if err := judgeResend(ctx, q, visit, messageID, now); err != nil {
			return err
		}
		if err := q.InsertResend(ctx, db.InsertResendParams{ID: newID, DedupeKey: id, OldID: messageID}); err != nil {
			return fmt.Errorf("adding the message to the ledger: %w", err)
		}
		if err := appendNote(ctx, q, appointmentID, id, "message_resent", by, ""); err != nil {
			return err
		}
		payload, err := json.Marshal(domain.MessagePayload{MessageID: newID})
		if err != nil {
			return err
		}
		_, err = q.EnqueueOutbox(ctx, db.EnqueueOutboxParams{
			Topic: string(domain.TopicMessage), DedupeKey: "message/" + newID, AppointmentID: &appointmentID, Payload: payload, Traceparent: telemetry.Traceparent(ctx),
		})
		return err
	})
	if err != nil {
		return domain.Message{}, err
	}
	s.Wake()
	return s.message(ctx, appointmentID, newID)
}

func judgeResend(ctx context.Context, q *db.Queries, visit db.LockAppointmentRow, messageID string, now time.Time) error {
	row, err := q.LockMessage(ctx, messageID)
	if err != nil || row.AppointmentID != visit.ID {
		return missing(cmp.Or(err, pgx.ErrNoRows), "message")
	}
	m := domain.Message{
		ID: row.ID, Kind: domain.MessageKind(row.Kind), Status: domain.MessageStatus(row.Status), ForStart: row.ForStart.UTC(),
		Problem: row.Problem, Delivery: deliveryOf(row.Delivery, row.DeliveryCode, row.DeliveryAt),
	}
	m.ResentAs, err = q.ResentAs(ctx, messageID)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("looking for a repetition: %w", err)
	}
	return domain.MayResend(m, domain.Status(visit.Status), visit.StartsAt.UTC(), now)
}

func (s *Store) message(ctx context.Context, appointmentID, id string) (domain.Message, error) {
	all, err := s.Messages(ctx, domain.Scope{All: true}, appointmentID)
	if err != nil {
		return domain.Message{}, err
	}
	for _, m := range all {
		if m.ID == id {
			return m, nil
		}
	}
	return domain.Message{}, domain.Errorf(domain.CodeNotFound, "there is no such message")
}
