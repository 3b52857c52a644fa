-- name: LinkedVisit :one
-- What a page behind a link of a letter says besides the visit: never the type or the
-- speciality.
SELECT p.account_id, p.time_zone, u.locale, c.name AS clinic_name, c.address AS clinic_address
FROM appointments a
JOIN doctors d ON d.id = a.doctor_id
JOIN clinics c ON c.id = d.clinic_id
JOIN patients p ON p.id = a.patient_id
JOIN users u ON u.id = p.account_id
WHERE a.id = @id;
