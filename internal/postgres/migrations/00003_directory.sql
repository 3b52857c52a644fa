-- What a clinic edits itself: profiles of doctors, what they offer and when. Each row that
-- is edited counts its edits, so that nobody overwrites what they have not seen.

-- +goose Up
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- unaccent(text) depends on the search path and so may not be indexed; with its
-- dictionary named in full it depends on nothing.
-- +goose StatementBegin
CREATE FUNCTION searchable(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT lower(public.unaccent('public.unaccent'::regdictionary, $1)) $$;
-- +goose StatementEnd
COMMENT ON FUNCTION searchable(text) IS 'Folds case and accents, for searches by people.';

ALTER TABLE doctors
    ADD COLUMN degree           text NOT NULL DEFAULT '',
    ADD COLUMN practising_since integer CHECK (practising_since BETWEEN 1900 AND 2200),
    ADD COLUMN about            text NOT NULL DEFAULT '',
    ADD COLUMN address          text NOT NULL DEFAULT '',
    ADD COLUMN picture_url      text NOT NULL DEFAULT '',
    ADD COLUMN email            text CHECK (email = lower(email)),
    ADD COLUMN external_id      text CHECK (external_id <> ''),
    ADD COLUMN version          integer NOT NULL DEFAULT 1,
    ADD COLUMN updated_at       timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN doctors.practising_since IS 'Year.';
COMMENT ON COLUMN doctors.email IS 'The log-in this doctor has or will have: an account with this address and the role doctor.';
COMMENT ON COLUMN doctors.external_id IS 'What another system of the clinic calls this doctor.';
CREATE UNIQUE INDEX doctors_email ON doctors (clinic_id, email);
CREATE UNIQUE INDEX doctors_external_id ON doctors (clinic_id, external_id);
CREATE INDEX doctors_name ON doctors (name, id);
CREATE INDEX doctors_name_search ON doctors USING gin (searchable(name) gin_trgm_ops);
CREATE INDEX doctors_speciality_search ON doctors USING gin (searchable(speciality) gin_trgm_ops);

-- The account with a doctor's address and the role becomes the doctor's log-in, whichever
-- of the two was there first. The role is what counts: addresses alone gain nothing.
-- +goose StatementBegin
CREATE FUNCTION link_doctor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE doctors SET user_id = NEW.id
    WHERE user_id IS NULL AND email = NEW.email AND 'doctor' = ANY (NEW.roles)
      AND NOT EXISTS (SELECT 1 FROM doctors d WHERE d.user_id = NEW.id);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER users_link_doctor AFTER INSERT OR UPDATE OF email, roles ON users
    FOR EACH ROW EXECUTE FUNCTION link_doctor();

CREATE TABLE doctor_overrides (
    doctor_id uuid NOT NULL REFERENCES doctors (id),
    day       date NOT NULL,
    hours     jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(hours) = 'array'),
    PRIMARY KEY (doctor_id, day)
);
COMMENT ON TABLE doctor_overrides IS 'Local days of a doctor with other hours than their weekday (domain.DayOverride), or none.';

ALTER TABLE appointment_types
    ADD COLUMN mode       text NOT NULL DEFAULT 'in_person' CHECK (mode IN ('in_person','telehealth')),
    ADD COLUMN version    integer NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

ALTER TABLE patients
    ADD COLUMN version    integer NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

-- +goose Down
ALTER TABLE patients DROP COLUMN version, DROP COLUMN updated_at;
ALTER TABLE appointment_types DROP COLUMN mode, DROP COLUMN version, DROP COLUMN updated_at;
DROP TABLE doctor_overrides;
DROP TRIGGER users_link_doctor ON users;
DROP FUNCTION link_doctor();
DROP INDEX doctors_speciality_search, doctors_name_search, doctors_name, doctors_external_id, doctors_email;
ALTER TABLE doctors DROP COLUMN degree, DROP COLUMN practising_since, DROP COLUMN about, DROP COLUMN address,
    DROP COLUMN picture_url, DROP COLUMN email, DROP COLUMN external_id, DROP COLUMN version, DROP COLUMN updated_at;
DROP FUNCTION searchable(text);
