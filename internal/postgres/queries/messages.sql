-- name: SkipStale :execrows
-- A message that speaks of a time that is no more, or whose moment has passed, is skipped.
-- One that was being handed over when its worker died may be with the vendor: it is not
-- sent again and counts as unknown.
UPDATE messages m SET
    status = CASE WHEN m.status = 'sending' THEN 'unknown' ELSE 'skipped' END,
    unknowns = m.unknowns + (m.status = 'sending')::int,
    error_code = CASE WHEN m.status = 'sending' THEN 'interrupted'
        WHEN m.send_before IS NOT NULL AND m.send_before <= @now::timestamptz THEN 'too_late' ELSE 'overtaken' END
FROM appointments a
WHERE a.id = m.appointment_id AND m.appointment_id = @appointment_id AND m.status IN ('pending','sending')
  AND ((m.send_before IS NOT NULL AND m.send_before <= @now::timestamptz)
    OR (m.kind = 'no_show_fee_notice' AND a.fee_status IS DISTINCT FROM 'noticed')
    OR (m.kind IN ('reminder','confirmed','moved','request_received','request_to_doctor')
        AND (m.for_start <> a.starts_at
          OR a.status NOT IN ('requested','pending','capturing','confirmed','checked_in'))));

-- name: TakeMessage :one
-- An attempt that was broken off is counted as unknown here: the next one may be broken
-- off as well, and would count itself only.
UPDATE messages m SET status = 'sending', attempts = m.attempts + 1, unknowns = m.unknowns + (m.status = 'sending')::int
FROM messages was
WHERE was.id = m.id AND m.id = (SELECT d.id FROM messages d WHERE d.appointment_id = @appointment_id
    AND d.status IN ('pending','sending') ORDER BY d.seq LIMIT 1 FOR UPDATE)
RETURNING m.id, m.seq, m.kind, m.recipient, m.attempts, m.unknowns, m.reminder_seconds, m.for_start, m.created_at,
    was.status AS was_status;

-- name: LetterFacts :one
SELECT a.id, a.starts_at, a.ends_at, a.terms, a.sequence, a.generation, a.pay_by, a.answer_by, a.status, a.doctor_id, a.type_id, a.fee_minor, a.fee_until, t.join_url,
       d.name AS doctor_name, d.time_zone AS doctor_zone, du.email AS doctor_email, du.locale AS doctor_locale,
       p.name AS patient_name, p.time_zone AS patient_zone, pu.email AS patient_email, pu.locale AS patient_locale,
       c.name AS clinic_name, c.address AS clinic_address, c.email AS clinic_email,
       coalesce(y.intent_id, '')::text AS intent_id, (SELECT coalesce(sum(r.refunded_minor), 0) FROM payments r WHERE r.appointment_id = a.id)::bigint AS refunded_minor, coalesce(y.captured_minor, 0)::bigint AS captured_minor,
       (SELECT coalesce(max(r.number), 0) FROM receipts r WHERE r.appointment_id = a.id AND r.kind = 'payment')::bigint AS payment_receipt,
       (SELECT coalesce(max(r.number), 0) FROM receipts r WHERE r.appointment_id = a.id AND r.kind = 'refund')::bigint AS refund_receipt
FROM appointments a
JOIN doctors d ON d.id = a.doctor_id
JOIN appointment_types t ON t.id = a.type_id
LEFT JOIN users du ON du.id = d.user_id
JOIN patients p ON p.id = a.patient_id
JOIN users pu ON pu.id = p.account_id
JOIN clinics c ON c.id = d.clinic_id
LEFT JOIN payments y ON y.appointment_id = a.id AND y.generation = a.generation
WHERE a.id = @id;

-- name: RefundOfMessage :one
-- The refund that a message speaks of: both were written with the same event.
SELECT r.number, r.amount_minor FROM messages m
JOIN appointment_events e ON e.appointment_id = m.appointment_id AND m.dedupe_key = e.transition_id || '/' || m.kind || '/' || m.recipient
JOIN receipts r ON r.appointment_id = e.appointment_id AND r.kind = 'refund' AND r.issued_at = e.at
WHERE m.id = @id;

-- name: SettleMessage :exec
-- Only what is being handed over is settled: an attempt that was given up for dead and
-- comes back must not turn the outcome of the one after it.
UPDATE messages SET status = @status, vendor_id = @vendor_id, error_code = @error_code,
    unknowns = unknowns + @unknown::int, sent_at = CASE WHEN @status = 'sent' THEN now() ELSE sent_at END
WHERE id = @id AND status = 'sending';

-- name: LockMessage :one
SELECT id, appointment_id, seq, kind, recipient, status, attempts, unknowns, error_code, created_at, sent_at, for_start,
       reminder_seconds, delivery, delivery_code, delivery_at, problem
FROM messages WHERE id = @id FOR UPDATE;

-- name: KeepMailEvent :execrows
INSERT INTO mail_events (id, message_id, ledger, state, code, at)
VALUES (@id, sqlc.narg(message_id), @ledger, @state, @code, @at) ON CONFLICT DO NOTHING;

-- name: SetDelivery :exec
UPDATE messages SET delivery = @delivery, delivery_code = @delivery_code, delivery_at = @delivery_at::timestamptz WHERE id = @id;

-- name: MessageByDedupe :one
SELECT id FROM messages WHERE appointment_id = @appointment_id AND dedupe_key = @dedupe_key;

-- name: ResentAs :one
SELECT id FROM messages WHERE resend_of = @id::uuid;

-- name: InsertResend :exec
INSERT INTO messages (id, appointment_id, dedupe_key, kind, recipient, for_start, reminder_seconds, send_before, resend_of)
SELECT @id, m.appointment_id, @dedupe_key, m.kind, m.recipient, a.starts_at, m.reminder_seconds,
       CASE WHEN m.kind = 'reminder' THEN a.starts_at END, m.id
FROM messages m JOIN appointments a ON a.id = m.appointment_id WHERE m.id = @old_id;

-- name: TroubledMessages :many
SELECT m.id, m.appointment_id, m.seq, m.kind, m.recipient, m.status, m.attempts, m.unknowns, m.error_code, m.created_at, m.sent_at,
       m.delivery, m.delivery_code, m.delivery_at, m.problem, m.resend_of, r.id AS resent_as
FROM messages m LEFT JOIN messages r ON r.resend_of = m.id
WHERE m.problem <> '' AND m.problem = ANY (@problems::text[])
  AND (sqlc.narg(kind)::text IS NULL OR m.kind = sqlc.narg(kind)::text)
  AND (sqlc.narg(recipient)::text IS NULL OR m.recipient = sqlc.narg(recipient)::text)
  AND (NOT @open_only::boolean OR r.id IS NULL)
  AND (sqlc.narg(since)::timestamptz IS NULL OR m.created_at >= sqlc.narg(since)::timestamptz)
  AND (sqlc.narg(until)::timestamptz IS NULL OR m.created_at < sqlc.narg(until)::timestamptz)
  AND (sqlc.narg(before)::timestamptz IS NULL OR (m.created_at, m.id) < (sqlc.narg(before)::timestamptz, sqlc.narg(before_id)::uuid))
ORDER BY m.created_at DESC, m.id DESC
LIMIT @max_rows;
