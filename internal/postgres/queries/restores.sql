-- name: NoteRestore :exec
INSERT INTO restore_logs (id, target, state, seq, requested_by, record, started_at, finished_at)
VALUES (@id, @target, @state, @seq, @requested_by, @record, @started_at, sqlc.narg(finished_at))
ON CONFLICT (id) DO UPDATE SET state = excluded.state, seq = excluded.seq, record = excluded.record,
    finished_at = excluded.finished_at, updated_at = now()
WHERE restore_logs.seq <= excluded.seq;

-- name: RestoreByID :one
SELECT record FROM restore_logs WHERE id = @id;

-- name: Restores :many
SELECT record FROM restore_logs
WHERE (@target::text = '' OR target = @target)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (started_at, id) < (sqlc.narg(before_at), @before_id::uuid))
ORDER BY started_at DESC, id DESC LIMIT @max_rows;

-- name: RaiseFence :exec
INSERT INTO restore_fence (restore_id) VALUES (@restore_id) ON CONFLICT (one) DO UPDATE SET restore_id = excluded.restore_id;

-- name: LiftFence :exec
DELETE FROM restore_fence WHERE restore_id = @restore_id;

-- name: Fenced :one
SELECT EXISTS (SELECT 1 FROM restore_fence);

-- name: RowVersion :one
SELECT version, process_run_id FROM appointments WHERE id = @id;

-- name: AgeMessages :exec
-- Messages of a step are as old as the step, by the clock of the process that then had them
-- handed over: so it can be told which of them were.
UPDATE messages SET created_at = @at
WHERE appointment_id = @appointment_id AND starts_with(dedupe_key, @step::text) AND status IN ('pending', 'sending') AND created_at > @at;

-- name: SettleDelivered :execrows
-- What a process knows to have handed over is not handed over again. Where not all of it was
-- taken, nobody knows which.
UPDATE messages SET status = CASE WHEN @clean::boolean THEN 'sent' ELSE 'unknown' END, sent_at = CASE WHEN @clean::boolean THEN @at ELSE sent_at END,
    error_code = CASE WHEN @clean::boolean THEN '' ELSE 'restored' END
WHERE appointment_id = @appointment_id AND status IN ('pending', 'sending') AND created_at <= @at;

-- name: KeepLostVisit :exec
INSERT INTO restore_visits (restore_id, appointment_id, record) VALUES (@restore_id, @appointment_id, @record)
ON CONFLICT (restore_id, appointment_id) DO UPDATE SET record = excluded.record, updated_at = now();

-- name: ForgetFoundVisits :exec
-- Money that moved is listed again where it still has.
DELETE FROM restore_visits v WHERE v.restore_id = @restore_id AND (v.record->>'why' = 'money_moved'
  OR (v.record->>'why' = 'no_row' AND EXISTS (SELECT 1 FROM appointments a WHERE a.id = v.appointment_id)));

-- name: LostVisit :one
SELECT record FROM restore_visits WHERE restore_id = @restore_id AND appointment_id = @appointment_id;

-- name: LostVisits :many
SELECT record FROM restore_visits
WHERE restore_id = @restore_id AND appointment_id > @after::uuid ORDER BY appointment_id LIMIT @max_rows;

-- name: CountLostVisits :one
SELECT count(*) FROM restore_visits WHERE restore_id = @restore_id;

-- name: VisitsSince :many
SELECT a.id, a.doctor_id, a.patient_id, a.booked_by, a.status, a.version, a.starts_at, a.created_at
FROM appointments a WHERE a.created_at > @since ORDER BY a.id;

-- name: QuietAccountMessages :exec
-- What an account was owed at the restore point may have been handed over since.
UPDATE account_messages SET status = 'unknown', error_code = 'restored' WHERE status IN ('pending', 'sending');

-- name: EndAllSessions :exec
UPDATE sessions SET ended_at = now(), end_reason = 'logged_out_everywhere' WHERE ended_at IS NULL;
