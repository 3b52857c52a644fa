-- name: RingKeys :many
SELECT ring, id, kek_id, wrapped, created_at FROM ring_keys ORDER BY ring, created_at DESC, id;

-- name: SaveRingKey :exec
INSERT INTO ring_keys (ring, id, kek_id, wrapped, created_at) VALUES (@ring, @id, @kek_id, @wrapped, @created_at) ON CONFLICT DO NOTHING;

-- name: ReplaceRingKey :exec
UPDATE ring_keys SET kek_id = @kek_id, wrapped = @wrapped WHERE ring = @ring AND id = @id;
