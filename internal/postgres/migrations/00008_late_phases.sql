-- What becomes of a visit late: the fee for one that nobody came to, and deadlines that
-- were put off because we were down over them.

-- +goose Up
ALTER TABLE appointments
    ADD COLUMN fee_status text CHECK (fee_status IN ('noticed','disputed','kept','waived','withdrawn')),
    ADD COLUMN fee_minor  bigint NOT NULL DEFAULT 0 CHECK (fee_minor >= 0),
    ADD COLUMN fee_until  timestamptz,
    ADD COLUMN over_by    timestamptz,
    ADD COLUMN graces     integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN appointments.fee_status IS 'Fee of a visit marked as not attended; NULL where there is none.';
COMMENT ON COLUMN appointments.fee_until IS 'Until when the patient may object (noticed) or staff decide (disputed).';
COMMENT ON COLUMN appointments.over_by IS 'Until when a visit that is over may be checked in, after an outage of ours.';
COMMENT ON COLUMN appointments.graces IS 'How many deadlines were put off because we were down over them.';
CREATE INDEX appointments_fee ON appointments (fee_status, starts_at) WHERE fee_status IN ('noticed','disputed');

-- +goose Down
DROP INDEX appointments_fee;
ALTER TABLE appointments DROP COLUMN fee_status, DROP COLUMN fee_minor, DROP COLUMN fee_until, DROP COLUMN over_by, DROP COLUMN graces;
