-- What housekeeping removed, and the indexes by which it finds what is old.

-- +goose Up
CREATE TABLE housekeeping_runs (
    id          text PRIMARY KEY,
    trigger     text NOT NULL CHECK (trigger IN ('schedule','person')),
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    removed     jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON COLUMN housekeeping_runs.id IS 'The run ID of the workflow, in Temporal UI.';
COMMENT ON COLUMN housekeeping_runs.removed IS 'Rows by what they were (domain.Litter).';
CREATE INDEX housekeeping_runs_started ON housekeeping_runs (started_at);

CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);
CREATE INDEX sessions_over ON sessions ((coalesce(ended_at, expires_at)));

-- +goose Down
DROP INDEX sessions_over, refresh_tokens_expires, idempotency_keys_created, outbox_done;
DROP TABLE housekeeping_runs;
