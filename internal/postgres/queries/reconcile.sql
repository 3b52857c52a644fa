-- name: StandingVisits :many
-- Rows that are not archived and have stood still, a page at a time. One whose start is
-- still with the relay is the relay's business.
SELECT a.id, a.status, a.version, a.starts_at, a.stuck, a.process_run_id, a.updated_at,
       coalesce((SELECT e.version = a.version AND e.to_status = a.status FROM appointment_events e
                 WHERE e.appointment_id = a.id ORDER BY e.seq DESC LIMIT 1), false)::boolean AS in_timeline,
       (SELECT count(*) FROM appointment_events e
        WHERE e.appointment_id = a.id AND e.kind = 'process_replaced' AND e.actor_kind = 'system'
          AND e.at > now() - interval '1 day')::int AS replaced
FROM appointments a
WHERE a.status <> 'archived' AND a.id > @after_id::uuid
  AND a.updated_at < now() - make_interval(secs => @still_seconds::float8)
  AND (a.process_claimed_at IS NULL OR a.process_claimed_at < now() - make_interval(secs => @still_seconds::float8))
  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.appointment_id = a.id AND o.done_at IS NULL AND o.topic = 'start')
ORDER BY a.id LIMIT @max_rows;

-- name: StandingVisit :one
SELECT a.id, a.status, a.version, a.starts_at, a.stuck, a.process_run_id, a.updated_at,
       coalesce((SELECT e.version = a.version AND e.to_status = a.status FROM appointment_events e
                 WHERE e.appointment_id = a.id ORDER BY e.seq DESC LIMIT 1), false)::boolean AS in_timeline,
       (SELECT count(*) FROM appointment_events e
        WHERE e.appointment_id = a.id AND e.kind = 'process_replaced' AND e.actor_kind = 'system'
          AND e.at > now() - interval '1 day')::int AS replaced
FROM appointments a WHERE a.id = @id;

-- name: LockForReplacement :one
SELECT version, status, process_run_id FROM appointments WHERE id = @id FOR UPDATE;

-- name: ClearStuck :exec
UPDATE appointments SET stuck = NULL WHERE id = @id;

-- name: StuckOf :one
SELECT stuck FROM appointments WHERE id = @id;

-- name: UndeliveredAfterTheEnd :many
-- An archived visit has no process any more that could deliver what it owes.
SELECT m.id, m.appointment_id, m.kind FROM messages m JOIN appointments a ON a.id = m.appointment_id
WHERE m.status IN ('pending','sending') AND a.status = 'archived'
  AND m.created_at < now() - make_interval(secs => @still_seconds::float8)
  AND a.updated_at < now() - make_interval(secs => @still_seconds::float8)
ORDER BY m.seq LIMIT @max_rows;

-- name: LateOutbox :many
SELECT id, topic, appointment_id, attempts FROM outbox
WHERE done_at IS NULL AND topic <> 'unmatched' AND created_at < now() - make_interval(secs => @late_seconds::float8)
ORDER BY id LIMIT @max_rows;

-- name: OpenReconcileRun :exec
INSERT INTO reconcile_runs (id, trigger, started_at) VALUES (@id, @trigger, now()) ON CONFLICT DO NOTHING;

-- name: AddReconcileFinding :exec
INSERT INTO reconcile_findings (run_id, subject, code, appointment_id, detail)
VALUES (@run_id, @subject, @code, sqlc.narg(appointment_id), @detail) ON CONFLICT DO NOTHING;

-- name: CloseReconcileRun :exec
UPDATE reconcile_runs r SET finished_at = coalesce(r.finished_at, now()), checked = @checked, replaced = @replaced,
    reported = (SELECT count(*) FROM reconcile_findings f WHERE f.run_id = r.id)
WHERE r.id = @id;

-- name: PruneReconcileRuns :exec
DELETE FROM reconcile_runs WHERE started_at < now() - make_interval(days => @days::int);

-- name: ReconcileRuns :many
SELECT id, trigger, started_at, finished_at, checked, replaced, reported FROM reconcile_runs
ORDER BY started_at DESC, id LIMIT @max_rows;

-- name: ReconcileFindings :many
SELECT run_id, subject, code, appointment_id, detail, found_at FROM reconcile_findings
WHERE run_id = @run_id ORDER BY found_at, subject, code LIMIT @max_rows;

-- name: VisitsOfOtherZoneRules :many
-- Visits to come that were booked under another tz database than this build's.
SELECT a.id, a.starts_at, a.local_start, (a.terms->>'zone')::text AS zone FROM appointments a
WHERE a.status IN ('requested','pending','capturing','confirmed','checked_in')
  AND a.starts_at > @now::timestamptz AND a.id > @after_id::uuid
  AND a.terms->>'zone_version' IS DISTINCT FROM @zone_version::text
ORDER BY a.id LIMIT @max_rows;
