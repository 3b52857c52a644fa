-- name: ClaimRun :execrows
-- One process per appointment: the first run to claim it, the same run again, or the
-- one that is told which dead run it replaces.
UPDATE appointments SET process_run_id = @run_id::text, process_claimed_at = now()
WHERE id = @id AND (process_run_id IS NULL OR process_run_id = @run_id::text OR process_run_id = sqlc.narg(replaces)::text);

-- name: LockAppointment :one
SELECT id, doctor_id, patient_id, type_id, status, version, event_seq, generation, sequence, starts_at, ends_at, terms, pay_by, answer_by, created_at
FROM appointments WHERE id = @id FOR UPDATE;

-- name: TransitionDone :one
SELECT e.version, e.to_status, e.at FROM appointment_events e
WHERE e.appointment_id = @appointment_id AND e.transition_id = @transition_id;

-- name: MoveAppointment :exec
UPDATE appointments SET
    status = @status, version = version + 1, event_seq = event_seq + 1,
    generation = @generation, answer_by = coalesce(sqlc.narg(answer_by), answer_by),
    pay_by = CASE WHEN @status = 'requested' AND generation <> @generation THEN NULL ELSE coalesce(sqlc.narg(pay_by), pay_by) END,
    over_by = coalesce(sqlc.narg(over_by), over_by), graces = graces + @graces::int,
    kept_minor = coalesce(sqlc.narg(kept_minor), kept_minor),
    fee_status = coalesce(sqlc.narg(fee_status), fee_status), fee_minor = coalesce(sqlc.narg(fee_minor), fee_minor),
    fee_until = CASE WHEN sqlc.narg(fee_status)::text IS NULL THEN fee_until ELSE sqlc.narg(fee_until)::timestamptz END,
    ended_by = coalesce(sqlc.narg(ended_by), ended_by), reason_code = coalesce(sqlc.narg(reason_code), reason_code),
    ended_at = coalesce(sqlc.narg(ended_at), ended_at), stuck = NULL, updated_at = @at
WHERE id = @id;

-- name: MoveVisit :exec
-- Moving a visit is an update of its row: the constraints judge the new time while the
-- old one is still held, and a refusal leaves everything as it was.
UPDATE appointments SET starts_at = @starts_at, ends_at = @ends_at,
    occupied = tstzrange(@occupied_from::timestamptz, @occupied_to::timestamptz),
    local_start = @local_start, sequence = sequence + 1, reschedules = reschedules + @counted::int
WHERE id = @id;

-- name: MarkStuck :exec
UPDATE appointments SET stuck = coalesce(stuck, @stuck) WHERE id = @id;

-- name: AppendEvent :exec
INSERT INTO appointment_events (appointment_id, seq, version, transition_id, kind, from_status, to_status, actor_kind, actor_id, reason_code, at)
VALUES (@appointment_id, @seq, @version, @transition_id, @kind, @from_status, @to_status, @actor_kind, @actor_id, @reason_code, @at);

-- name: BumpEventSeq :one
UPDATE appointments SET event_seq = event_seq + 1 WHERE id = @id RETURNING event_seq;

-- name: MessageSentAt :one
-- When the newest message of a kind was sent, if it was.
SELECT m.sent_at FROM messages m WHERE m.appointment_id = @appointment_id AND m.kind = @kind ORDER BY m.seq DESC LIMIT 1;

-- name: OweMessage :exec
INSERT INTO messages (id, appointment_id, dedupe_key, kind, recipient, status, for_start, reminder_seconds, send_before, error_code)
VALUES (@id, @appointment_id, @dedupe_key, @kind, @recipient, @status, @for_start, sqlc.narg(reminder_seconds), sqlc.narg(send_before), @error_code)
ON CONFLICT DO NOTHING;

-- name: PaymentOf :one
SELECT intent_id, status, amount_minor, currency, captured_minor, refunded_minor, capture_before, client_secret_sealed, sealed_key_id
FROM payments WHERE appointment_id = @appointment_id AND generation = @generation;

-- name: PaymentsOf :many
SELECT p.generation, p.intent_id, p.status, p.amount_minor, p.currency, p.captured_minor, p.refunded_minor, p.charged_back_minor,
       coalesce((SELECT c.state FROM payment_cases c WHERE c.intent_id = p.intent_id), '')::text AS case_state,
       coalesce((SELECT c.resolved FROM payment_cases c WHERE c.intent_id = p.intent_id), false)::boolean AS resolved
FROM payments p WHERE p.appointment_id = @appointment_id ORDER BY p.generation;

-- name: InsertPayment :exec
INSERT INTO payments (appointment_id, generation, intent_id, client_secret_sealed, sealed_key_id, status, amount_minor, currency)
VALUES (@appointment_id, @generation, @intent_id, @client_secret_sealed, @sealed_key_id, @status, @amount_minor, @currency)
ON CONFLICT DO NOTHING;

-- name: SetPayBy :exec
UPDATE appointments SET pay_by = @pay_by WHERE id = @id AND status = 'requested' AND generation = @generation;

-- name: UpdatePayment :exec
-- Refunded money only grows here: a refund that failed is taken back by its own statement.
UPDATE payments SET status = @status, captured_minor = @captured_minor, refunded_minor = greatest(refunded_minor, @refunded_minor),
    capture_before = coalesce(sqlc.narg(capture_before), capture_before), updated_at = now()
WHERE intent_id = @intent_id;

-- name: ArchiveDetail :exec
INSERT INTO archived_appointments (appointment_id, detail, reason_sealed, notes_sealed, sealed_key_id)
SELECT a.id, jsonb_build_object(
           'terms', a.terms, 'local_start', a.local_start, 'reschedules', a.reschedules, 'sequence', a.sequence,
           'answer_by', a.answer_by, 'pay_by', a.pay_by, 'ended_as', a.status, 'ended_by', a.ended_by,
           'reason_code', a.reason_code, 'process_run_id', a.process_run_id),
       a.reason_sealed, a.notes_sealed, a.sealed_key_id
FROM appointments a WHERE a.id = @id
ON CONFLICT DO NOTHING;

-- name: ClearDetail :exec
UPDATE appointments SET reason_sealed = NULL, notes_sealed = NULL, sealed_key_id = NULL WHERE id = @id;

-- name: DoctorOfAppointment :one
SELECT doctor_id FROM appointments WHERE id = @id;
