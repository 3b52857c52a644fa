-- name: ClaimKey :execrows
INSERT INTO idempotency_keys (principal, operation, key, body_hash)
VALUES (@principal, @operation, @key, @body_hash) ON CONFLICT DO NOTHING;

-- name: ReadKey :one
SELECT body_hash, status, response FROM idempotency_keys
WHERE principal = @principal AND operation = @operation AND key = @key;

-- name: AnswerKey :execrows
UPDATE idempotency_keys SET status = @status, response = @response
WHERE principal = @principal AND operation = @operation AND key = @key AND status = 0;

-- name: DropKey :exec
DELETE FROM idempotency_keys
WHERE principal = @principal AND operation = @operation AND key = @key AND status = 0;

-- name: LockAccount :one
-- Bookings of one account queue up, so that its unpaid holds are counted right.
SELECT id FROM users WHERE id = @id FOR NO KEY UPDATE;

-- name: BookingParty :one
-- The patient's account, and how many unpaid holds the one who books has already.
SELECT p.account_id,
       (SELECT count(*) FROM appointments a WHERE a.booked_by = @booked_by AND a.status = 'requested')::int AS unpaid_holds
FROM patients p WHERE p.id = @patient_id;

-- name: InsertAppointment :one
-- The row, its first event, its outbox row and the answer under its key, or none of them
-- where the slot is held, or the offer is not the one that it was made by any more (an edit
-- under way is waited for), or the fence of a restore stands, or the one who books may not, unless that was judged before: the
-- patient is of another account, there are too many holds, or, where a session is given, it
-- does not go on with these roles (SessionCaller). A key that was used meanwhile is a unique
-- violation (23505).
WITH offered AS MATERIALIZED (
    SELECT s.doctor_id FROM doctor_schedules s WHERE s.doctor_id = @doctor_id AND s.stamp = @stamp
        AND NOT EXISTS (SELECT 1 FROM restore_fence) FOR SHARE
), allowed AS MATERIALIZED (
    SELECT p.id FROM patients p WHERE p.id = @patient_id AND (@judged::boolean OR (p.account_id = @booked_by
        AND (SELECT count(*) FROM appointments a WHERE a.booked_by = @booked_by AND a.status = 'requested') < @most_holds::int
        AND (sqlc.narg(session_id)::uuid IS NULL OR EXISTS (SELECT 1 FROM sessions l JOIN users u ON u.id = l.user_id
            WHERE l.id = sqlc.narg(session_id)::uuid AND l.user_id = @booked_by AND l.ended_at IS NULL AND l.expires_at > @now::timestamptz
              AND u.disabled_at IS NULL AND u.roles = @roles::text[]))))
), booked AS (
    INSERT INTO appointments (id, doctor_id, patient_id, booked_by, type_id, status, starts_at, ends_at, occupied,
        local_start, terms, reason_sealed, sealed_key_id, created_at, updated_at)
    SELECT @id, offered.doctor_id, allowed.id, @booked_by, @type_id, 'requested', @starts_at::timestamptz, @ends_at::timestamptz,
        tstzrange(@occupied_from::timestamptz, @occupied_to::timestamptz), @local_start, @terms,
        @reason_sealed, sqlc.narg(sealed_key_id), @now::timestamptz, @now::timestamptz
    FROM offered, allowed
    ON CONFLICT DO NOTHING
    RETURNING id, created_at
), noted AS (
    INSERT INTO appointment_events (appointment_id, seq, version, transition_id, kind, from_status, to_status, actor_kind, actor_id, at)
    SELECT id, 1, 1, 'booked', 'booked', 'requested', 'requested', @actor_kind, @actor_id::text, created_at FROM booked
), answered AS (
    INSERT INTO idempotency_keys (principal, operation, key, body_hash, status, response)
    SELECT @principal, @operation, @key, @body_hash, @status, @response FROM booked
), owed AS (
    INSERT INTO outbox (topic, dedupe_key, appointment_id, traceparent)
    SELECT 'start', 'start/' || id::text, id, @traceparent FROM booked
)
SELECT EXISTS (SELECT FROM offered)::boolean AS offered, EXISTS (SELECT FROM allowed)::boolean AS allowed, EXISTS (SELECT FROM booked)::boolean AS booked;

-- name: BookingConflict :one
-- Names what stands in the way of a visit; 'none' when it has gone meanwhile.
SELECT (CASE
    WHEN EXISTS (SELECT 1 FROM appointments a WHERE a.doctor_id = @doctor_id AND a.id <> @id
        AND a.occupied && tstzrange(@occupied_from::timestamptz, @occupied_to::timestamptz)
        AND a.status IN ('requested','pending','capturing','confirmed','checked_in')) THEN 'doctor'
    WHEN EXISTS (SELECT 1 FROM appointments a WHERE a.patient_id = @patient_id AND a.id <> @id
        AND tstzrange(a.starts_at, a.ends_at) && tstzrange(@starts_at::timestamptz, @ends_at::timestamptz)
        AND a.status IN ('requested','pending','capturing','confirmed','checked_in')) THEN 'patient'
    ELSE 'none' END)::text AS conflict;
