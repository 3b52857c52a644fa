-- name: OweAccountMessage :exec
INSERT INTO account_messages (id, account_id, kind, device, send_before, created_at)
VALUES (@id, @account_id, @kind, @device, sqlc.narg(send_before), @now::timestamptz);

-- name: OweAccountMail :exec
-- Tells the relay that an account is owed letters.
INSERT INTO outbox (topic, dedupe_key, account_id, traceparent) VALUES ('account_mail', @dedupe_key, @account_id, @traceparent) ON CONFLICT DO NOTHING;

-- name: EndLinks :exec
-- The links of a purpose, or of all where none is named.
UPDATE account_links SET ended_at = @now::timestamptz, end_reason = @reason::text
WHERE account_id = @account_id AND ended_at IS NULL AND (sqlc.narg(purpose)::text IS NULL OR purpose = sqlc.narg(purpose)::text);

-- name: InsertLink :exec
INSERT INTO account_links (hash, message_id, account_id, purpose, key_id, expires_at)
VALUES (@hash, @message_id, @account_id, @purpose, @key_id, @expires_at);

-- name: LinkOf :one
SELECT l.account_id, l.purpose, l.expires_at, l.ended_at, u.email, u.password_hash, (u.disabled_at IS NOT NULL)::boolean AS disabled,
       (u.email_verified_at IS NULL)::boolean AS unverified
FROM account_links l JOIN users u ON u.id = l.account_id WHERE l.hash = @hash;

-- name: UseLink :execrows
-- Good once: of two at the same moment the second one finds it used.
UPDATE account_links SET ended_at = @now::timestamptz, end_reason = 'used'
WHERE hash = @hash AND purpose = @purpose AND ended_at IS NULL AND expires_at > @now::timestamptz;

-- name: SkipAccountMessages :exec
-- A letter whose link is over is no use any more. One that was being handed over when its
-- worker died may be with the vendor and counts as unknown.
UPDATE account_messages m SET
    status = CASE WHEN m.status = 'sending' THEN 'unknown' ELSE 'skipped' END,
    unknowns = m.unknowns + (m.status = 'sending')::int,
    error_code = CASE WHEN m.status = 'sending' THEN 'interrupted'
        WHEN m.send_before <= @now::timestamptz THEN 'too_late' ELSE 'overtaken' END
FROM account_links l
WHERE l.message_id = m.id AND m.account_id = @account_id AND m.status IN ('pending','sending')
  AND (m.send_before <= @now::timestamptz OR l.ended_at IS NOT NULL);

-- name: TakeAccountMessage :one
-- An attempt that was broken off is counted as unknown, as in TakeMessage.
UPDATE account_messages m SET status = 'sending', attempts = m.attempts + 1, unknowns = m.unknowns + (m.status = 'sending')::int
FROM account_messages was
WHERE was.id = m.id AND m.id = (SELECT d.id FROM account_messages d WHERE d.account_id = @account_id
    AND d.status IN ('pending','sending') ORDER BY d.seq LIMIT 1 FOR UPDATE)
RETURNING m.id, m.seq, m.kind, m.device, m.send_before, m.attempts, m.unknowns, m.created_at, was.status AS was_status;

-- name: AccountLetterFacts :one
SELECT u.email, u.name, u.locale, u.time_zone,
       coalesce((SELECT c.name FROM clinics c ORDER BY c.created_at, c.id LIMIT 1), '')::text AS clinic_name,
       coalesce((SELECT l.key_id FROM account_links l WHERE l.message_id = @message_id), '')::text AS key_id
FROM users u WHERE u.id = @account_id;

-- name: SettleAccountMessage :exec
-- Only what is being handed over is settled, as in SettleMessage.
UPDATE account_messages SET status = @status, vendor_id = @vendor_id, error_code = @error_code,
    unknowns = unknowns + @unknown::int, sent_at = CASE WHEN @status = 'sent' THEN now() ELSE sent_at END
WHERE id = @id AND status = 'sending';

-- name: AccountMessages :many
SELECT id, seq, kind, status, attempts, unknowns, error_code, created_at, sent_at
FROM account_messages WHERE account_id = @account_id ORDER BY seq DESC LIMIT @max_rows;

-- name: LateAccountMessages :many
-- Letters that nobody delivers any more, or that have been tried for long.
SELECT id, kind, attempts FROM account_messages
WHERE status IN ('pending','sending') AND created_at < now() - make_interval(secs => @late_seconds::float8)
ORDER BY seq LIMIT @max_rows;

-- name: LockAccountMessage :one
SELECT id, kind, delivery, delivery_code, delivery_at FROM account_messages WHERE id = @id FOR UPDATE;

-- name: SetAccountDelivery :exec
UPDATE account_messages SET delivery = @delivery, delivery_code = @delivery_code, delivery_at = @delivery_at::timestamptz WHERE id = @id;
