-- Money that does not go its usual way: each refund we know of, and one case an intent for
-- what has to be followed to its end. IDs, codes and amounts only.

-- +goose Up
CREATE TABLE refunds (
    intent_id  text NOT NULL REFERENCES payments (intent_id),
    number     integer NOT NULL CHECK (number > 0),
    key        text NOT NULL DEFAULT '',
    refund_id  text UNIQUE,
    minor      bigint NOT NULL CHECK (minor > 0),
    status     text NOT NULL CHECK (status IN ('begun','pending','succeeded','failed')),
    origin     text NOT NULL CHECK (origin IN ('process','case','hand')),
    error_code text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (intent_id, number),
    CHECK (key <> '' OR refund_id IS NOT NULL)
);
COMMENT ON TABLE refunds IS 'One row a refund. Ours are written before the provider is asked: status begun means that nobody knows yet.';
COMMENT ON COLUMN refunds.key IS 'The idempotency key, also in the refund''s metadata; empty for one made by hand.';
CREATE UNIQUE INDEX refunds_key ON refunds (key) WHERE key <> '';

ALTER TABLE payments ADD COLUMN charged_back_minor bigint NOT NULL DEFAULT 0 CHECK (charged_back_minor >= 0);
COMMENT ON COLUMN payments.charged_back_minor IS 'Money that a lost dispute took.';

ALTER TABLE receipts DROP CONSTRAINT receipts_kind_check;
ALTER TABLE receipts ADD CONSTRAINT receipts_kind_check CHECK (kind IN ('payment','refund','refund_failed','chargeback'));

ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_topic_check CHECK (topic IN ('start','payment_hint','command','account_mail','unmatched','payment_case'));

CREATE TABLE payment_cases (
    id             uuid PRIMARY KEY,
    intent_id      text NOT NULL UNIQUE REFERENCES payments (intent_id),
    appointment_id uuid NOT NULL REFERENCES appointments (id),
    kind           text NOT NULL CHECK (kind IN ('late_payment','unsettled','refund_failed','refund_by_hand','dispute')),
    state          text NOT NULL CHECK (state IN ('open','retrying','needs_person','closed')),
    waits_for      text NOT NULL CHECK (waits_for IN ('provider','bank','evidence','dispute','person','nothing')),
    waiting_since  timestamptz NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    error_code     text NOT NULL DEFAULT '',
    outcome        text NOT NULL DEFAULT '',
    retry_beyond   integer NOT NULL DEFAULT 0,
    resolved       boolean NOT NULL DEFAULT false,
    look_at        timestamptz NOT NULL,
    dispute_id     text NOT NULL DEFAULT '',
    dispute_status text NOT NULL DEFAULT '',
    dispute_reason text NOT NULL DEFAULT '',
    dispute_minor  bigint NOT NULL DEFAULT 0,
    evidence_by    timestamptz,
    opened_at      timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    closed_at      timestamptz
);
COMMENT ON COLUMN payment_cases.retry_beyond IS 'A person allowed another refund after the failed one of this number.';
COMMENT ON COLUMN payment_cases.resolved IS 'A person has seen to the money: nobody gives any of it back by itself again.';
COMMENT ON COLUMN payment_cases.look_at IS 'When its process looks again at the latest; one that is far behind has lost its process.';
CREATE INDEX payment_cases_opened ON payment_cases (opened_at DESC, id DESC);
CREATE INDEX payment_cases_appointment ON payment_cases (appointment_id);

CREATE TABLE payment_case_events (
    case_id     uuid NOT NULL REFERENCES payment_cases (id),
    version     integer NOT NULL,
    kind        text NOT NULL,
    state       text NOT NULL,
    waits_for   text NOT NULL,
    actor_kind  text NOT NULL,
    actor_id    text NOT NULL DEFAULT '',
    reason_code text NOT NULL DEFAULT '',
    error_code  text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL,
    PRIMARY KEY (case_id, version)
);
COMMENT ON TABLE payment_case_events IS 'The timeline of a case: one line a version.';

-- +goose Down
DROP TABLE payment_case_events, payment_cases, refunds;
UPDATE outbox SET topic = 'unmatched' WHERE topic = 'payment_case';
ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_topic_check CHECK (topic IN ('start','payment_hint','command','account_mail','unmatched'));
-- Receipts are never taken back: those of kinds that are not made any more stay.
ALTER TABLE receipts DROP CONSTRAINT receipts_kind_check;
ALTER TABLE receipts ADD CONSTRAINT receipts_kind_check CHECK (kind IN ('payment','refund')) NOT VALID;
ALTER TABLE payments DROP COLUMN charged_back_minor;
