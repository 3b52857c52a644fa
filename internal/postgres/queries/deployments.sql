-- name: BeginDeployment :exec
INSERT INTO deployments (id, environment, service, strategy, version, digest, artifact, schema, requested_by, reason, state, started_at)
VALUES (@id, @environment, @service, @strategy, @version, @digest, @artifact, @schema, @requested_by, @reason, 'running', @started_at)
ON CONFLICT (id) DO NOTHING;

-- name: StepDeployment :exec
-- Forward only: the report of a step that comes late changes nothing.
UPDATE deployments SET state = @state, step = @step, seq = @seq,
    error_code = CASE WHEN @error_code::text <> '' THEN @error_code ELSE error_code END,
    error_detail = CASE WHEN @error_code::text <> '' THEN @error_detail ELSE error_detail END,
    previous = CASE WHEN @previous::text <> '' THEN @previous ELSE previous END,
    ended_at = CASE WHEN @ended::boolean THEN @at::timestamptz END
WHERE id = @id AND seq <= @seq AND ended_at IS NULL;

-- name: KeepStep :exec
-- The same step again changes nothing once it has ended.
INSERT INTO deployment_steps (deployment_id, seq, name, host, digest, state, said_by, reason, started_at, ended_at, exit_code, output, error_code, error_detail)
VALUES (@deployment_id, @seq, @name, @host, @digest, @state, @said_by, @reason, @started_at, @ended_at, @exit_code, @output, @error_code, @error_detail)
ON CONFLICT (deployment_id, seq) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at, exit_code = excluded.exit_code,
    output = excluded.output, error_code = excluded.error_code, error_detail = excluded.error_detail, reason = excluded.reason
WHERE deployment_steps.ended_at IS NULL;

-- name: DeploymentByID :one
SELECT * FROM deployments WHERE id = @id;

-- name: DeploymentSteps :many
SELECT seq, name, host, digest, state, said_by, reason, started_at, ended_at, exit_code, error_code, error_detail
FROM deployment_steps WHERE deployment_id = @deployment_id ORDER BY seq;

-- name: DeploymentStep :one
SELECT * FROM deployment_steps WHERE deployment_id = @deployment_id AND seq = @seq;

-- name: Deployments :many
SELECT * FROM deployments
WHERE (@environment::text = '' OR environment = @environment) AND (@service::text = '' OR service = @service)
  AND (@state::text = '' OR state = @state)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (started_at, id) < (sqlc.narg(before_at), @before_id::uuid))
ORDER BY started_at DESC, id DESC LIMIT @max_rows;
