INSERT INTO clinics (id, name, address, email, time_zone) VALUES
('01990000-0000-7000-8000-000000000001', 'Praxis am Park', 'Parkstr. 7, 10115 Berlin', 'hello@praxis.example', 'Europe/Berlin')
ON CONFLICT DO NOTHING;

INSERT INTO users (id, email, name, password_hash, roles, locale, time_zone) VALUES
('01990000-0000-7000-8000-000000000101', 'patient@careflow.example',     'Paula Lindner',   'seeded', '{patient}',   'de', 'Europe/Berlin'),
('01990000-0000-7000-8000-000000000102', 'caregiver@careflow.example',   'Ravi Menon',      'seeded', '{caregiver}', 'en', 'Asia/Kolkata'),
('01990000-0000-7000-8000-000000000103', 'doctor@careflow.example',      'Dr. Ada Berger',  'seeded', '{doctor}',    'de', 'Europe/Berlin'),
('01990000-0000-7000-8000-000000000104', 'doctor.ny@careflow.example',   'Dr. Noah Reed',   'seeded', '{doctor}',    'en', 'America/New_York'),
('01990000-0000-7000-8000-000000000105', 'doctor.demo@careflow.example', 'Dr. Demo Always', 'seeded', '{doctor}',    'en', 'Europe/Berlin'),
('01990000-0000-7000-8000-000000000106', 'staff@careflow.example',       'Sam Front',       'seeded', '{staff}',     'en', 'Europe/Berlin'),
('01990000-0000-7000-8000-000000000107', 'admin@careflow.example',       'Alex Office',     'seeded', '{admin}',     'en', 'Europe/Berlin'),
('01990000-0000-7000-8000-000000000108', 'ops@careflow.example',         'Olga Night',      'seeded', '{ops}',       'en', 'Europe/Berlin')
ON CONFLICT DO NOTHING;

INSERT INTO patients (id, account_id, name, relation, time_zone) VALUES
('01990000-0000-7000-8000-000000000201', '01990000-0000-7000-8000-000000000101', 'Paula Lindner', 'self',  'Europe/Berlin'),
('01990000-0000-7000-8000-000000000202', '01990000-0000-7000-8000-000000000102', 'Mira Menon',    'child', 'Asia/Kolkata')
ON CONFLICT DO NOTHING;

INSERT INTO doctors (id, user_id, clinic_id, name, speciality, languages, time_zone, fee_minor, fee_currency) VALUES
('01990000-0000-7000-8000-000000000301', '01990000-0000-7000-8000-000000000103', '01990000-0000-7000-8000-000000000001', 'Dr. Ada Berger',  'Dermatology',      '{de,en}', 'Europe/Berlin',    8000, 'EUR'),
('01990000-0000-7000-8000-000000000302', '01990000-0000-7000-8000-000000000104', '01990000-0000-7000-8000-000000000001', 'Dr. Noah Reed',   'Cardiology',       '{en}',    'America/New_York', 15000, 'USD'),
('01990000-0000-7000-8000-000000000303', '01990000-0000-7000-8000-000000000105', '01990000-0000-7000-8000-000000000001', 'Dr. Demo Always', 'General practice', '{en}',    'Europe/Berlin',    8000, 'EUR')
ON CONFLICT DO NOTHING;

INSERT INTO doctor_schedules (doctor_id)
SELECT id FROM doctors ON CONFLICT DO NOTHING;

INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute)
SELECT '01990000-0000-7000-8000-000000000301'::uuid, d, h.s, h.e
FROM generate_series(1, 5) d, (VALUES (540, 720), (780, 1020)) h(s, e)
ON CONFLICT DO NOTHING;
INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute)
SELECT '01990000-0000-7000-8000-000000000302'::uuid, d, 780, 1080 FROM generate_series(0, 6) d
ON CONFLICT DO NOTHING;
INSERT INTO doctor_hours (doctor_id, weekday, start_minute, end_minute)
SELECT '01990000-0000-7000-8000-000000000303'::uuid, d, 0, 1440 FROM generate_series(0, 6) d
ON CONFLICT DO NOTHING;

INSERT INTO appointment_types (id, doctor_id, name, duration_minutes, step_minutes, minimum_notice_minutes, booking_window_days, price_minor, price_currency, terms) VALUES
('01990000-0000-7000-8000-000000000401', '01990000-0000-7000-8000-000000000301', 'Consultation', 30, 30, 0, 90, NULL, NULL, '{"buffer_after": "10m"}'),
('01990000-0000-7000-8000-000000000402', '01990000-0000-7000-8000-000000000301', 'Short call',   15, 15, 0, 90, 0, 'EUR', '{}'),
('01990000-0000-7000-8000-000000000403', '01990000-0000-7000-8000-000000000302', 'Consultation', 30, 30, 0, 90, NULL, NULL, '{}'),
-- Minutes instead of days, so that a whole life fits into a coffee break.
('01990000-0000-7000-8000-000000000404', '01990000-0000-7000-8000-000000000303', 'Demonstration', 1, 1, 0, 2, NULL, NULL,
 '{"payment_window": "1m", "payment_window_max": "1m30s", "answer_deadline": "1m", "answer_cutoff": "10s",
   "reminders": ["30s", "20s", "10s"], "no_show_grace": "30s", "retention": "20s", "reschedule_until": "15s",
   "refund_tiers": [{"before": "30s", "percent": 100}, {"before": "15s", "percent": 50}]}')
ON CONFLICT DO NOTHING;
