-- name: BeginBackup :exec
INSERT INTO backup_logs (id, target, trigger, requested_by, state, started_at)
VALUES (@id, @target, @trigger, @requested_by, 'running', @started_at)
ON CONFLICT (id) DO NOTHING;

-- name: StepBackup :exec
-- Forward only: the report of a step that comes late changes nothing of an ended backup. A
-- rejected or stored one may yet be proven.
UPDATE backup_logs SET
    state = CASE WHEN @state::text <> '' THEN @state ELSE state END,
    phase = CASE WHEN @state::text <> '' THEN '' WHEN @phase::text <> '' THEN @phase ELSE phase END,
    progress_bytes = CASE WHEN @state::text <> '' THEN 0 ELSE @progress_bytes END,
    error_code = CASE WHEN @state::text <> '' THEN @error_code ELSE error_code END,
    error_detail = CASE WHEN @state::text <> '' THEN @error_detail ELSE error_detail END,
    finished_at = CASE WHEN @state::text IN ('failed','cancelled') THEN @at ELSE finished_at END,
    updated_at = now()
WHERE id = @id
  AND (state = 'running'
       OR (state = 'stored' AND @state::text IN ('', 'verified', 'rejected'))
       OR (state IN ('verified', 'rejected') AND @state::text IN ('verified', 'rejected')));

-- name: NoteManifest :exec
UPDATE backup_logs SET engine = @engine, snapshot_at = @snapshot_at, finished_at = @finished_at, stored_bytes = @stored_bytes,
    plain_bytes = @plain_bytes, tables = @tables, rows = @rows, server = @server, tool = @tool
WHERE id = @id;

-- name: NoteEvidence :exec
UPDATE backup_logs SET evidence = @evidence, verified_at = CASE WHEN state = 'verified' THEN @at ELSE verified_at END
WHERE id = @id;

-- name: AdoptBackup :exec
INSERT INTO backup_logs (id, target, trigger, state, started_at)
VALUES (@id, @target, 'adopted', 'stored', @started_at)
ON CONFLICT (id) DO NOTHING;

-- name: BuryBackup :exec
UPDATE backup_logs SET buried_at = coalesce(buried_at, sqlc.narg(at)), updated_at = now() WHERE id = @id;

-- name: RaiseBackup :exec
UPDATE backup_logs SET buried_at = NULL, updated_at = now() WHERE id = @id;

-- name: RemoveBackup :exec
UPDATE backup_logs SET state = 'removed', removed_at = coalesce(removed_at, sqlc.narg(at)), updated_at = now() WHERE id = @id;

-- name: HoldBackup :execrows
UPDATE backup_logs SET held_by = @held_by::uuid, held_reason = @held_reason, released_by = NULL, released_reason = '', updated_at = now()
WHERE id = @id;

-- name: ReleaseBackup :execrows
-- Who held it last, and why, stays readable until it is held again.
UPDATE backup_logs SET held_by = NULL, released_by = @released_by::uuid, released_reason = @released_reason, updated_at = now()
WHERE id = @id;

-- name: BackupByID :one
SELECT * FROM backup_logs WHERE id = @id;

-- name: Backups :many
SELECT * FROM backup_logs
WHERE (@target::text = '' OR target = @target) AND (@state::text = '' OR state = @state)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (started_at, id) < (sqlc.narg(before_at), @before_id::uuid))
ORDER BY started_at DESC, id DESC LIMIT @max_rows;

-- name: BackupsOfTarget :many
SELECT * FROM backup_logs WHERE target = @target AND state <> 'removed' ORDER BY started_at;

-- name: OpenAlarm :one
INSERT INTO ops_alarms (id, key, kind, subject, ref, code, detail, raised_at)
VALUES (@id, @key, @kind, @subject, @ref, @code, @detail, @raised_at)
ON CONFLICT (key) DO UPDATE SET key = excluded.key
RETURNING id, state, told;

-- name: NoteTold :exec
UPDATE ops_alarms SET told = array_append(told, @address::text) WHERE id = @id AND NOT @address = ANY(told);

-- name: SettleAlarm :exec
UPDATE ops_alarms SET state = @state, settled_at = now() WHERE id = @id AND state = 'pending';

-- name: ExpectBackups :exec
INSERT INTO backup_targets (name, expected_since) SELECT name, @expected_since FROM unnest(@names::text[]) AS name
ON CONFLICT DO NOTHING;

-- name: BackupFreshness :many
-- A backup that has a tombstone is about to go, and does not count.
SELECT t.name, t.expected_since, b.snapshot_at AS newest
FROM backup_targets t LEFT JOIN LATERAL (
    SELECT snapshot_at FROM backup_logs
    WHERE target = t.name AND state = 'verified' AND buried_at IS NULL
    ORDER BY snapshot_at DESC LIMIT 1
) b ON true
WHERE t.name = ANY(@names::text[]) ORDER BY t.name;

-- name: ClaimAlarm :one
-- One process gets it: the first, or the next one after its claim has run out.
INSERT INTO ops_alarms AS a (id, key, kind, subject, ref, code, detail, raised_at, claimed_until)
VALUES (@id, @key, @kind, @subject, @ref, @code, @detail, @raised_at, now() + make_interval(secs => @lease_seconds::float8))
ON CONFLICT (key) DO UPDATE SET claimed_until = excluded.claimed_until
WHERE a.state = 'pending' AND (a.claimed_until IS NULL OR a.claimed_until < now())
RETURNING id, state, told;
