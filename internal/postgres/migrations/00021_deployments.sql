-- What became of each deployment: who, why, which release, and every transition of it.

-- +goose Up
CREATE TABLE deployments (
    id           uuid PRIMARY KEY,
    environment  text NOT NULL,
    service      text NOT NULL,
    strategy     text NOT NULL,
    version      text NOT NULL,
    digest       text NOT NULL,
    artifact     text NOT NULL,
    schema       text NOT NULL DEFAULT '',
    requested_by uuid,
    reason       text NOT NULL,
    state        text NOT NULL CHECK (state IN
        ('running','waiting_for_approval','paused','warm','rolling_back','succeeded','rolled_back','aborted','failed')),
    step         text NOT NULL DEFAULT '',
    seq          integer NOT NULL DEFAULT 0,
    previous     text NOT NULL DEFAULT '',
    error_code   text NOT NULL DEFAULT '',
    error_detail text NOT NULL DEFAULT '',
    started_at   timestamptz NOT NULL,
    ended_at     timestamptz
);
COMMENT ON TABLE deployments IS 'What became of each deployment. Its ID is the first run ID of its process.';
COMMENT ON COLUMN deployments.seq IS 'The newest step that moved this row: an earlier one that comes late changes nothing of it.';
COMMENT ON COLUMN deployments.previous IS 'The digest that was live when it began.';
CREATE INDEX deployments_service ON deployments (environment, service, started_at DESC, id);
CREATE INDEX deployments_started ON deployments (started_at DESC, id);

CREATE TABLE deployment_steps (
    deployment_id uuid NOT NULL REFERENCES deployments (id),
    seq           integer NOT NULL,
    name          text NOT NULL,
    host          text NOT NULL DEFAULT '',
    digest        text NOT NULL DEFAULT '',
    state         text NOT NULL,
    said_by       uuid,
    reason        text NOT NULL DEFAULT '',
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    exit_code     integer NOT NULL DEFAULT 0,
    output        text NOT NULL DEFAULT '',
    error_code    text NOT NULL DEFAULT '',
    error_detail  text NOT NULL DEFAULT '',
    PRIMARY KEY (deployment_id, seq)
);
COMMENT ON TABLE deployment_steps IS 'Every transition of a deployment, kept for ever; output is the last 64 KiB of what was printed.';

-- +goose Down
DROP TABLE deployment_steps, deployments;
