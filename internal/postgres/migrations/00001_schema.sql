-- The schema of a clinic. Instants are timestamptz (UTC), money is bigint minor units
-- with an ISO 4217 currency, IDs are UUIDv7. Columns that end in _sealed are encrypted
-- (Tink AEAD); the data key that sealed them is named beside them.

-- +goose Up
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE data_keys (
    id         text PRIMARY KEY,
    kek_id     text NOT NULL,
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE data_keys IS 'Column keys, wrapped by the key-encryption key that kek_id names.';

CREATE TABLE clinics (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    address    text NOT NULL DEFAULT '',
    email      text NOT NULL DEFAULT '',
    time_zone  text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL CHECK (email = lower(email)),
    name          text NOT NULL,
    password_hash text NOT NULL,
    roles         text[] NOT NULL CHECK (roles <@ ARRAY['patient','caregiver','doctor','staff','admin','ops']),
    locale        text NOT NULL DEFAULT 'en',
    time_zone     text NOT NULL DEFAULT 'UTC',
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (email);

CREATE TABLE patients (
    id            uuid PRIMARY KEY,
    account_id    uuid NOT NULL REFERENCES users (id),
    name          text NOT NULL,
    relation      text NOT NULL DEFAULT 'self' CHECK (relation IN ('self','child','parent','partner','other')),
    date_of_birth date,
    gender        text,
    phone         text,
    time_zone     text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX patients_account ON patients (account_id);

CREATE TABLE doctors (
    id               uuid PRIMARY KEY,
    user_id          uuid UNIQUE REFERENCES users (id),
    clinic_id        uuid NOT NULL REFERENCES clinics (id),
    name             text NOT NULL,
    speciality       text NOT NULL DEFAULT '',
    languages        text[] NOT NULL DEFAULT '{}',
    time_zone        text NOT NULL,
    fee_minor        bigint NOT NULL CHECK (fee_minor >= 0),
    fee_currency     text NOT NULL CHECK (fee_currency ~ '^[A-Z]{3}$'),
    active           boolean NOT NULL DEFAULT true,
    created_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN doctors.fee_minor IS 'Consultation fee, the price of types without one of their own.';

-- One row a doctor: bookings lock it FOR SHARE, edits of hours and time off FOR UPDATE.
CREATE TABLE doctor_schedules (
    doctor_id  uuid PRIMARY KEY REFERENCES doctors (id),
    version    integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE doctor_hours (
    doctor_id    uuid NOT NULL REFERENCES doctors (id),
    weekday      smallint NOT NULL CHECK (weekday BETWEEN 0 AND 6),
    start_minute smallint NOT NULL CHECK (start_minute BETWEEN 0 AND 1439),
    end_minute   smallint NOT NULL CHECK (end_minute BETWEEN 1 AND 1440),
    PRIMARY KEY (doctor_id, weekday, start_minute),
    CHECK (start_minute < end_minute)
);
COMMENT ON TABLE doctor_hours IS 'Weekly hours as local minutes after midnight in the doctor''s zone; weekday 0 is Sunday.';

CREATE TABLE doctor_time_off (
    id        uuid PRIMARY KEY,
    doctor_id uuid NOT NULL REFERENCES doctors (id),
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    CHECK (starts_at < ends_at)
);
CREATE INDEX doctor_time_off_span ON doctor_time_off (doctor_id, ends_at);

CREATE TABLE appointment_types (
    id             uuid PRIMARY KEY,
    doctor_id      uuid NOT NULL REFERENCES doctors (id),
    name           text NOT NULL,
    duration_minutes       integer NOT NULL CHECK (duration_minutes > 0),
    step_minutes           integer NOT NULL CHECK (step_minutes > 0),
    minimum_notice_minutes integer NOT NULL DEFAULT 0 CHECK (minimum_notice_minutes >= 0),
    booking_window_days    integer NOT NULL DEFAULT 90 CHECK (booking_window_days > 0),
    price_minor    bigint CHECK (price_minor >= 0),
    price_currency text CHECK (price_currency ~ '^[A-Z]{3}$'),
    terms          jsonb NOT NULL DEFAULT '{}',
    active         boolean NOT NULL DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((price_minor IS NULL) = (price_currency IS NULL))
);
COMMENT ON COLUMN appointment_types.terms IS 'What this type changes of the default terms (domain.Terms).';
CREATE INDEX appointment_types_doctor ON appointment_types (doctor_id);

CREATE TABLE appointments (
    id                 uuid PRIMARY KEY,
    doctor_id          uuid NOT NULL REFERENCES doctors (id),
    patient_id         uuid NOT NULL REFERENCES patients (id),
    booked_by          uuid NOT NULL REFERENCES users (id),
    type_id            uuid NOT NULL REFERENCES appointment_types (id),
    status             text NOT NULL CHECK (status IN ('requested','pending','capturing','confirmed','checked_in',
                           'completed','declined','cancelled','expired','no_show','archived')),
    version            integer NOT NULL DEFAULT 1,
    event_seq          integer NOT NULL DEFAULT 1,
    generation         integer NOT NULL DEFAULT 1,
    starts_at          timestamptz NOT NULL,
    ends_at            timestamptz NOT NULL,
    occupied           tstzrange NOT NULL,
    local_start        text NOT NULL,
    terms              jsonb NOT NULL,
    reschedules        integer NOT NULL DEFAULT 0,
    sequence           integer NOT NULL DEFAULT 0,
    pay_by             timestamptz,
    answer_by          timestamptz,
    kept_minor         bigint NOT NULL DEFAULT 0 CHECK (kept_minor >= 0),
    ended_by           text,
    reason_code        text,
    stuck              text,
    process_run_id     text,
    process_claimed_at timestamptz,
    reason_sealed      bytea,
    notes_sealed       bytea,
    sealed_key_id      text REFERENCES data_keys (id),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    ended_at           timestamptz,
    CHECK (starts_at < ends_at),
    -- No slot is sold twice. Both lists are domain.Status.Live. Each visit is padded by
    -- its own buffers, half-open, so that the buffers of neighbours add up.
    CONSTRAINT doctor_free EXCLUDE USING gist (doctor_id WITH =, occupied WITH &&)
        WHERE (status IN ('requested','pending','capturing','confirmed','checked_in')),
    CONSTRAINT patient_free EXCLUDE USING gist (patient_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
        WHERE (status IN ('requested','pending','capturing','confirmed','checked_in'))
);
COMMENT ON COLUMN appointments.occupied IS 'The doctor''s time this visit takes: padded by the buffers of its terms.';
COMMENT ON COLUMN appointments.local_start IS 'The start as promised, RFC 3339 with the offset of the zone in terms.';
COMMENT ON COLUMN appointments.kept_minor IS 'Captured money the clinic keeps after the end; everything above goes back.';
CREATE INDEX appointments_doctor ON appointments (doctor_id, starts_at, id);
CREATE INDEX appointments_patient ON appointments (patient_id, starts_at, id);
CREATE INDEX appointments_start ON appointments (starts_at, id);
CREATE INDEX appointments_unpaid ON appointments (booked_by) WHERE status = 'requested';

CREATE TABLE appointment_events (
    appointment_id uuid NOT NULL REFERENCES appointments (id),
    seq            integer NOT NULL,
    version        integer NOT NULL,
    transition_id  text NOT NULL,
    kind           text NOT NULL,
    from_status    text NOT NULL,
    to_status      text NOT NULL,
    actor_kind     text NOT NULL,
    actor_id       text NOT NULL DEFAULT '',
    reason_code    text NOT NULL DEFAULT '',
    at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (appointment_id, seq),
    UNIQUE (appointment_id, transition_id)
);

CREATE TABLE payments (
    appointment_id       uuid NOT NULL REFERENCES appointments (id),
    generation           integer NOT NULL,
    intent_id            text NOT NULL UNIQUE,
    client_secret_sealed bytea NOT NULL,
    sealed_key_id        text NOT NULL REFERENCES data_keys (id),
    status               text NOT NULL,
    amount_minor         bigint NOT NULL,
    currency             text NOT NULL,
    captured_minor       bigint NOT NULL DEFAULT 0,
    refunded_minor       bigint NOT NULL DEFAULT 0,
    capture_before       timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (appointment_id, generation)
);

CREATE TABLE messages (
    id             uuid PRIMARY KEY,
    appointment_id uuid NOT NULL REFERENCES appointments (id),
    seq            bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    dedupe_key     text NOT NULL,
    kind           text NOT NULL,
    recipient      text NOT NULL CHECK (recipient IN ('patient','doctor')),
    status         text NOT NULL DEFAULT 'pending'
                       CHECK (status IN ('pending','sending','sent','failed','unknown','skipped')),
    for_start      timestamptz NOT NULL,
    reminder_seconds integer,
    send_before    timestamptz,
    attempts       integer NOT NULL DEFAULT 0,
    unknowns       integer NOT NULL DEFAULT 0,
    error_code     text NOT NULL DEFAULT '',
    vendor_id      text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now(),
    sent_at        timestamptz,
    UNIQUE (appointment_id, dedupe_key)
);
COMMENT ON COLUMN messages.for_start IS 'The start the message speaks of: one about a time that is no more is skipped.';
COMMENT ON COLUMN messages.send_before IS 'A message not handed over by then is skipped (reminders).';
CREATE INDEX messages_due ON messages (appointment_id, seq) WHERE status IN ('pending','sending');

CREATE TABLE outbox (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic          text NOT NULL CHECK (topic IN ('start','payment_hint','command','unmatched')),
    dedupe_key     text NOT NULL UNIQUE,
    appointment_id uuid,
    payload        jsonb NOT NULL DEFAULT '{}',
    attempts       integer NOT NULL DEFAULT 0,
    not_before     timestamptz NOT NULL DEFAULT now(),
    leased_until   timestamptz,
    last_error     text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now(),
    done_at        timestamptz
);
COMMENT ON TABLE outbox IS 'What the relay owes Temporal: identifiers and codes only. Rows of topic unmatched are kept for ops.';
CREATE INDEX outbox_due ON outbox (id) WHERE done_at IS NULL AND topic <> 'unmatched';
CREATE INDEX outbox_due_appointment ON outbox (appointment_id, id) WHERE done_at IS NULL;

CREATE TABLE idempotency_keys (
    principal  uuid NOT NULL,
    operation  text NOT NULL,
    key        text NOT NULL,
    body_hash  bytea NOT NULL,
    status     integer NOT NULL DEFAULT 0,
    response   bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, operation, key)
);
COMMENT ON COLUMN idempotency_keys.status IS 'HTTP status of the first answer; 0 while there is none.';

CREATE TABLE archived_appointments (
    appointment_id uuid PRIMARY KEY REFERENCES appointments (id),
    detail         jsonb NOT NULL,
    reason_sealed  bytea,
    notes_sealed   bytea,
    sealed_key_id  text,
    archived_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE record_accesses (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    appointment_id uuid NOT NULL,
    user_id        uuid NOT NULL,
    roles          text[] NOT NULL,
    request_id     text NOT NULL,
    at             timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE record_accesses IS 'Who read which record, when, through which request.';
CREATE INDEX record_accesses_appointment ON record_accesses (appointment_id, at);

-- +goose Down
DROP TABLE record_accesses, archived_appointments, idempotency_keys, outbox, messages, payments, appointment_events,
    appointments, appointment_types, doctor_time_off, doctor_hours, doctor_schedules, doctors, patients, users, clinics, data_keys;
