-- Taking the oldest rows of the outbox costs as much with thousands waiting as with one.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION lease_outbox(lease_seconds int, max_rows int) RETURNS SETOF outbox LANGUAGE plpgsql
    -- The outbox is nearly empty most of the time, and so are its statistics: in a rush a plan made
    -- from them reads and sorts all that waits, for each row it takes. Walking the index never does, and
    -- is planned once.
    SET enable_sort = off SET enable_bitmapscan = off SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    -- An array, because a plan may run an IN sub-select again for each row, and lease more than it was asked.
    RETURN QUERY UPDATE outbox SET leased_until = now() + make_interval(secs => lease_seconds), attempts = outbox.attempts + 1
    WHERE id = ANY (ARRAY(
        SELECT o.id FROM outbox o
        WHERE o.done_at IS NULL AND o.topic <> 'unmatched' AND o.not_before <= now()
          AND (o.leased_until IS NULL OR o.leased_until < now())
          AND NOT EXISTS (SELECT 1 FROM restore_fence)
          -- A value, not an anti-join, and a topic that outbox_due does not promise: one look into
          -- outbox_due_appointment for each row.
          AND (o.appointment_id IS NULL OR o.id = (SELECT min(b.id) FROM outbox b
              WHERE b.appointment_id = o.appointment_id AND b.done_at IS NULL AND coalesce(b.topic, '') <> 'unmatched'))
        ORDER BY o.id LIMIT max_rows FOR UPDATE SKIP LOCKED))
    RETURNING outbox.*;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION lease_outbox IS
    'Leases the oldest due rows, at most the oldest of each appointment, and none behind the fence of a restore.';

-- +goose Down
DROP FUNCTION lease_outbox;
