-- name: SearchDoctors :many
-- Doctors by name, a page at a time. Both patterns are of LIKE, folded as the names are.
SELECT d.id, d.name, d.speciality, d.languages, d.time_zone, d.fee_minor, d.fee_currency, d.active, d.degree, d.practising_since,
       d.about, d.address, d.picture_url, d.external_id, coalesce(d.email, u.email, '')::text AS email, d.version
FROM doctors d LEFT JOIN users u ON u.id = d.user_id
WHERE (d.active OR @inactive_too::boolean)
  AND (@name_part::text = '' OR searchable(d.name) LIKE '%' || searchable(@name_part::text) || '%')
  AND (@speciality_part::text = '' OR searchable(d.speciality) LIKE '%' || searchable(@speciality_part::text) || '%')
  AND (sqlc.narg(after_id)::uuid IS NULL OR (d.name, d.id) > (@after_name::text, sqlc.narg(after_id)::uuid))
ORDER BY d.name, d.id LIMIT @max_rows;

-- name: DoctorByID :one
SELECT d.id, d.name, d.speciality, d.languages, d.time_zone, d.fee_minor, d.fee_currency, d.active, d.degree, d.practising_since,
       d.about, d.address, d.picture_url, d.external_id, coalesce(d.email, u.email, '')::text AS email, d.version
FROM doctors d LEFT JOIN users u ON u.id = d.user_id
WHERE d.id = @id;

-- name: LockSchedules :exec
SELECT s.doctor_id FROM doctor_schedules s JOIN doctors d ON d.id = s.doctor_id
WHERE d.clinic_id = @clinic_id ORDER BY s.doctor_id FOR UPDATE OF s;

-- name: DoctorsForImport :many
SELECT d.id, d.name, d.speciality, d.languages, d.time_zone, d.fee_minor, d.fee_currency, d.active, d.degree, d.practising_since,
       d.about, d.address, d.picture_url, d.external_id, coalesce(d.email, u.email, '')::text AS email, d.version
FROM doctors d LEFT JOIN users u ON u.id = d.user_id
WHERE d.clinic_id = @clinic_id ORDER BY d.id;

-- name: InsertDoctor :exec
INSERT INTO doctors (id, clinic_id, user_id, name, speciality, languages, time_zone, fee_minor, fee_currency, active, degree,
    practising_since, about, address, picture_url, email, external_id)
VALUES (@id, @clinic_id, (SELECT u.id FROM users u WHERE u.email = sqlc.narg(email)::text AND 'doctor' = ANY (u.roles)),
    @name, @speciality, @languages, @time_zone, @fee_minor, @fee_currency, @active, @degree,
    sqlc.narg(practising_since), @about, @address, @picture_url, sqlc.narg(email)::text, sqlc.narg(external_id));

-- name: InsertSchedule :exec
INSERT INTO doctor_schedules (doctor_id) VALUES (@doctor_id);

-- name: LockDoctor :one
SELECT version FROM doctors WHERE id = @id FOR UPDATE;

-- name: UpdateDoctor :exec
UPDATE doctors d SET user_id = (SELECT u.id FROM users u WHERE u.email = sqlc.narg(email)::text AND 'doctor' = ANY (u.roles)),
    name = @name, speciality = @speciality, languages = @languages, time_zone = @time_zone, fee_minor = @fee_minor,
    fee_currency = @fee_currency, active = @active, degree = @degree, practising_since = sqlc.narg(practising_since),
    about = @about, address = @address, picture_url = @picture_url, email = sqlc.narg(email)::text,
    external_id = sqlc.narg(external_id), version = d.version + 1, updated_at = now()
WHERE d.id = @id;

-- name: TheClinic :one
-- An installation serves one clinic.
SELECT id, name, address, email, time_zone FROM clinics ORDER BY created_at, id LIMIT 1;

-- name: InsertClinic :exec
INSERT INTO clinics (id, name, address, email, time_zone) VALUES (@id, @name, @address, @email, @time_zone);

-- name: UpdateClinic :exec
UPDATE clinics SET name = @name, address = @address, email = @email, time_zone = @time_zone WHERE id = @id;
