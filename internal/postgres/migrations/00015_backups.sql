-- The catalogue of backups, and alarms for the people who run this. The catalogue can be
-- made again from the manifests in the backup storage; it holds nothing of a record.

-- +goose Up
CREATE TABLE backup_logs (
    id             uuid PRIMARY KEY,
    target         text NOT NULL,
    engine         text NOT NULL DEFAULT '',
    trigger        text NOT NULL CHECK (trigger IN ('schedule','person','rejected_before','restore','adopted')),
    requested_by   uuid,
    state          text NOT NULL CHECK (state IN ('running','stored','verified','rejected','failed','cancelled','removed')),
    phase          text NOT NULL DEFAULT '',
    progress_bytes bigint NOT NULL DEFAULT 0,
    started_at     timestamptz NOT NULL,
    snapshot_at    timestamptz,
    finished_at    timestamptz,
    verified_at    timestamptz,
    stored_bytes   bigint NOT NULL DEFAULT 0,
    plain_bytes    bigint NOT NULL DEFAULT 0,
    tables         integer NOT NULL DEFAULT 0,
    rows           bigint NOT NULL DEFAULT 0,
    server         text NOT NULL DEFAULT '',
    tool           text NOT NULL DEFAULT '',
    error_code     text NOT NULL DEFAULT '',
    error_detail   text NOT NULL DEFAULT '',
    evidence       jsonb,
    held_by        uuid,
    held_reason    text NOT NULL DEFAULT '',
    released_by     uuid,
    released_reason text NOT NULL DEFAULT '',
    buried_at      timestamptz,
    removed_at     timestamptz,
    updated_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE backup_logs IS 'What became of each backup. A backup exists if and only if its manifest lies in the storage.';
COMMENT ON COLUMN backup_logs.snapshot_at IS 'The restore point: what was committed by then is in the backup.';
COMMENT ON COLUMN backup_logs.buried_at IS 'Since when it has a tombstone: its bytes go after the grace period.';
CREATE INDEX backup_logs_target ON backup_logs (target, started_at DESC, id);
CREATE INDEX backup_logs_started ON backup_logs (started_at DESC, id);

CREATE TABLE ops_alarms (
    id         uuid PRIMARY KEY,
    key        text NOT NULL UNIQUE,
    kind       text NOT NULL,
    subject    text NOT NULL,
    ref        text NOT NULL DEFAULT '',
    code       text NOT NULL DEFAULT '',
    detail     text NOT NULL DEFAULT '',
    state      text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending','sent','unsent')),
    raised_at  timestamptz NOT NULL,
    settled_at timestamptz
);
COMMENT ON TABLE ops_alarms IS 'What the people who run this were told, once for each key.';
CREATE INDEX ops_alarms_raised ON ops_alarms (raised_at DESC);

-- +goose Down
DROP TABLE ops_alarms, backup_logs;
