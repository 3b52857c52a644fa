-- name: MoneyOfIntent :one
SELECT p.appointment_id, p.captured_minor, p.refunded_minor, p.currency, d.clinic_id
FROM payments p JOIN appointments a ON a.id = p.appointment_id JOIN doctors d ON d.id = a.doctor_id
WHERE p.intent_id = @intent_id;

-- name: TakeReceiptNumber :one
INSERT INTO receipt_counters (clinic_id, last_number) VALUES (@clinic_id, 1)
ON CONFLICT (clinic_id) DO UPDATE SET last_number = receipt_counters.last_number + 1
RETURNING last_number;

-- name: InsertReceipt :exec
INSERT INTO receipts (clinic_id, number, appointment_id, kind, amount_minor, currency, intent_id, issued_at)
VALUES (@clinic_id, @number, @appointment_id, @kind, @amount_minor, @currency, @intent_id, @issued_at);

-- name: ReceiptsOf :many
SELECT number, kind, amount_minor, currency, issued_at FROM receipts WHERE appointment_id = @appointment_id ORDER BY number;
