-- name: LeaseOutbox :many
-- See the function, in 00023_lease_outbox.sql.
SELECT id, topic, dedupe_key, appointment_id, account_id, payload, attempts, created_at, traceparent
FROM lease_outbox(@lease_seconds::int, @max_rows::int);

-- name: FinishOutbox :exec
UPDATE outbox SET done_at = now(), leased_until = NULL, last_error = '' WHERE id = @id;

-- name: PostponeOutbox :exec
UPDATE outbox SET leased_until = NULL, last_error = @last_error, not_before = now() + make_interval(secs => @delay_seconds::float8)
WHERE id = @id;

-- name: ParkOutbox :exec
UPDATE outbox SET topic = 'unmatched', leased_until = NULL, last_error = @last_error WHERE id = @id;

-- name: OutboxBacklog :one
SELECT count(*)::bigint AS waiting, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest_seconds
FROM outbox WHERE done_at IS NULL AND topic <> 'unmatched';

-- name: EnqueueOutbox :execrows
INSERT INTO outbox (topic, dedupe_key, appointment_id, payload, traceparent)
VALUES (@topic, @dedupe_key, sqlc.narg(appointment_id), @payload, @traceparent) ON CONFLICT DO NOTHING;

-- name: WaitingNews :many
-- What the payment provider told and nobody has taken yet.
SELECT topic, dedupe_key, appointment_id, payload, traceparent FROM outbox
WHERE done_at IS NULL AND topic IN ('payment_hint','payment_case') AND appointment_id IS NOT NULL ORDER BY id;

-- name: AppointmentOfIntent :one
SELECT appointment_id FROM payments WHERE intent_id = @intent_id;

-- name: AppointmentExists :one
SELECT EXISTS (SELECT 1 FROM appointments WHERE id = @id);

-- name: DataKeys :many
SELECT id, kek_id, wrapped, created_at FROM data_keys ORDER BY created_at, id;

-- name: SaveDataKey :exec
INSERT INTO data_keys (id, kek_id, wrapped, created_at) VALUES (@id, @kek_id, @wrapped, @created_at) ON CONFLICT DO NOTHING;

-- name: ReplaceDataKey :exec
UPDATE data_keys SET kek_id = @kek_id, wrapped = @wrapped WHERE id = @id;
