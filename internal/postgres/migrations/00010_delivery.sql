-- What became of a message after the mail provider took it, letters that are sent again,
-- and where a telehealth visit is held.

-- +goose Up
ALTER TABLE messages
    ADD COLUMN delivery      text NOT NULL DEFAULT ''
        CHECK (delivery IN ('','processed','deferred','delivered','dropped','bounced','spam_report')),
    ADD COLUMN delivery_code text NOT NULL DEFAULT '',
    ADD COLUMN delivery_at   timestamptz,
    ADD COLUMN resend_of     uuid REFERENCES messages (id);
-- What staff have to look at, in one word; '' where nothing went wrong.
ALTER TABLE messages ADD COLUMN problem text NOT NULL GENERATED ALWAYS AS (
    CASE WHEN delivery IN ('bounced','dropped','spam_report') THEN delivery
         WHEN status IN ('failed','skipped') THEN status
         WHEN status = 'unknown' AND delivery <> 'delivered' THEN status
         ELSE '' END) STORED;
COMMENT ON COLUMN messages.delivery IS 'What the provider''s events say; a later state never gives way to an earlier one (domain.DeliveryState).';
COMMENT ON COLUMN messages.resend_of IS 'The message this one repeats, on a person''s word.';
CREATE INDEX messages_problem ON messages (created_at DESC, id DESC) WHERE problem <> '';
CREATE UNIQUE INDEX messages_resend_of ON messages (resend_of) WHERE resend_of IS NOT NULL;

-- Letters about an account are told apart and looked into in the same words.
ALTER TABLE account_messages
    ADD COLUMN delivery      text NOT NULL DEFAULT ''
        CHECK (delivery IN ('','processed','deferred','delivered','dropped','bounced','spam_report')),
    ADD COLUMN delivery_code text NOT NULL DEFAULT '',
    ADD COLUMN delivery_at   timestamptz;

-- Identifiers and codes only: no address, no text of a mail server.
CREATE TABLE mail_events (
    id          text PRIMARY KEY CHECK (length(id) <= 200),
    message_id  uuid,
    ledger      text NOT NULL DEFAULT '',
    state       text NOT NULL,
    code        text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE mail_events IS 'Each event of the mail provider once. An empty ledger: it matches no message of ours, kept for ops.';
CREATE INDEX mail_events_message ON mail_events (message_id);
CREATE INDEX mail_events_unmatched ON mail_events (received_at) WHERE ledger = '';

-- The list of topics is the program's (domain.OutboxTopic): the relay keeps what it does
-- not know for people, and a release that adds a topic need not lock this table.
ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_topic_check CHECK (topic ~ '^[a-z_]{1,40}$');

ALTER TABLE appointment_types ADD COLUMN join_url text NOT NULL DEFAULT '' CHECK (join_url = '' OR join_url ~ '^https://');
COMMENT ON COLUMN appointment_types.join_url IS 'Where video visits are held: for the patient and the doctor of a confirmed visit only.';

-- +goose Down
ALTER TABLE appointment_types DROP COLUMN join_url;
UPDATE outbox SET topic = 'unmatched', last_error = 'message' WHERE topic NOT IN ('start','payment_hint','command','account_mail','unmatched','payment_case');
ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_topic_check CHECK (topic IN ('start','payment_hint','command','account_mail','unmatched','payment_case'));
DROP TABLE mail_events;
ALTER TABLE account_messages DROP COLUMN delivery_at, DROP COLUMN delivery_code, DROP COLUMN delivery;
DROP INDEX messages_resend_of, messages_problem;
ALTER TABLE messages DROP COLUMN problem, DROP COLUMN resend_of, DROP COLUMN delivery_at, DROP COLUMN delivery_code, DROP COLUMN delivery;
