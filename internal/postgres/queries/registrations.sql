-- name: InsertRegistered :execrows
INSERT INTO users (id, email, name, password_hash, roles, locale, time_zone, email_verified_at)
VALUES (@id, lower(@email), @name, @password_hash, '{patient}', @locale, @time_zone, NULL)
ON CONFLICT (email) DO NOTHING;

-- name: LockByEmail :one
SELECT id, (disabled_at IS NOT NULL)::boolean AS disabled, (email_verified_at IS NULL)::boolean AS unverified
FROM users WHERE email = lower(@email) FOR NO KEY UPDATE;

-- name: RegisterAgain :exec
-- Nobody has proved yet whose the address is: what was said last holds.
UPDATE users SET name = @name, password_hash = @password_hash, locale = @locale, time_zone = @time_zone,
    version = version + 1, updated_at = now()
WHERE id = @id AND email_verified_at IS NULL;

-- name: KeepRegistration :exec
INSERT INTO registrations (account_id, date_of_birth, gender, phone, created_at)
VALUES (@account_id, to_date(sqlc.narg(date_of_birth)::text, 'YYYY-MM-DD'), sqlc.narg(gender), sqlc.narg(phone), @now::timestamptz)
ON CONFLICT (account_id) DO UPDATE SET date_of_birth = EXCLUDED.date_of_birth, gender = EXCLUDED.gender, phone = EXCLUDED.phone,
    created_at = EXCLUDED.created_at;

-- name: VerifyAccount :execrows
UPDATE users SET email_verified_at = @now::timestamptz, version = version + 1, updated_at = now()
WHERE id = @id AND email_verified_at IS NULL;

-- name: AddOwnPatient :exec
-- The account's owner as a patient, with what was said when registering; once.
INSERT INTO patients (id, account_id, name, relation, date_of_birth, gender, phone, time_zone)
SELECT @id::uuid, u.id, u.name, 'self', r.date_of_birth, r.gender, r.phone, u.time_zone
FROM users u LEFT JOIN registrations r ON r.account_id = u.id
WHERE u.id = @account_id AND 'patient' = ANY (u.roles)
  AND NOT EXISTS (SELECT 1 FROM patients p WHERE p.account_id = u.id AND p.relation = 'self');

-- name: ForgetRegistration :exec
DELETE FROM registrations WHERE account_id = @account_id;

-- name: AbandonedRegistrations :many
-- Accounts that nobody ever verified, and that nobody has touched since.
SELECT r.account_id FROM registrations r JOIN users u ON u.id = r.account_id
WHERE u.email_verified_at IS NULL AND r.created_at < @before::timestamptz
  AND NOT EXISTS (SELECT 1 FROM patients p WHERE p.account_id = u.id) AND NOT EXISTS (SELECT 1 FROM doctors d WHERE d.user_id = u.id)
LIMIT 100 FOR UPDATE OF u SKIP LOCKED;

-- name: ForgetAccountEvents :exec
DELETE FROM account_events WHERE account_id = ANY (@account_ids::uuid[]);

-- name: ForgetAccounts :exec
DELETE FROM users WHERE id = ANY (@account_ids::uuid[]) AND email_verified_at IS NULL;
