-- name: AccountByEmail :one
SELECT u.id, u.email, u.name, u.password_hash, u.roles, (u.disabled_at IS NOT NULL)::boolean AS disabled,
       (u.email_verified_at IS NULL)::boolean AS unverified,
       coalesce(d.id::text, '')::text AS doctor_id
FROM users u LEFT JOIN doctors d ON d.user_id = u.id
WHERE u.email = lower(@email);

-- name: AccountByID :one
SELECT u.id, u.email, u.name, u.password_hash, u.roles, (u.disabled_at IS NOT NULL)::boolean AS disabled,
       (u.email_verified_at IS NULL)::boolean AS unverified,
       coalesce(d.id::text, '')::text AS doctor_id
FROM users u LEFT JOIN doctors d ON d.user_id = u.id
WHERE u.id = @id;

-- name: Offer :one
-- Everything a slot depends on but the visits of others, and the stamp that changes with it.
SELECT s.stamp, d.name AS doctor_name, d.time_zone, d.active AS doctor_active, t.active AS type_active,
       t.id AS type_id, t.name AS type_name, t.mode, t.duration_minutes, t.step_minutes, t.minimum_notice_minutes, t.booking_window_days,
       coalesce(t.price_minor, d.fee_minor)::bigint AS price_minor,
       coalesce(t.price_currency, d.fee_currency)::text AS price_currency, t.terms,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('weekday', h.weekday, 'start', h.start_minute, 'end', h.end_minute)), '[]')
          FROM doctor_hours h WHERE h.doctor_id = d.id)::jsonb AS hours,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('start', o.starts_at, 'end', o.ends_at)), '[]')
          FROM doctor_time_off o WHERE o.doctor_id = d.id AND o.ends_at > @span_start::timestamptz
           AND o.starts_at < @span_end::timestamptz)::jsonb AS time_off,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('date', v.day, 'hours', v.hours)), '[]')
          FROM doctor_overrides v WHERE v.doctor_id = d.id
           AND v.day BETWEEN to_date(@first_day::text, 'YYYY-MM-DD') AND to_date(@last_day::text, 'YYYY-MM-DD'))::jsonb AS overrides
FROM doctors d JOIN doctor_schedules s ON s.doctor_id = d.id JOIN appointment_types t ON t.doctor_id = d.id
WHERE d.id = @doctor_id AND t.id = @type_id;

-- name: OfferStamp :one
SELECT stamp FROM doctor_schedules WHERE doctor_id = @doctor_id;

-- name: LockSchedule :one
-- Keeps edits of hours and time off (FOR UPDATE) out until the booking is in. A statement of
-- its own: what is read after it sees every edit that committed before the lock was had.
SELECT version FROM doctor_schedules WHERE doctor_id = @doctor_id FOR SHARE;

-- name: BusyWindows :many
SELECT lower(occupied)::timestamptz AS starts_at, upper(occupied)::timestamptz AS ends_at
FROM appointments
WHERE doctor_id = @doctor_id AND occupied && tstzrange(@span_start::timestamptz, @span_end::timestamptz)
  AND status IN ('requested','pending','capturing','confirmed','checked_in')
ORDER BY 1;

-- name: Candidates :many
-- What active doctors offer that fits an any-doctor search, each with what its slots depend
-- on but the visits of others. Empty criteria fit everything.
SELECT d.id AS doctor_id, d.time_zone, t.id AS type_id, t.name AS type_name, t.mode, t.duration_minutes, t.step_minutes,
       t.minimum_notice_minutes, t.booking_window_days,
       coalesce(t.price_minor, d.fee_minor)::bigint AS price_minor,
       coalesce(t.price_currency, d.fee_currency)::text AS price_currency, t.terms,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('weekday', h.weekday, 'start', h.start_minute, 'end', h.end_minute)), '[]')
          FROM doctor_hours h WHERE h.doctor_id = d.id)::jsonb AS hours,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('start', o.starts_at, 'end', o.ends_at)), '[]')
          FROM doctor_time_off o WHERE o.doctor_id = d.id AND o.ends_at > @span_start::timestamptz
           AND o.starts_at < @span_end::timestamptz)::jsonb AS time_off,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('date', v.day, 'hours', v.hours)), '[]')
          FROM doctor_overrides v WHERE v.doctor_id = d.id
           AND v.day BETWEEN to_date(@first_day::text, 'YYYY-MM-DD') AND to_date(@last_day::text, 'YYYY-MM-DD'))::jsonb AS overrides
FROM doctors d JOIN appointment_types t ON t.doctor_id = d.id
WHERE d.active AND t.active
  AND (@speciality::text = '' OR searchable(d.speciality) = searchable(@speciality::text))
  AND (cardinality(@doctor_ids::uuid[]) = 0 OR d.id = ANY (@doctor_ids::uuid[]))
  AND (cardinality(@type_ids::uuid[]) = 0 OR t.id = ANY (@type_ids::uuid[]))
  AND (@language::text = '' OR EXISTS (SELECT 1 FROM unnest(d.languages) l
       WHERE lower(l) = lower(@language::text) OR starts_with(lower(l), lower(@language::text) || '-')))
  AND (@type_name::text = '' OR searchable(t.name) = searchable(@type_name::text))
  AND (@mode::text = '' OR t.mode = @mode::text)
  AND (@duration_minutes::int = 0 OR t.duration_minutes = @duration_minutes::int)
  AND (sqlc.narg(max_currency)::text IS NULL OR (coalesce(t.price_currency, d.fee_currency) = sqlc.narg(max_currency)::text
       AND coalesce(t.price_minor, d.fee_minor) <= @max_minor::bigint))
ORDER BY d.id, t.id LIMIT @max_rows;

-- name: BusyWindowsOf :many
SELECT doctor_id, lower(occupied)::timestamptz AS starts_at, upper(occupied)::timestamptz AS ends_at
FROM appointments
WHERE doctor_id = ANY (@doctor_ids::uuid[]) AND occupied && tstzrange(@span_start::timestamptz, @span_end::timestamptz)
  AND status IN ('requested','pending','capturing','confirmed','checked_in')
ORDER BY doctor_id, 2;

-- name: LockSchedulesOf :exec
-- LockSchedule for several doctors, in the order in which everyone takes several.
SELECT version FROM doctor_schedules WHERE doctor_id = ANY (@doctor_ids::uuid[]) ORDER BY doctor_id FOR SHARE;

-- name: VisitsOfDay :many
-- How many visits each doctor has within a day of their own: those on and those that were.
SELECT w.doctor_id::uuid AS doctor_id, count(a.id)::int AS visits
FROM (SELECT unnest(@doctor_ids::uuid[]) AS doctor_id, unnest(@day_starts::timestamptz[]) AS day_start, unnest(@day_ends::timestamptz[]) AS day_end) w
LEFT JOIN appointments a ON a.doctor_id = w.doctor_id AND a.starts_at >= w.day_start AND a.starts_at < w.day_end
     AND a.status <> ALL (ARRAY['declined','cancelled','expired'])
GROUP BY w.doctor_id;
