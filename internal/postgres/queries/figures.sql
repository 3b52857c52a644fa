-- name: Figures :many
-- What dashboards and alarms count, all at one moment: codes, counts and amounts, never an
-- ID. Receipts are read rather than payments, because they only ever become more.
SELECT 'visits'::text AS name, status::text AS label, ''::text AS detail, count(*)::float8 AS value
FROM appointments WHERE status <> 'archived' GROUP BY status
UNION ALL
SELECT 'visits_stuck', '', '', count(*) FROM appointments WHERE status <> 'archived' AND stuck IS NOT NULL
UNION ALL
SELECT 'capturing_oldest', '', '', coalesce(extract(epoch FROM now() - min(updated_at)), 0)
FROM appointments WHERE status = 'capturing'
UNION ALL
SELECT 'receipts', kind, currency, count(*) FROM receipts GROUP BY kind, currency
UNION ALL
SELECT 'receipts_minor', kind, currency, sum(amount_minor) FROM receipts GROUP BY kind, currency
UNION ALL
SELECT 'payment_cases', state, waits_for, count(*) FROM payment_cases WHERE state <> 'closed' GROUP BY state, waits_for
UNION ALL
SELECT 'evidence_left', '', '', extract(epoch FROM min(evidence_by) - now())
FROM payment_cases WHERE state <> 'closed' AND waits_for = 'evidence' HAVING min(evidence_by) IS NOT NULL
UNION ALL
SELECT 'messages_owed', 'visits', '', count(*) FROM messages WHERE status IN ('pending','sending')
UNION ALL
SELECT 'messages_owed', 'accounts', '', count(*) FROM account_messages WHERE status IN ('pending','sending')
UNION ALL
SELECT 'messages_oldest', 'visits', '', coalesce(extract(epoch FROM now() - min(created_at)), 0)
FROM messages WHERE status IN ('pending','sending')
UNION ALL
SELECT 'messages_oldest', 'accounts', '', coalesce(extract(epoch FROM now() - min(created_at)), 0)
FROM account_messages WHERE status IN ('pending','sending')
UNION ALL
SELECT 'messages_troubled', m.problem, '', count(*)
FROM messages m WHERE m.problem <> '' AND m.created_at > now() - interval '30 days'
  AND NOT EXISTS (SELECT 1 FROM messages r WHERE r.resend_of = m.id)
GROUP BY m.problem
UNION ALL
SELECT 'outbox_unmatched', '', '', count(*) FROM outbox WHERE topic = 'unmatched' AND done_at IS NULL
UNION ALL
SELECT 'reconciled', '', '', extract(epoch FROM now() - max(finished_at)) FROM reconcile_runs HAVING max(finished_at) IS NOT NULL
UNION ALL
(SELECT 'reconcile_findings', '', '', reported FROM reconcile_runs WHERE finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1)
UNION ALL
SELECT 'deployments', state, '', count(*) FROM deployments WHERE ended_at IS NULL OR ended_at > now() - interval '30 days' GROUP BY state
UNION ALL
SELECT 'alarms_unsent', '', '', count(*) FROM ops_alarms WHERE state = 'unsent' AND raised_at > now() - interval '7 days';
