-- Accounts that people open and recover themselves, and the letters that this takes. A
-- link in a letter is kept as the hash of its token only.

-- +goose Up
-- The default makes every account of before, and every one that is made by the front desk
-- or by the release before this one, count as verified; registering writes NULL.
ALTER TABLE users
    ADD COLUMN email_verified_at timestamptz DEFAULT now(),
    ADD COLUMN first_login_at    timestamptz;
COMMENT ON COLUMN users.email_verified_at IS 'NULL: registered, and the letter was not answered yet: nobody can log in.';
COMMENT ON COLUMN users.first_login_at IS 'Kept here because sessions are forgotten: only the first log-in of all is no news.';
UPDATE users u SET first_login_at = s.at
FROM (SELECT user_id, min(created_at) AS at FROM sessions GROUP BY user_id) s WHERE s.user_id = u.id;

CREATE TABLE registrations (
    account_id    uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    date_of_birth date,
    gender        text,
    phone         text,
    created_at    timestamptz NOT NULL
);
COMMENT ON TABLE registrations IS 'What becomes the patient of an account once its address is verified; gone afterwards.';

CREATE TABLE account_messages (
    id          uuid PRIMARY KEY,
    account_id  uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    seq         bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind        text NOT NULL CHECK (kind IN ('verify_email','password_reset','login_alert','account_exists','password_changed')),
    device      text NOT NULL DEFAULT '',
    status      text NOT NULL DEFAULT 'pending'
                    CHECK (status IN ('pending','sending','sent','failed','unknown','skipped')),
    send_before timestamptz,
    attempts    integer NOT NULL DEFAULT 0,
    unknowns    integer NOT NULL DEFAULT 0,
    error_code  text NOT NULL DEFAULT '',
    vendor_id   text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    sent_at     timestamptz
);
COMMENT ON COLUMN account_messages.device IS 'Of a log-in: browser and system in a few words.';
COMMENT ON COLUMN account_messages.send_before IS 'When the link of the letter ends: not handed over by then, it is skipped.';
CREATE INDEX account_messages_account ON account_messages (account_id, seq);
CREATE INDEX account_messages_due ON account_messages (account_id, seq) WHERE status IN ('pending','sending');

CREATE TABLE account_links (
    hash       bytea PRIMARY KEY,
    message_id uuid NOT NULL UNIQUE REFERENCES account_messages (id) ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose    text NOT NULL CHECK (purpose IN ('verify_email','password_reset')),
    key_id     text NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    end_reason text CHECK (end_reason IN ('used','replaced','password_changed')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
COMMENT ON TABLE account_links IS 'SHA-256 of the one-time tokens in letters. The token itself is made from the message''s ID under a key that the database never has.';
COMMENT ON COLUMN account_links.key_id IS 'The key that the token was made with, so that a letter is the same after the keys were rolled.';
-- A newer link of a purpose ends the older one.
CREATE UNIQUE INDEX account_links_live ON account_links (account_id, purpose) WHERE ended_at IS NULL;

ALTER TABLE outbox
    ADD COLUMN account_id uuid,
    DROP CONSTRAINT outbox_topic_check,
    ADD CONSTRAINT outbox_topic_check CHECK (topic IN ('start','payment_hint','command','account_mail','unmatched'));

ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN
        ('logged_out','logged_out_everywhere','token_reused','disabled','password_changed','too_many_sessions'));

ALTER TABLE account_events
    DROP CONSTRAINT account_events_kind_check,
    ADD CONSTRAINT account_events_kind_check CHECK (kind IN ('created','renamed','roles_changed','disabled','enabled',
        'password_changed','password_reset','logged_out_everywhere','token_reused','registered','email_verified'));

-- +goose Down
-- Who has not answered the letter yet must not be able to log in afterwards.
UPDATE users SET disabled_at = now() WHERE email_verified_at IS NULL AND disabled_at IS NULL;
DELETE FROM account_events WHERE kind IN ('registered','email_verified');
ALTER TABLE account_events
    DROP CONSTRAINT account_events_kind_check,
    ADD CONSTRAINT account_events_kind_check CHECK (kind IN ('created','renamed','roles_changed','disabled','enabled',
        'password_changed','password_reset','logged_out_everywhere','token_reused'));
UPDATE sessions SET end_reason = 'logged_out' WHERE end_reason = 'too_many_sessions';
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN ('logged_out','logged_out_everywhere','token_reused','disabled','password_changed'));
DELETE FROM outbox WHERE account_id IS NOT NULL;
ALTER TABLE outbox
    DROP COLUMN account_id,
    DROP CONSTRAINT outbox_topic_check,
    ADD CONSTRAINT outbox_topic_check CHECK (topic IN ('start','payment_hint','command','unmatched'));
DROP TABLE account_links, account_messages, registrations;
ALTER TABLE users DROP COLUMN email_verified_at, DROP COLUMN first_login_at;
