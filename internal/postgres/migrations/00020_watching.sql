-- Counting visits by status for dashboards must not read the archive, which only grows.
-- A trace goes on where the outbox hands a row over.

-- +goose Up
CREATE INDEX appointments_status ON appointments (status, stuck) WHERE status <> 'archived';

ALTER TABLE outbox ADD COLUMN traceparent text NOT NULL DEFAULT '';
COMMENT ON COLUMN outbox.traceparent IS 'The trace of what wrote the row (W3C Trace Context): random IDs. Empty while nothing is traced.';

-- +goose Down
ALTER TABLE outbox DROP COLUMN traceparent;
DROP INDEX appointments_status;
