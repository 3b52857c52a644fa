-- name: LockScheduleForEdit :one
-- Waits for the bookings under way and keeps others out until the edit is in. A statement
-- of its own: what is read after it sees every booking that committed before.
SELECT version FROM doctor_schedules WHERE doctor_id = @doctor_id FOR UPDATE;

-- name: BumpSchedule :one
UPDATE doctor_schedules SET version = version + 1, updated_at = now() WHERE doctor_id = @doctor_id RETURNING version;

-- name: Timetable :one
SELECT s.version, d.time_zone,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('weekday', h.weekday, 'start', h.start_minute, 'end', h.end_minute)
                                  ORDER BY h.weekday, h.start_minute), '[]')
          FROM doctor_hours h WHERE h.doctor_id = d.id)::jsonb AS hours,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('date', v.day, 'hours', v.hours) ORDER BY v.day), '[]')
          FROM doctor_overrides v WHERE v.doctor_id = d.id
           AND v.day BETWEEN to_date(@first_day::text, 'YYYY-MM-DD') AND to_date(@last_day::text, 'YYYY-MM-DD'))::jsonb AS overrides,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'start', o.starts_at, 'end', o.ends_at) ORDER BY o.starts_at, o.id), '[]')
          FROM doctor_time_off o WHERE o.doctor_id = d.id AND o.ends_at > @span_start::timestamptz
           AND o.starts_at < @span_end::timestamptz)::jsonb AS time_off
FROM doctors d JOIN doctor_schedules s ON s.doctor_id = d.id
WHERE d.id = @doctor_id;

-- name: ClearHours :exec
DELETE FROM doctor_hours WHERE doctor_id = @doctor_id;

-- name: InsertHours :exec
INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute)
SELECT @doctor_id, unnest(@weekdays::smallint[]), unnest(@starts::smallint[]), unnest(@ends::smallint[]);

-- name: SetOverride :exec
INSERT INTO doctor_overrides (doctor_id, day, hours) VALUES (@doctor_id, to_date(@day::text, 'YYYY-MM-DD'), @hours)
ON CONFLICT (doctor_id, day) DO UPDATE SET hours = excluded.hours;

-- name: DropOverride :execrows
DELETE FROM doctor_overrides WHERE doctor_id = @doctor_id AND day = to_date(@day::text, 'YYYY-MM-DD');

-- name: InsertTimeOff :exec
INSERT INTO doctor_time_off (id, doctor_id, starts_at, ends_at) VALUES (@id, @doctor_id, @starts_at, @ends_at);

-- name: DropTimeOff :execrows
DELETE FROM doctor_time_off WHERE id = @id AND doctor_id = @doctor_id;

-- name: LiveVisits :many
-- The visits that hold time of a doctor within a span, which may have no end.
SELECT a.id, a.patient_id, a.booked_by, a.type_id, a.status, a.starts_at, a.ends_at, a.local_start, a.terms, t.name AS type_name
FROM appointments a JOIN appointment_types t ON t.id = a.type_id
WHERE a.doctor_id = @doctor_id AND a.status IN ('requested','pending','capturing','confirmed','checked_in')
  AND tstzrange(a.starts_at, a.ends_at) && tstzrange(@span_start::timestamptz, sqlc.narg(span_end)::timestamptz)
ORDER BY a.starts_at, a.id;
