-- name: ListAccounts :many
SELECT id, email, name, roles, locale, time_zone, (disabled_at IS NOT NULL)::boolean AS disabled,
       (email_verified_at IS NOT NULL)::boolean AS verified, version, created_at, updated_at
FROM users
WHERE roles <@ @within::text[]
  AND (@text::text = '' OR strpos(lower(name), lower(@text)) > 0 OR strpos(email, lower(@text)) > 0)
  AND (@role::text = '' OR @role = ANY (roles))
  AND (sqlc.narg(disabled)::boolean IS NULL OR (disabled_at IS NOT NULL) = sqlc.narg(disabled))
  AND (sqlc.narg(after_id)::uuid IS NULL OR id < sqlc.narg(after_id))
ORDER BY id DESC LIMIT @max_rows;

-- name: ManagedAccount :one
SELECT id, email, name, roles, locale, time_zone, (disabled_at IS NOT NULL)::boolean AS disabled,
       (email_verified_at IS NOT NULL)::boolean AS verified, version, created_at, updated_at
FROM users WHERE id = @id AND roles <@ @within::text[];

-- name: LockManagedAccount :one
-- Keeps log-ins and other changes out until this one is in.
SELECT id, name, roles, (disabled_at IS NOT NULL)::boolean AS disabled, version
FROM users WHERE id = @id AND roles <@ @within::text[] FOR NO KEY UPDATE;

-- name: LockActiveAdmins :many
-- In the order of their IDs: two admins who lock each other out wait here, and the second
-- one sees what the first one did.
SELECT id FROM users WHERE 'admin' = ANY (roles) AND disabled_at IS NULL ORDER BY id FOR NO KEY UPDATE;

-- name: LockAccounts :exec
-- Two who both want to be the first wait for each other here.
LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE;

-- name: InsertAccount :one
INSERT INTO users (id, email, name, password_hash, roles, locale, time_zone)
VALUES (@id, lower(@email), @name, @password_hash, @roles::text[], @locale, @time_zone)
ON CONFLICT (email) DO NOTHING
RETURNING id, email, name, roles, locale, time_zone, false AS disabled,
    (email_verified_at IS NOT NULL)::boolean AS verified, version, created_at, updated_at;

-- name: UpdateAccount :one
UPDATE users SET name = @name, roles = @roles::text[], version = version + 1, updated_at = now(),
    disabled_at = CASE WHEN @disabled::boolean THEN coalesce(disabled_at, now()) END
WHERE id = @id
RETURNING id, email, name, roles, locale, time_zone, (disabled_at IS NOT NULL)::boolean AS disabled,
       (email_verified_at IS NOT NULL)::boolean AS verified, version, created_at, updated_at;

-- name: SetPassword :exec
UPDATE users SET password_hash = @password_hash, updated_at = now() WHERE id = @id;

-- name: ReplacePassword :execrows
-- The hash that was checked must still be the account's.
UPDATE users SET password_hash = @password_hash, updated_at = now()
WHERE id = @id AND password_hash = @old_hash AND disabled_at IS NULL;

-- name: AccountEvents :many
SELECT id, kind, actor_id, roles, at FROM account_events WHERE account_id = @account_id ORDER BY id DESC LIMIT @max_rows;
