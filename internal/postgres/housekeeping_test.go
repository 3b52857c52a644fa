package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

var keeping = domain.Keeping{Outbox: 7 * 24 * time.Hour, IdempotencyKeys: 30 * 24 * time.Hour}

// sweep removes all of a kind that is too old by now, in batches of two.
func (c clinic) sweep(t *testing.T, what domain.Litter) (removed int) {
	t.Helper()
	for {
		n, err := c.Sweep(t.Context(), what, keeping.Before(what, time.Now()), 2)
		require.NoError(t, err)
		removed += n
		if n < 2 {
			return removed
		}
	}
}

func TestHousekeepingRemovesWhatIsOldAndDoneWith(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.exec(t, `INSERT INTO outbox (topic, dedupe_key, appointment_id, done_at) SELECT 'payment_hint', 'd' || i, $1, now() - make_interval(days => i) FROM generate_series(5, 11) i`, id)
	c.exec(t, `INSERT INTO outbox (topic, dedupe_key, created_at) VALUES ('unmatched', 'lost', now() - interval '1 year')`)
	c.exec(t, `UPDATE outbox SET created_at = now() - interval '1 year' WHERE done_at IS NULL`)
	c.exec(t, `INSERT INTO idempotency_keys (principal, operation, key, body_hash, created_at)
		SELECT $1, 'o', i::text, '', now() - make_interval(days => i) FROM generate_series(28, 34) i`, patientAccount)
	c.exec(t, `INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, ended_at, end_reason)
		SELECT gen_random_uuid(), $1, now() - interval '1 year', now(), now() - make_interval(days => d), e, CASE WHEN e IS NULL THEN NULL ELSE 'logged_out' END
		FROM (VALUES (-1, NULL::timestamptz), (89, NULL), (91, NULL), (-1, now() - interval '89 days'), (-1, now() - interval '92 days')) v(d, e)`, patientAccount)
	c.exec(t, `INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at)
		SELECT i::text::bytea, (SELECT id FROM sessions WHERE expires_at > now() AND ended_at IS NULL), now(), now() - make_interval(hours => i) FROM generate_series(-2, 27) i`)
	c.exec(t, `INSERT INTO login_attempts SELECT i::text::bytea, 1, now() - make_interval(hours => i) FROM generate_series(20, 27) i`)

	for what, want := range map[domain.Litter]int{
		domain.LitterOutbox: 5, domain.LitterKeys: 5, domain.LitterTokens: 4, domain.LitterSessions: 2, domain.LitterAttempts: 4, domain.LitterRuns: 0,
	} {
		require.Equal(t, want, c.sweep(t, what), what)
		require.Zero(t, c.sweep(t, what), "%s: nothing is left of what is too old", what)
	}
	require.Equal(t, 1, c.count(t, "outbox WHERE topic = 'start'"), "what Temporal has not heard stays, however old")
	require.Equal(t, 1, c.count(t, "outbox WHERE topic = 'unmatched'"), "and so does what nobody knows")
	require.Equal(t, 1, c.count(t, "idempotency_keys WHERE operation = 'createAppointment'"))
	require.Equal(t, 3, c.count(t, "sessions"))
	require.Equal(t, 1, c.count(t, "appointment_events"))
	_, err := c.Sweep(t.Context(), "appointments", time.Now(), 10)
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
	require.True(t, keeping.Before("appointments", time.Now()).IsZero())
}

func TestHousekeepingWaitsForNobody(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.exec(t, `INSERT INTO idempotency_keys (principal, operation, key, body_hash, created_at)
		SELECT $1, 'o', i::text, '', now() - interval '40 days' FROM generate_series(1, 5) i`, patientAccount)
	held, err := c.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = held.Rollback(t.Context()) }()
	_, err = held.Exec(t.Context(), `UPDATE idempotency_keys SET status = 200, response = '{}' WHERE key = '3'`)
	require.NoError(t, err)
	require.Equal(t, 4, c.sweep(t, domain.LitterKeys), "a key that is in use at this moment is left alone")
	require.NoError(t, held.Commit(t.Context()))
	require.Equal(t, 1, c.sweep(t, domain.LitterKeys))
}

// A client that asks again with a key which is being removed, or was, is told that the
// patient has that visit already.
func TestARetryAfterItsKeyWasRemovedBooksNothing(t *testing.T) {
	t.Parallel()
	c := open(t)
	for name, r := range map[string]domain.BookingRequest{"a doctor": visit(nine), "any doctor": anyone(later(1))} {
		key := newKey(patient)
		_, _, err := c.Book(t.Context(), patient, r, key, now, render)
		require.NoError(t, err)
		c.exec(t, "UPDATE idempotency_keys SET created_at = now() - interval '40 days'")
		codes := atOnce(6, func(i int) error {
			if i == 0 {
				_, err := c.Sweep(t.Context(), domain.LitterKeys, keeping.Before(domain.LitterKeys, time.Now()), 100)
				return err
			}
			_, _, err := c.Book(t.Context(), patient, r, key, now, render)
			return err
		})
		require.Equal(t, 6, codes[""]+codes[domain.CodeSlotTaken]+codes[domain.CodePatientOverlap], "%s: %v", name, codes)
		_, _, err = c.Book(t.Context(), patient, r, key, now, render)
		require.Contains(t, []domain.Code{domain.CodeSlotTaken, domain.CodePatientOverlap}, domain.CodeOf(err), name)
	}
	require.Equal(t, 2, c.count(t, "appointments"))
}

func TestRunsOfHousekeepingAreReported(t *testing.T) {
	t.Parallel()
	c := open(t)
	require.NoError(t, c.OpenHousekeeping(t.Context(), "first", domain.BySchedule))
	require.NoError(t, c.OpenHousekeeping(t.Context(), "first", domain.BySchedule), "a retry begins it once")
	require.NoError(t, c.OpenHousekeeping(t.Context(), "second", domain.ByPerson))
	require.NoError(t, c.CloseHousekeeping(t.Context(), "second", map[domain.Litter]int{domain.LitterOutbox: 2}))
	list, err := c.Housekeepings(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, map[domain.Litter]int{domain.LitterOutbox: 2}, list[0].Removed)
	require.Equal(t, domain.ByPerson, list[0].Trigger)
	require.False(t, list[0].FinishedAt.IsZero())
	require.True(t, list[1].FinishedAt.IsZero())
}
