-- Restores: what became of each, which visits they do not have, and the fence behind which
-- letters and money stand still meanwhile. A restore writes its rows into the database that
-- it puts in the place of this one; its process in Temporal knows the truth.

-- +goose Up
CREATE TABLE restore_logs (
    id           uuid PRIMARY KEY,
    target       text NOT NULL,
    state        text NOT NULL,
    seq          integer NOT NULL,
    requested_by uuid NOT NULL,
    record       jsonb NOT NULL,
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN restore_logs.seq IS 'Grows with each change: a note that comes late changes nothing.';
COMMENT ON COLUMN restore_logs.record IS 'domain.RestoreRecord: IDs, names of tables, counts and reasons that people gave.';
CREATE INDEX restore_logs_started ON restore_logs (started_at DESC, id);

CREATE TABLE restore_visits (
    restore_id     uuid NOT NULL,
    appointment_id uuid NOT NULL,
    record         jsonb NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (restore_id, appointment_id)
);
COMMENT ON TABLE restore_visits IS 'Visits that are known elsewhere and are not, or not rightly, in the restored database.';

CREATE TABLE restore_fence (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    restore_id uuid NOT NULL,
    raised_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE restore_fence IS 'While it holds a row nothing is relayed, mailed, charged or moved on. It stands in both databases when they change places.';

-- +goose Down
DROP TABLE restore_fence, restore_visits, restore_logs;
