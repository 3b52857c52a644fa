-- name: PatientsOfAccount :many
SELECT id, account_id, name, relation, coalesce(to_char(date_of_birth, 'YYYY-MM-DD'), '')::text AS date_of_birth, gender, phone, time_zone, version
FROM patients WHERE account_id = @account_id ORDER BY created_at, id;

-- name: PatientByID :one
SELECT id, account_id, name, relation, coalesce(to_char(date_of_birth, 'YYYY-MM-DD'), '')::text AS date_of_birth, gender, phone, time_zone, version
FROM patients WHERE id = @id AND (sqlc.narg(account_id)::uuid IS NULL OR account_id = sqlc.narg(account_id)::uuid);

-- name: InsertPatient :exec
INSERT INTO patients (id, account_id, name, relation, date_of_birth, gender, phone, time_zone)
VALUES (@id, @account_id, @name, @relation, to_date(sqlc.narg(date_of_birth)::text, 'YYYY-MM-DD'), sqlc.narg(gender), sqlc.narg(phone), @time_zone);

-- name: PatientsCount :one
SELECT count(*)::int FROM patients WHERE account_id = @account_id;

-- name: LockPatient :one
SELECT version FROM patients
WHERE id = @id AND (sqlc.narg(account_id)::uuid IS NULL OR account_id = sqlc.narg(account_id)::uuid) FOR UPDATE;

-- name: UpdatePatient :exec
UPDATE patients SET name = @name, relation = @relation, date_of_birth = to_date(sqlc.narg(date_of_birth)::text, 'YYYY-MM-DD'),
    gender = sqlc.narg(gender), phone = sqlc.narg(phone), time_zone = @time_zone, version = version + 1, updated_at = now()
WHERE id = @id;
