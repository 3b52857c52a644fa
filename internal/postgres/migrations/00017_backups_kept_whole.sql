-- What a backup needs to be of use elsewhere, and what tells that there is none.

-- +goose Up
CREATE TABLE ring_keys (
    ring       text NOT NULL CHECK (ring IN ('payload','signing','command','link')),
    id         text NOT NULL,
    kek_id     text NOT NULL,
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (ring, id)
);
COMMENT ON TABLE ring_keys IS 'Keys of the rings in the settings, wrapped by the key-encryption key that kek_id names, so that a backup holds them.';

CREATE TABLE backup_targets (
    name           text PRIMARY KEY,
    expected_since timestamptz NOT NULL
);
COMMENT ON TABLE backup_targets IS 'Since when backups of a target are expected: one that never had any is as old as this.';

ALTER TABLE ops_alarms
    ADD COLUMN claimed_until timestamptz,
    ADD COLUMN told text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN ops_alarms.claimed_until IS 'Until then one process is about to send it outside of Temporal.';
COMMENT ON COLUMN ops_alarms.told IS 'Addresses that it was sent to: a try that is repeated leaves them alone.';

-- +goose Down
ALTER TABLE ops_alarms DROP COLUMN claimed_until, DROP COLUMN told;
DROP TABLE backup_targets, ring_keys;
