-- name: TypesOfDoctor :many
SELECT t.id, t.doctor_id, t.name, t.duration_minutes, t.step_minutes, t.minimum_notice_minutes, t.booking_window_days,
       t.price_minor AS own_price_minor, coalesce(t.price_minor, d.fee_minor)::bigint AS price_minor,
       coalesce(t.price_currency, d.fee_currency)::text AS price_currency, t.terms, d.time_zone, t.mode, t.join_url, t.active, t.version
FROM appointment_types t JOIN doctors d ON d.id = t.doctor_id
WHERE t.doctor_id = @doctor_id AND (t.active OR @inactive_too::boolean)
  AND (sqlc.narg(id)::uuid IS NULL OR t.id = sqlc.narg(id)::uuid)
ORDER BY t.name, t.id;

-- name: InsertType :exec
INSERT INTO appointment_types (id, doctor_id, name, mode, duration_minutes, step_minutes, minimum_notice_minutes, booking_window_days,
    price_minor, price_currency, terms, active, join_url)
VALUES (@id, @doctor_id, @name, @mode, @duration_minutes, @step_minutes, @minimum_notice_minutes, @booking_window_days,
    sqlc.narg(price_minor), sqlc.narg(price_currency), @terms, @active, @join_url);

-- name: LockType :one
SELECT version FROM appointment_types WHERE id = @id AND doctor_id = @doctor_id FOR UPDATE;

-- name: UpdateType :exec
UPDATE appointment_types SET name = @name, mode = @mode, duration_minutes = @duration_minutes, step_minutes = @step_minutes,
    minimum_notice_minutes = @minimum_notice_minutes, booking_window_days = @booking_window_days,
    price_minor = sqlc.narg(price_minor), price_currency = sqlc.narg(price_currency), terms = @terms, active = @active, join_url = @join_url,
    version = version + 1, updated_at = now()
WHERE id = @id;
