-- A doctor's offer (profile, hours, other days, time off, kinds of visits) has a stamp that
-- is another one after each change, whoever makes it. A process that remembers an offer
-- asks for the stamp instead, under the lock that keeps edits out (docs/adr/0018).

-- +goose Up
ALTER TABLE doctor_schedules ADD COLUMN stamp uuid NOT NULL DEFAULT gen_random_uuid();
COMMENT ON COLUMN doctor_schedules.stamp IS 'Another one after each change of what slots depend on, but for visits. Random: one from before a restore never comes again.';

-- +goose StatementBegin
CREATE FUNCTION stamp_offer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE doctor_schedules SET stamp = gen_random_uuid() WHERE doctor_id = OLD.doctor_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE doctor_schedules SET stamp = gen_random_uuid() WHERE doctor_id = NEW.doctor_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION stamp_doctor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE doctor_schedules SET stamp = gen_random_uuid() WHERE doctor_id = NEW.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER doctor_hours_stamp AFTER INSERT OR UPDATE OR DELETE ON doctor_hours FOR EACH ROW EXECUTE FUNCTION stamp_offer();
CREATE TRIGGER doctor_overrides_stamp AFTER INSERT OR UPDATE OR DELETE ON doctor_overrides FOR EACH ROW EXECUTE FUNCTION stamp_offer();
CREATE TRIGGER doctor_time_off_stamp AFTER INSERT OR UPDATE OR DELETE ON doctor_time_off FOR EACH ROW EXECUTE FUNCTION stamp_offer();
CREATE TRIGGER appointment_types_stamp AFTER INSERT OR UPDATE OR DELETE ON appointment_types FOR EACH ROW EXECUTE FUNCTION stamp_offer();
-- Only what an offer holds: who the doctor's log-in is, say, changes no slot.
CREATE TRIGGER doctors_stamp AFTER UPDATE OF name, time_zone, active, fee_minor, fee_currency ON doctors FOR EACH ROW EXECUTE FUNCTION stamp_doctor();

-- +goose Down
DROP TRIGGER doctors_stamp ON doctors;
DROP TRIGGER appointment_types_stamp ON appointment_types;
DROP TRIGGER doctor_time_off_stamp ON doctor_time_off;
DROP TRIGGER doctor_overrides_stamp ON doctor_overrides;
DROP TRIGGER doctor_hours_stamp ON doctor_hours;
DROP FUNCTION stamp_doctor();
DROP FUNCTION stamp_offer();
ALTER TABLE doctor_schedules DROP COLUMN stamp;
