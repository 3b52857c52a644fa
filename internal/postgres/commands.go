package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
	"github.com/careflow/careflow/internal/telemetry"
)

// BeginCommand takes a command's key. It returns the first answer where there is one,
// nil where the command is to be carried out (also when an earlier try has no outcome
// yet), and CodeIdempotencyReused for another body.
func (s *Store) BeginCommand(ctx context.Context, key domain.IdempotencyKey) (*domain.StoredResponse, error) {
	return claimKey(ctx, s.q, key)
}

// EndCommand keeps the answer of a command that was carried out.
func (s *Store) EndCommand(ctx context.Context, key domain.IdempotencyKey, resp domain.StoredResponse) error {
	return answerKey(ctx, s.q, key, resp)
}

// AbandonCommand frees the key of a command that was refused and so changed nothing.
func (s *Store) AbandonCommand(ctx context.Context, key domain.IdempotencyKey) error {
	err := s.q.DropKey(ctx, db.DropKeyParams{Principal: key.Principal, Operation: key.Operation, Key: key.Key})
	if err != nil {
		return fmt.Errorf("freeing the idempotency key: %w", err)
	}
	return nil
}

// DeferCommand puts a command into the outbox, once per update ID. command is encoded
// as JSON and holds identifiers and codes only.
func (s *Store) DeferCommand(ctx context.Context, appointmentID, update, updateID string, command any) error {
	body, err := json.Marshal(command)
	if err != nil {
		return fmt.Errorf("storing the command: %w", err)
	}
	payload, err := json.Marshal(domain.DeferredCommand{Update: update, UpdateID: updateID, Command: body})
	if err != nil {
		return fmt.Errorf("storing the command: %w", err)
	}
	_, err = s.q.EnqueueOutbox(ctx, db.EnqueueOutboxParams{
		Topic: string(domain.TopicCommand), DedupeKey: "command/" + updateID, AppointmentID: &appointmentID, Payload: payload, Traceparent: telemetry.Traceparent(ctx),
	})
	if err != nil {
		return fmt.Errorf("keeping the command: %w", err)
	}
	s.Wake()
	return nil
}

// AcceptWebhook keeps a vendor's event once; fresh is false for one that is known. An
// event that matches no appointment is kept for ops under the topic unmatched. Behind the
// fence of a restore, which would lose it, it is CodeUnavailable: the vendor sends it again.
func (s *Store) AcceptWebhook(ctx context.Context, w domain.Webhook) (fresh bool, err error) {
	if fenced, err := s.q.Fenced(ctx); err != nil || fenced {
		return false, behindFence(err)
	}
	appointmentID, err := s.appointmentOf(ctx, w)
	if err != nil {
		return false, err
	}
	payload, err := json.Marshal(domain.WebhookPayload{EventID: w.ID, Type: w.Type, IntentID: w.IntentID, Refunded: w.Refunded, Status: w.Status})
	if err != nil {
		return false, fmt.Errorf("storing the event: %w", err)
	}
	topic := domain.TopicPaymentHint
	if appointmentID == "" {
		topic = domain.TopicUnmatched
	}
	n, err := s.q.EnqueueOutbox(ctx, db.EnqueueOutboxParams{
		Topic: string(topic), DedupeKey: w.Source + "/" + w.ID, AppointmentID: optional(appointmentID), Payload: payload, Traceparent: telemetry.Traceparent(ctx),
	})
	if err != nil {
		return false, fmt.Errorf("keeping the event: %w", err)
	}
	if n == 1 && topic != domain.TopicUnmatched {
		s.Wake()
	}
	return n == 1, nil
}

// appointmentOf finds the appointment by the intent we recorded, or by the ID in the
// event's metadata when the intent is not recorded yet; "" when there is none.
func (s *Store) appointmentOf(ctx context.Context, w domain.Webhook) (string, error) {
	id, err := s.q.AppointmentOfIntent(ctx, w.IntentID)
	if err == nil {
		return id, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("looking the payment up: %w", err)
	}
	if !validID(w.AppointmentID) {
		return "", nil
	}
	known, err := s.q.AppointmentExists(ctx, w.AppointmentID)
	if err != nil {
		return "", fmt.Errorf("looking the appointment up: %w", err)
	}
	if !known {
		return "", nil
	}
	return w.AppointmentID, nil
}
