-- Each batch takes rows that nobody holds and leaves the rest to the next one: it waits for
-- nobody, and whoever waits for it waits for one batch.

-- name: SweepOutbox :execrows
DELETE FROM outbox WHERE id = ANY (ARRAY(
    SELECT o.id FROM outbox o WHERE o.done_at < @before::timestamptz
    ORDER BY o.done_at LIMIT @max_rows FOR UPDATE SKIP LOCKED));

-- name: SweepKeys :execrows
DELETE FROM idempotency_keys k USING (
    SELECT i.principal, i.operation, i.key FROM idempotency_keys i WHERE i.created_at < @before::timestamptz
    ORDER BY i.created_at LIMIT @max_rows FOR UPDATE SKIP LOCKED) old
WHERE k.principal = old.principal AND k.operation = old.operation AND k.key = old.key;

-- name: SweepRefreshTokens :execrows
DELETE FROM refresh_tokens WHERE hash = ANY (ARRAY(
    SELECT t.hash FROM refresh_tokens t WHERE t.expires_at < @before::timestamptz
    ORDER BY t.expires_at LIMIT @max_rows FOR UPDATE SKIP LOCKED));

-- name: SweepSessions :execrows
DELETE FROM sessions WHERE id = ANY (ARRAY(
    SELECT s.id FROM sessions s WHERE coalesce(s.ended_at, s.expires_at) < @before::timestamptz
    ORDER BY coalesce(s.ended_at, s.expires_at) LIMIT @max_rows FOR UPDATE SKIP LOCKED));

-- name: SweepAttempts :execrows
DELETE FROM login_attempts WHERE subject = ANY (ARRAY(
    SELECT a.subject FROM login_attempts a WHERE a.window_ends_at < @before::timestamptz
    ORDER BY a.window_ends_at LIMIT @max_rows FOR UPDATE SKIP LOCKED));

-- name: SweepHousekeepingRuns :execrows
DELETE FROM housekeeping_runs WHERE id = ANY (ARRAY(
    SELECT r.id FROM housekeeping_runs r WHERE r.started_at < @before::timestamptz
    ORDER BY r.started_at LIMIT @max_rows FOR UPDATE SKIP LOCKED));

-- name: OpenHousekeepingRun :exec
INSERT INTO housekeeping_runs (id, trigger, started_at) VALUES (@id, @trigger, now()) ON CONFLICT DO NOTHING;

-- name: CloseHousekeepingRun :exec
UPDATE housekeeping_runs SET finished_at = coalesce(finished_at, now()), removed = @removed WHERE id = @id;

-- name: HousekeepingRuns :many
SELECT id, trigger, started_at, finished_at, removed FROM housekeeping_runs ORDER BY started_at DESC, id LIMIT @max_rows;
