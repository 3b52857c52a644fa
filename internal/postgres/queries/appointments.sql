-- name: AppointmentByID :one
-- The same columns as ReadAppointments.
SELECT 0::int AS reader, a.id, a.doctor_id, a.patient_id, a.booked_by, a.type_id, a.status, a.version, a.generation, a.starts_at, a.ends_at,
       a.local_start, a.terms, a.reschedules, a.sequence, a.pay_by, a.answer_by, a.kept_minor, a.ended_by, a.reason_code,
       a.fee_status, a.fee_minor, a.fee_until, a.over_by, a.graces,
       a.stuck, a.process_run_id, a.created_at, a.updated_at, a.ended_at, a.reason_sealed, a.notes_sealed, a.sealed_key_id,
       t.name AS type_name, t.join_url, d.name AS doctor_name, p.account_id,
       y.intent_id, y.status AS payment_status, y.amount_minor, y.currency, y.captured_minor, y.refunded_minor,
       y.capture_before, y.client_secret_sealed, y.sealed_key_id AS payment_key_id,
       coalesce((SELECT c.id::text FROM payment_cases c WHERE c.appointment_id = a.id AND c.state <> 'closed' ORDER BY c.opened_at LIMIT 1), '')::text AS case_id
FROM appointments a
JOIN appointment_types t ON t.id = a.type_id
JOIN doctors d ON d.id = a.doctor_id
JOIN patients p ON p.id = a.patient_id
LEFT JOIN payments y ON y.appointment_id = a.id AND y.generation = a.generation
WHERE a.id = @id
  AND (@all_visits::boolean
       OR a.doctor_id = sqlc.narg(scope_doctor)::uuid
       OR p.account_id = sqlc.narg(scope_account)::uuid
       OR a.booked_by = sqlc.narg(scope_account)::uuid);

-- name: NoteAccess :exec
INSERT INTO record_accesses (appointment_id, user_id, roles, request_id)
VALUES (@appointment_id, @user_id, @roles, @request_id);

-- name: ReadAppointments :many
-- AppointmentByID for several readers at once, each within a scope of its own, and the
-- lines that say who read what, in one statement: no record without its line. A scope that
-- is not asked for is the zero UUID. The arrays are read through sub-selects, so that
-- their lengths do not count and the plan is kept; the limit keeps each record a look-up
-- by its ID, whatever the planner thinks of the number of readers.
WITH asked AS MATERIALIZED (
    SELECT unnest((SELECT @readers::int[])) AS reader, unnest((SELECT @ids::uuid[])) AS id,
           unnest((SELECT @all_visits::boolean[])) AS all_visits, unnest((SELECT @scope_doctors::uuid[])) AS scope_doctor,
           unnest((SELECT @scope_accounts::uuid[])) AS scope_account, unnest((SELECT @user_ids::uuid[])) AS user_id,
           unnest((SELECT @roles::text[])) AS roles, unnest((SELECT @request_ids::text[])) AS request_id
), found AS MATERIALIZED (
    SELECT asked.reader::int AS reader, r.*
    FROM asked CROSS JOIN LATERAL (
        SELECT a.id, a.doctor_id, a.patient_id, a.booked_by, a.type_id, a.status, a.version, a.generation, a.starts_at, a.ends_at,
           a.local_start, a.terms, a.reschedules, a.sequence, a.pay_by, a.answer_by, a.kept_minor, a.ended_by, a.reason_code,
           a.fee_status, a.fee_minor, a.fee_until, a.over_by, a.graces,
           a.stuck, a.process_run_id, a.created_at, a.updated_at, a.ended_at, a.reason_sealed, a.notes_sealed, a.sealed_key_id,
           t.name AS type_name, t.join_url, d.name AS doctor_name, p.account_id,
           y.intent_id, y.status AS payment_status, y.amount_minor, y.currency, y.captured_minor, y.refunded_minor,
           y.capture_before, y.client_secret_sealed, y.sealed_key_id AS payment_key_id,
           coalesce((SELECT c.id::text FROM payment_cases c WHERE c.appointment_id = a.id AND c.state <> 'closed' ORDER BY c.opened_at LIMIT 1), '')::text AS case_id
        FROM appointments a
        JOIN appointment_types t ON t.id = a.type_id
        JOIN doctors d ON d.id = a.doctor_id
        JOIN patients p ON p.id = a.patient_id
        LEFT JOIN payments y ON y.appointment_id = a.id AND y.generation = a.generation
        WHERE a.id = asked.id
          AND (asked.all_visits OR a.doctor_id = asked.scope_doctor OR p.account_id = asked.scope_account OR a.booked_by = asked.scope_account)
        LIMIT 1) r
), noted AS (
    INSERT INTO record_accesses (appointment_id, user_id, roles, request_id)
    SELECT found.id, asked.user_id, string_to_array(asked.roles, ','), asked.request_id FROM found JOIN asked USING (reader)
)
SELECT * FROM found;

