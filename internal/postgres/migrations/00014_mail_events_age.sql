-- Housekeeping finds what the mail provider told long ago.

-- +goose Up
CREATE INDEX mail_events_known ON mail_events (received_at) WHERE ledger <> '';

-- +goose Down
DROP INDEX mail_events_known;
