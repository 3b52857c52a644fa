-- Log-ins: devices with rotating refresh tokens, counted attempts, and managed accounts
-- with a history of their own. Nothing here could log anyone in: tokens are hashes,
-- network addresses and the subjects of attempts are keyed hashes.

-- +goose Up
ALTER TABLE users
    ADD COLUMN version    integer NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN users.version IS 'Counts the changes of the account; its ETag.';

CREATE TABLE sessions (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users (id),
    device       text NOT NULL DEFAULT '',
    origin       bytea NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    end_reason   text CHECK (end_reason IN ('logged_out','logged_out_everywhere','token_reused','disabled','password_changed')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
COMMENT ON TABLE sessions IS 'A log-in on one device: the family of its refresh tokens.';
COMMENT ON COLUMN sessions.device IS 'Browser and system in a few words, never the whole user agent.';
COMMENT ON COLUMN sessions.origin IS 'Keyed hash of the network address it was last used from.';
CREATE INDEX sessions_user ON sessions (user_id, created_at);

CREATE TABLE refresh_tokens (
    hash       bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    salt       bytea,
    next_hash  bytea,
    CHECK ((used_at IS NULL) = (next_hash IS NULL))
);
COMMENT ON COLUMN refresh_tokens.salt IS 'Makes the successor out of the token, so that a lost answer can be given again; cleared once the successor was used.';
CREATE UNIQUE INDEX refresh_tokens_next ON refresh_tokens (next_hash);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id, expires_at);

CREATE TABLE login_attempts (
    subject        bytea PRIMARY KEY,
    attempts       integer NOT NULL,
    window_ends_at timestamptz NOT NULL
);
COMMENT ON TABLE login_attempts IS 'Attempts in the current window of an account or address (keyed hashes).';
CREATE INDEX login_attempts_over ON login_attempts (window_ends_at);

CREATE TABLE account_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES users (id),
    kind       text NOT NULL CHECK (kind IN ('created','renamed','roles_changed','disabled','enabled',
                   'password_changed','password_reset','logged_out_everywhere','token_reused')),
    actor_id   uuid,
    roles      text[],
    request_id text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE account_events IS 'Who changed which account, when, through which request.';
COMMENT ON COLUMN account_events.actor_id IS 'The user who did it; NULL for the system.';
COMMENT ON COLUMN account_events.roles IS 'The roles after the change, where it was about them.';
CREATE INDEX account_events_account ON account_events (account_id, id);

-- +goose Down
DROP TABLE account_events, login_attempts, refresh_tokens, sessions;
ALTER TABLE users DROP COLUMN version, DROP COLUMN updated_at;
