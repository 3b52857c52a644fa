-- Receipts carry numbers without gaps: a number is taken in the transaction that writes
-- the money down, under the counter's row lock, and goes back with it.

-- +goose Up
CREATE TABLE receipt_counters (
    clinic_id   uuid PRIMARY KEY REFERENCES clinics (id),
    last_number bigint NOT NULL DEFAULT 0
);

CREATE TABLE receipts (
    clinic_id      uuid NOT NULL REFERENCES clinics (id),
    number         bigint NOT NULL CHECK (number > 0),
    appointment_id uuid NOT NULL REFERENCES appointments (id),
    kind           text NOT NULL CHECK (kind IN ('payment','refund')),
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    intent_id      text NOT NULL REFERENCES payments (intent_id),
    issued_at      timestamptz NOT NULL,
    PRIMARY KEY (clinic_id, number)
);
COMMENT ON TABLE receipts IS 'One row for money taken and one for each time money went back; never changed.';
CREATE INDEX receipts_appointment ON receipts (appointment_id, number);

-- +goose Down
DROP TABLE receipts, receipt_counters;
