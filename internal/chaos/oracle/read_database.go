package oracle

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

func (w *World) readDatabase(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for what, read := range map[string]func(context.Context, pgx.Tx) error{
		"receipts": w.readReceipts, "outbox": w.readOutbox, "reports": w.readReports,
		"cases": w.readCases, "letters to accounts": w.readAccountMessages,
	} {
		if err := read(ctx, tx); err != nil {
			return fmt.Errorf("reading the %s: %w", what, err)
		}
	}
	if err := w.readVisits(ctx, tx); err != nil {
		return fmt.Errorf("reading the visits: %w", err)
	}
	return nil
}

func (w *World) readVisits(ctx context.Context, tx pgx.Tx) error {
	var v Visit
	var terms []byte
	err := each(ctx, tx, `SELECT id::text, doctor_id::text, patient_id::text, status, version, event_seq, starts_at, ends_at, terms,
			kept_minor, coalesce(stuck, ''), coalesce(process_run_id, ''), created_at, ended_at FROM appointments`,
		[]any{&v.ID, &v.DoctorID, &v.PatientID, &v.Status, &v.Version, &v.EventSeq, &v.StartsAt, &v.EndsAt, &terms,
			&v.Kept, &v.Stuck, &v.RunID, &v.CreatedAt, &v.EndedAt},
		func() error {
			one := v
			w.Visits[v.ID] = &one
			return json.Unmarshal(terms, &one.Terms)
		})
	if err != nil {
		return err
	}
	var id string
	var e Event
	err = each(ctx, tx, `SELECT appointment_id::text, seq, version, kind, from_status, to_status, actor_kind, reason_code, at FROM appointment_events ORDER BY appointment_id, seq`,
		[]any{&id, &e.Seq, &e.Version, &e.Kind, &e.From, &e.To, &e.ActorKind, &e.Reason, &e.At},
		func() error { w.Visits[id].Events = append(w.Visits[id].Events, e); return nil })
	if err != nil {
		return err
	}
	var p Payment
	err = each(ctx, tx, `SELECT appointment_id::text, intent_id, generation, status, captured_minor, refunded_minor, charged_back_minor FROM payments ORDER BY generation`,
		[]any{&id, &p.IntentID, &p.Generation, &p.Status, &p.Captured, &p.Refunded, &p.ChargedBack},
		func() error { w.Visits[id].Payments = append(w.Visits[id].Payments, p); return nil })
	if err != nil {
		return err
	}
	var m Message
	return each(ctx, tx, `SELECT appointment_id::text, id::text, kind, recipient, status, for_start, reminder_seconds, unknowns, error_code, sent_at, delivery,
			coalesce(resend_of::text, '') FROM messages ORDER BY seq`,
		[]any{&id, &m.ID, &m.Kind, &m.Recipient, &m.Status, &m.ForStart, &m.Reminder, &m.Unknowns, &m.ErrorCode, &m.SentAt, &m.Delivery, &m.ResendOf},
		func() error { w.Visits[id].Messages = append(w.Visits[id].Messages, m); return nil })
}

func (w *World) readReceipts(ctx context.Context, tx pgx.Tx) error {
	var r Receipt
	return each(ctx, tx, `SELECT clinic_id::text, number, appointment_id::text, kind, intent_id, amount_minor, issued_at FROM receipts ORDER BY clinic_id, number`,
		[]any{&r.ClinicID, &r.Number, &r.AppointmentID, &r.Kind, &r.IntentID, &r.Amount, &r.IssuedAt},
		func() error { w.Receipts = append(w.Receipts, r); return nil })
}

func (w *World) readCases(ctx context.Context, tx pgx.Tx) error {
	var c Case
	err := each(ctx, tx, `SELECT id::text, intent_id, appointment_id::text, kind, state, waits_for, error_code, outcome, version FROM payment_cases`,
		[]any{&c.ID, &c.IntentID, &c.AppointmentID, &c.Kind, &c.State, &c.WaitsFor, &c.ErrorCode, &c.Outcome, &c.Version},
		func() error { one := c; w.Cases[c.IntentID] = &one; return nil })
	if err != nil {
		return err
	}
	var id string
	var e CaseEvent
	return each(ctx, tx, `SELECT c.intent_id, e.version, e.kind, e.state, e.actor_kind
			FROM payment_case_events e JOIN payment_cases c ON c.id = e.case_id ORDER BY c.id, e.version`,
		[]any{&id, &e.Version, &e.Kind, &e.State, &e.ActorKind},
		func() error { w.Cases[id].Events = append(w.Cases[id].Events, e); return nil })
}

func (w *World) readAccountMessages(ctx context.Context, tx pgx.Tx) error {
	var m Message
	return each(ctx, tx, `SELECT id::text, kind, status, unknowns, error_code, sent_at, delivery FROM account_messages ORDER BY seq`,
		[]any{&m.ID, &m.Kind, &m.Status, &m.Unknowns, &m.ErrorCode, &m.SentAt, &m.Delivery},
		func() error { w.AccountMessages = append(w.AccountMessages, m); return nil })
}

func (w *World) readOutbox(ctx context.Context, tx pgx.Tx) error {
	var r OutboxRow
	return each(ctx, tx, `SELECT id, topic, coalesce(appointment_id::text, ''), last_error FROM outbox WHERE done_at IS NULL AND topic <> 'unmatched'`,
		[]any{&r.ID, &r.Topic, &r.AppointmentID, &r.LastError},
		func() error { w.Outbox = append(w.Outbox, r); return nil })
}

func (w *World) readReports(ctx context.Context, tx pgx.Tx) error {
	var r Reported
	return each(ctx, tx, `SELECT subject, code, coalesce(appointment_id::text, '') FROM reconcile_findings`,
		[]any{&r.Subject, &r.Code, &r.AppointmentID},
		func() error { w.Reported = append(w.Reported, r); return nil })
}

// each scans every row of a query into the same places and calls take after each.
func each(ctx context.Context, tx pgx.Tx, query string, into []any, take func() error) error {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := take(); err != nil {
			return err
		}
	}
	return rows.Err()
}
