package postgres_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
)

var statusList = regexp.MustCompile(`status IN \(('requested'[^)]*)\)`)

func TestTheListsOfLiveStatusesAgree(t *testing.T) {
	t.Parallel()
	var live, all []string
	for _, s := range domain.Statuses() {
		all = append(all, string(s))
		if s.Live() {
			live = append(live, string(s))
		}
	}
	found := map[string]int{}
	for _, pattern := range []string{"migrations/*.sql", "queries/*.sql"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			sql := strings.ReplaceAll(string(text), "NOT IN", "IN")
			for _, match := range statusList.FindAllStringSubmatch(sql, -1) {
				list := strings.Split(strings.Join(strings.Fields(strings.ReplaceAll(match[1], "'", "")), ""), ",")
				if len(list) == len(all) {
					require.Equal(t, all, list, file)
					continue
				}
				require.Equal(t, live, list, file)
				found[pattern]++
			}
		}
	}
	require.Equal(t, 2, found["migrations/*.sql"], "the doctor's and the patient's constraint")
	require.Positive(t, found["queries/*.sql"])
}

func TestEveryStatusIsKnownToTheDatabase(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	for _, s := range domain.Statuses() {
		c.exec(t, "UPDATE appointments SET status = $1 WHERE id = $2", s, id)
	}
	_, err := c.db.Exec(t.Context(), "UPDATE appointments SET status = 'lost' WHERE id = $1", id)
	require.Error(t, err)
}

// columns are all there are: a new one is a decision about whose data it holds.
func TestOutboxAndTimelineHaveNoRoomForPersonalData(t *testing.T) {
	t.Parallel()
	c := open(t)
	for table, want := range map[string][]string{
		"outbox": {"id", "topic", "dedupe_key", "appointment_id", "payload", "attempts", "not_before", "leased_until", "last_error", "created_at", "done_at", "account_id", "traceparent"},
		"appointment_events": {
			"appointment_id", "seq", "version", "transition_id", "kind", "from_status", "to_status", "actor_kind", "actor_id", "reason_code", "at",
		},
	} {
		rows, err := c.db.Query(t.Context(), "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position", table)
		require.NoError(t, err)
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Equal(t, want, got, table)
	}
	id := c.book(t, patient, visit(nine))
	_, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now)
	require.NoError(t, err)
	c.move(t, id, domain.StatusPending, domain.StatusCancelled)
	for _, table := range []string{"outbox", "appointment_events", "messages", "idempotency_keys", "payments"} {
		text := one[string](t, c, fmt.Sprintf("SELECT coalesce(string_agg(x::text, ' '), '') FROM %s x", table))
		require.NotEmpty(t, text, table)
		for _, word := range []string{secretWords, "Paula", "Lindner", "patient@careflow.example", "Berger"} {
			require.NotContains(t, text, word, table)
		}
	}
}

func TestMigrationsGoDownAndUpAgain(t *testing.T) {
	t.Parallel()
	c := open(t)
	cfg, err := pgx.ParseConfig(c.url)
	require.NoError(t, err)
	conn := stdlib.OpenDB(*cfg)
	defer func() { _ = conn.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, conn, os.DirFS("migrations"))
	require.NoError(t, err)

	state, err := postgres.MigrationStatus(t.Context(), c.url)
	require.NoError(t, err)
	require.False(t, state.Pending())
	_, err = provider.DownTo(t.Context(), 0)
	require.NoError(t, err)
	require.Zero(t, c.count(t, "information_schema.tables WHERE table_schema = 'public' AND table_name <> 'goose_db_version'"))
	state, err = postgres.MigrationStatus(t.Context(), c.url)
	require.NoError(t, err)
	require.True(t, state.Pending())

	codes := atOnce(3, func(int) error { // several processes of a deployment
		_, err := postgres.Migrate(t.Context(), c.url)
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 3}, codes)
	applied, err := postgres.Migrate(t.Context(), c.url)
	require.NoError(t, err)
	require.Empty(t, applied)
	state, err = postgres.MigrationStatus(t.Context(), c.url)
	require.NoError(t, err)
	require.Equal(t, state.Build, state.Database)
	require.Zero(t, c.count(t, "appointments"))
}

func TestAWrongDatabaseAddressIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://user:hunter2@host:notaport/db", "host=x password=hunter2 port=no"} {
		_, err := postgres.Open(t.Context(), url, 1)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
		_, err = postgres.Migrate(t.Context(), url)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