-- name: ListAppointments :many
SELECT a.id, a.doctor_id, a.patient_id, a.booked_by, a.type_id, a.status, a.version, a.generation, a.starts_at, a.ends_at,
       a.local_start, a.terms, a.reschedules, a.sequence, a.pay_by, a.answer_by, a.ended_by, a.reason_code, a.stuck,
       a.fee_status, a.fee_minor, a.fee_until, a.over_by,
       a.process_run_id, a.created_at, a.updated_at, a.ended_at, t.name AS type_name, d.name AS doctor_name,
       y.status AS payment_status, y.amount_minor, y.currency, y.captured_minor, y.refunded_minor,
       coalesce((SELECT c.id::text FROM payment_cases c WHERE c.appointment_id = a.id AND c.state <> 'closed' ORDER BY c.opened_at LIMIT 1), '')::text AS case_id
FROM appointments a
JOIN appointment_types t ON t.id = a.type_id
JOIN doctors d ON d.id = a.doctor_id
JOIN patients p ON p.id = a.patient_id
LEFT JOIN payments y ON y.appointment_id = a.id AND y.generation = a.generation
WHERE (@all_visits::boolean
       OR a.doctor_id = sqlc.narg(scope_doctor)::uuid
       OR p.account_id = sqlc.narg(scope_account)::uuid
       OR a.booked_by = sqlc.narg(scope_account)::uuid)
  AND (cardinality(@statuses::text[]) = 0 OR a.status = ANY (@statuses::text[]))
  AND (sqlc.narg(fee_status)::text IS NULL OR a.fee_status = sqlc.narg(fee_status)::text)
  AND (sqlc.narg(doctor_id)::uuid IS NULL OR a.doctor_id = sqlc.narg(doctor_id)::uuid)
  AND (sqlc.narg(patient_id)::uuid IS NULL OR a.patient_id = sqlc.narg(patient_id)::uuid)
  AND (sqlc.narg(from_start)::timestamptz IS NULL OR a.starts_at >= sqlc.narg(from_start)::timestamptz)
  AND (sqlc.narg(to_start)::timestamptz IS NULL OR a.starts_at < sqlc.narg(to_start)::timestamptz)
  AND (sqlc.narg(after_start)::timestamptz IS NULL
       OR (a.starts_at, a.id) > (sqlc.narg(after_start)::timestamptz, sqlc.narg(after_id)::uuid))
ORDER BY a.starts_at, a.id
LIMIT @max_rows;

-- name: DoctorAppointments :many
-- ListAppointments for one doctor, without conditions that come and go: PostgreSQL then
-- plans it once a connection, which for such short lists is half of the work.
SELECT a.id, a.doctor_id, a.patient_id, a.booked_by, a.type_id, a.status, a.version, a.generation, a.starts_at, a.ends_at,
       a.local_start, a.terms, a.reschedules, a.sequence, a.pay_by, a.answer_by, a.ended_by, a.reason_code, a.stuck,
       a.fee_status, a.fee_minor, a.fee_until, a.over_by,
       a.process_run_id, a.created_at, a.updated_at, a.ended_at, t.name AS type_name, d.name AS doctor_name,
       y.status AS payment_status, y.amount_minor, y.currency, y.captured_minor, y.refunded_minor,
       coalesce((SELECT c.id::text FROM payment_cases c WHERE c.appointment_id = a.id AND c.state <> 'closed' ORDER BY c.opened_at LIMIT 1), '')::text AS case_id
FROM appointments a
JOIN appointment_types t ON t.id = a.type_id
JOIN doctors d ON d.id = a.doctor_id
LEFT JOIN payments y ON y.appointment_id = a.id AND y.generation = a.generation
WHERE a.doctor_id = @doctor_id
  AND a.starts_at >= @from_start AND a.starts_at < @to_start
  AND (a.starts_at, a.id) > (@after_start::timestamptz, @after_id::uuid)
ORDER BY a.starts_at, a.id
LIMIT @max_rows;

-- name: Timeline :many
SELECT e.seq, e.version, e.transition_id, e.kind, e.from_status, e.to_status, e.actor_kind, e.actor_id, e.reason_code, e.at
FROM appointment_events e WHERE e.appointment_id = @appointment_id ORDER BY e.seq;

-- name: TimelinesAfter :many
-- What is new in many timelines at once, each after a line of its own.
SELECT e.appointment_id, e.seq, e.version, e.transition_id, e.kind, e.from_status, e.to_status, e.actor_kind, e.actor_id, e.reason_code, e.at
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@after_seqs::int[]) AS after_seq) w
JOIN appointment_events e ON e.appointment_id = w.id AND e.seq > w.after_seq
ORDER BY e.appointment_id, e.seq LIMIT @max_rows;

-- name: MessagesOf :many
SELECT m.id, m.appointment_id, m.seq, m.kind, m.recipient, m.status, m.attempts, m.unknowns, m.error_code, m.created_at, m.sent_at,
       m.delivery, m.delivery_code, m.delivery_at, m.problem, m.resend_of, r.id AS resent_as
FROM messages m LEFT JOIN messages r ON r.resend_of = m.id WHERE m.appointment_id = @appointment_id ORDER BY m.seq;

-- name: AppointmentVisible :one
SELECT EXISTS (SELECT 1 FROM appointments a JOIN patients p ON p.id = a.patient_id
WHERE a.id = @id
  AND (@all_visits::boolean
       OR a.doctor_id = sqlc.narg(scope_doctor)::uuid
       OR p.account_id = sqlc.narg(scope_account)::uuid
       OR a.booked_by = sqlc.narg(scope_account)::uuid));
