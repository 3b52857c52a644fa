-- name: CountAttempt :many
-- Adds one to each subject, in the order of their hashes so that nobody waits in a circle;
-- a window that is over starts anew.
INSERT INTO login_attempts AS a (subject, attempts, window_ends_at)
SELECT s.subject, 1, @window_ends_at::timestamptz FROM (SELECT unnest(@subjects::bytea[]) AS subject ORDER BY 1) s
ON CONFLICT (subject) DO UPDATE SET
    attempts = CASE WHEN a.window_ends_at <= @now::timestamptz THEN 1 ELSE a.attempts + 1 END,
    window_ends_at = CASE WHEN a.window_ends_at <= @now::timestamptz THEN EXCLUDED.window_ends_at ELSE a.window_ends_at END
RETURNING subject, attempts, window_ends_at;

-- name: KnownOrigin :one
-- Was the account used from this network lately? Also asked for accounts that do not exist.
-- A session whose token was copied proves nothing: the thief may have used it last.
SELECT EXISTS (SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id
               WHERE u.email = lower(@email) AND s.origin = @origin::bytea AND s.last_used_at > @since::timestamptz
                 AND s.end_reason IS DISTINCT FROM 'token_reused');

-- name: ForgiveAttempt :exec
-- A password that was right: the pair starts afresh, the others get their attempt back.
UPDATE login_attempts SET attempts = CASE WHEN subject = @pair::bytea THEN 0 ELSE greatest(attempts - 1, 0) END
WHERE subject = ANY (ARRAY(SELECT a.subject FROM login_attempts a WHERE a.subject = ANY (@subjects::bytea[]) ORDER BY 1 FOR UPDATE));

-- name: ForgetAttempts :exec
DELETE FROM login_attempts WHERE subject = ANY (ARRAY(
    SELECT a.subject FROM login_attempts a WHERE a.window_ends_at < @before::timestamptz LIMIT 1000 FOR UPDATE SKIP LOCKED));
