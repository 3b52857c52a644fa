-- name: LockActiveUser :one
-- Waits for a change of the account that is under way, and keeps the next one out, as well
-- as another log-in: each sees the sessions of the one before.
SELECT (first_login_at IS NULL)::boolean AS never FROM users
WHERE id = @id AND password_hash = @password_hash AND disabled_at IS NULL AND email_verified_at IS NOT NULL FOR NO KEY UPDATE;

-- name: NoteFirstLogin :exec
UPDATE users SET first_login_at = @now::timestamptz WHERE id = @id AND first_login_at IS NULL;

-- name: SeenBefore :one
-- Did this device log in from this network before? A session whose token was copied proves
-- nothing. Sessions of the release before say that a log-in is not the first one.
SELECT count(*) > 0 AS logged_in,
       coalesce(bool_or(device = @device AND origin = @origin::bytea AND end_reason IS DISTINCT FROM 'token_reused'), false)::boolean AS known
FROM sessions WHERE user_id = @user_id;

-- name: EndOldestSessions :execrows
-- All but so many of the live sessions, those used longest ago.
UPDATE sessions SET ended_at = @now::timestamptz, end_reason = @reason::text
WHERE id = ANY (ARRAY(SELECT s.id FROM sessions s
    WHERE s.user_id = @user_id AND s.ended_at IS NULL AND s.expires_at > @now::timestamptz
    ORDER BY s.last_used_at DESC, s.id DESC OFFSET @keep::int));

-- name: LockUser :one
-- Keeps log-ins and other changes of the account out.
SELECT id FROM users WHERE id = @id FOR NO KEY UPDATE;

-- name: InsertSession :exec
INSERT INTO sessions (id, user_id, device, origin, created_at, last_used_at, expires_at)
VALUES (@id, @user_id, @device, @origin, @now::timestamptz, @now::timestamptz, @expires_at);

-- name: InsertRefreshToken :exec
INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at) VALUES (@hash, @session_id, @issued_at, @expires_at);

-- name: LockSessionOfToken :one
-- All tokens of a session wait for each other here.
SELECT id, user_id, expires_at, ended_at FROM sessions
WHERE id = (SELECT t.session_id FROM refresh_tokens t WHERE t.hash = @hash) FOR UPDATE;

-- name: RefreshToken :one
SELECT t.expires_at, t.used_at, t.salt, n.used_at AS next_used_at, n.expires_at AS next_expires_at
FROM refresh_tokens t LEFT JOIN refresh_tokens n ON n.hash = t.next_hash
WHERE t.hash = @hash;

-- name: UseRefreshToken :exec
UPDATE refresh_tokens SET used_at = @now::timestamptz, salt = @salt, next_hash = @next_hash WHERE hash = @hash;

-- name: ForgetAnswer :exec
-- The token was presented, so the answer that brought it arrived: it is never given again.
UPDATE refresh_tokens SET salt = NULL WHERE next_hash = @hash::bytea;

-- name: ForgetRefreshTokens :exec
-- A token that is over is no use to anyone: presented again, it is merely unknown.
DELETE FROM refresh_tokens WHERE session_id = @session_id AND expires_at < @now::timestamptz;

-- name: TouchSession :exec
UPDATE sessions SET last_used_at = @now::timestamptz, origin = @origin WHERE id = @id;

-- name: EndSession :execrows
UPDATE sessions SET ended_at = @now::timestamptz, end_reason = @reason::text
WHERE id = @id AND user_id = @user_id AND ended_at IS NULL;

-- name: EndSessions :execrows
UPDATE sessions SET ended_at = @now::timestamptz, end_reason = @reason::text
WHERE user_id = @user_id AND ended_at IS NULL AND id IS DISTINCT FROM sqlc.narg(but)::uuid;

-- name: ForgetSessions :exec
-- What ended long ago; its tokens go with it.
DELETE FROM sessions WHERE user_id = @user_id AND coalesce(ended_at, expires_at) < @before::timestamptz;

-- name: LiveSessions :many
SELECT id, device, created_at, last_used_at, expires_at FROM sessions
WHERE user_id = @user_id AND ended_at IS NULL AND expires_at > @now::timestamptz
ORDER BY last_used_at DESC, id;

-- name: SessionCaller :one
SELECT u.id, u.roles, coalesce(d.id::text, '')::text AS doctor_id
FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN doctors d ON d.user_id = u.id
WHERE s.id = @id AND s.ended_at IS NULL AND s.expires_at > @now::timestamptz AND u.disabled_at IS NULL;

-- name: SessionCallers :many
-- Whom many sessions speak for; those that ended are left out.
SELECT s.id AS session_id, u.id, u.roles, coalesce(d.id::text, '')::text AS doctor_id
FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN doctors d ON d.user_id = u.id
WHERE s.id = ANY (@ids::uuid[]) AND s.ended_at IS NULL AND s.expires_at > @now::timestamptz AND u.disabled_at IS NULL;

-- name: AddAccountEvent :exec
INSERT INTO account_events (account_id, kind, actor_id, roles, request_id)
VALUES (@account_id, @kind, sqlc.narg(actor_id), sqlc.narg(roles)::text[], @request_id);
