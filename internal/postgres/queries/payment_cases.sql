-- name: RefundsOf :many
SELECT number, key, refund_id, minor, status, origin, error_code, created_at FROM refunds
WHERE intent_id = @intent_id ORDER BY number;

-- name: InsertRefund :exec
INSERT INTO refunds (intent_id, number, key, refund_id, minor, status, origin, created_at, updated_at)
VALUES (@intent_id, @number, @key, sqlc.narg(refund_id), @minor, @status, @origin, @at, @at);

-- name: UpdateRefund :exec
UPDATE refunds SET status = @status, refund_id = coalesce(refund_id, sqlc.narg(refund_id)), error_code = @error_code, updated_at = @at
WHERE intent_id = @intent_id AND number = @number;

-- name: AddRefunded :exec
UPDATE payments SET refunded_minor = refunded_minor + @minor, updated_at = now() WHERE intent_id = @intent_id;

-- name: AddChargedBack :exec
UPDATE payments SET charged_back_minor = charged_back_minor + @minor, updated_at = now() WHERE intent_id = @intent_id;

-- name: CaseOfIntent :one
SELECT * FROM payment_cases WHERE intent_id = @intent_id;

-- name: LockCaseOfIntent :one
SELECT * FROM payment_cases WHERE intent_id = @intent_id FOR UPDATE;

-- name: LockCase :one
SELECT * FROM payment_cases WHERE id = @id FOR UPDATE;

-- name: InsertCase :exec
INSERT INTO payment_cases (id, intent_id, appointment_id, kind, state, waits_for, waiting_since, error_code, look_at, opened_at, updated_at)
VALUES (@id, @intent_id, @appointment_id, @kind, 'open', 'provider', @at, @error_code, @at, @at, @at);

-- name: MoveCase :exec
UPDATE payment_cases SET kind = @kind, state = @state, waits_for = @waits_for, error_code = @error_code, outcome = @outcome,
    waiting_since = CASE WHEN waits_for = @waits_for AND state = @state THEN waiting_since ELSE @at END,
    version = version + 1, look_at = @look_at, retry_beyond = @retry_beyond, updated_at = @at,
    closed_at = CASE WHEN @state = 'closed' THEN @at::timestamptz END
WHERE id = @id;

-- name: SetCaseResolved :exec
UPDATE payment_cases SET resolved = true WHERE id = @id;

-- name: SetCaseLook :exec
UPDATE payment_cases SET look_at = @look_at WHERE id = @id;

-- name: SetCaseDispute :exec
UPDATE payment_cases SET dispute_id = @dispute_id, dispute_status = @dispute_status, dispute_reason = @dispute_reason,
    dispute_minor = @dispute_minor, evidence_by = sqlc.narg(evidence_by) WHERE intent_id = @intent_id;

-- name: AppendCaseEvent :exec
INSERT INTO payment_case_events (case_id, version, kind, state, waits_for, actor_kind, actor_id, reason_code, error_code, at)
VALUES (@case_id, @version, @kind, @state, @waits_for, @actor_kind, @actor_id, @reason_code, @error_code, @at);

-- name: CaseEvents :many
SELECT version, kind, state, waits_for, actor_kind, actor_id, reason_code, error_code, at
FROM payment_case_events WHERE case_id = @case_id ORDER BY version;

-- name: PaymentCase :one
SELECT sqlc.embed(c), p.amount_minor, p.currency, p.captured_minor, p.refunded_minor, p.charged_back_minor
FROM payment_cases c JOIN payments p ON p.intent_id = c.intent_id WHERE c.id = @id;

-- name: PaymentCases :many
SELECT sqlc.embed(c), p.amount_minor, p.currency, p.captured_minor, p.refunded_minor, p.charged_back_minor
FROM payment_cases c JOIN payments p ON p.intent_id = c.intent_id
WHERE (cardinality(@states::text[]) = 0 OR c.state = ANY (@states::text[]))
  AND (sqlc.narg(appointment_id)::uuid IS NULL OR c.appointment_id = sqlc.narg(appointment_id)::uuid)
  AND (sqlc.narg(before)::timestamptz IS NULL OR (c.opened_at, c.id) < (sqlc.narg(before)::timestamptz, sqlc.narg(before_id)::uuid))
ORDER BY c.opened_at DESC, c.id DESC LIMIT @max_rows;

-- name: VisitOfIntent :one
-- A no-show fee that the patient may still object to is not kept yet, and not given back.
SELECT a.id, a.status, (a.kept_minor + CASE WHEN a.fee_status IN ('noticed','disputed') THEN a.fee_minor ELSE 0 END)::bigint AS kept_minor
FROM payments p JOIN appointments a ON a.id = p.appointment_id WHERE p.intent_id = @intent_id;

-- name: LettersOwed :one
SELECT EXISTS (SELECT 1 FROM messages WHERE appointment_id = @appointment_id AND status IN ('pending','sending'));

-- name: TurnIntoCase :exec
UPDATE outbox SET topic = 'payment_case' WHERE id = @id;

-- name: LateCases :many
SELECT id, appointment_id, intent_id, state, waits_for, look_at FROM payment_cases
WHERE state <> 'closed' AND look_at < now() - make_interval(secs => @late_seconds::float8)
ORDER BY look_at LIMIT @max_rows;
