-- Counting visits by status for dashboards must not read the archive, which only grows.

-- +goose Up
CREATE INDEX appointments_status ON appointments (status, stuck) WHERE status <> 'archived';

-- +goose Down
DROP INDEX appointments_status;
