-- What the reconciler did and what it left to people. IDs and codes only.

-- +goose Up
CREATE TABLE reconcile_runs (
    id          text PRIMARY KEY,
    trigger     text NOT NULL CHECK (trigger IN ('schedule','person')),
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    checked     integer NOT NULL DEFAULT 0,
    replaced    integer NOT NULL DEFAULT 0,
    reported    integer NOT NULL DEFAULT 0
);
COMMENT ON COLUMN reconcile_runs.id IS 'The first run ID of the workflow, in Temporal UI.';
CREATE INDEX reconcile_runs_started ON reconcile_runs (started_at);

CREATE TABLE reconcile_findings (
    run_id         text NOT NULL REFERENCES reconcile_runs (id) ON DELETE CASCADE,
    subject        text NOT NULL,
    code           text NOT NULL,
    appointment_id uuid,
    detail         text NOT NULL DEFAULT '',
    found_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, subject, code)
);
COMMENT ON COLUMN reconcile_findings.subject IS 'What it is about: appointment/<id>, message/<id> or outbox/<id>.';
COMMENT ON COLUMN reconcile_findings.detail IS 'Codes and numbers: never free text.';

-- +goose Down
DROP TABLE reconcile_findings, reconcile_runs;
