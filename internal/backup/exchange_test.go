package backup_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
)

// stage is a server on which a test makes databases of its own.
type stage struct {
	backup.Logical
	server backup.Server
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return &stage{server: backup.Server{URL: testkit.Env(t, "CAREFLOW_TEST_DATABASE_URL")}}
}

// database makes one with a sign on it, and returns its name.
func (s *stage) database(t *testing.T, says string) string {
	t.Helper()
	name := says + "_" + short()
	s.run(t, "", "CREATE DATABASE "+name)
	t.Cleanup(func() { _ = s.Drop(context.Background(), s.server, name) })
	s.run(t, name, "CREATE TABLE sign AS SELECT '"+says+"' AS says")
	return name
}

// run carries statements out in a database; "" is the server's own.
func (s *stage) run(t *testing.T, database, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.url(database))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), statements)
	require.NoError(t, err)
}

// text asks a database for one text, "" where it cannot be asked.
func (s *stage) text(ctx context.Context, database, query string) string {
	conn, err := pgx.Connect(ctx, s.url(database))
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var text string
	_ = conn.QueryRow(ctx, query).Scan(&text)
	return text
}

func (s *stage) url(database string) string {
	if database == "" {
		return s.server.URL
	}
	return replaceDatabase(s.server.URL, database)
}

func short() string { return strings.ReplaceAll(domain.NewID(), "-", "") }

// Clients connect and ask all the time while two databases change places, and back.
func TestDatabasesChangePlacesUnderClients(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	live, incoming, outgoing := s.database(t, "live"), s.database(t, "incoming"), "outgoing_"+short()
	t.Cleanup(func() { _ = s.Drop(context.Background(), s.server, outgoing) })
	says := func() string { return s.text(t.Context(), live, "SELECT says FROM sign") }
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var asked atomic.Int64
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				says()
				asked.Add(1)
			}
		})
	}
	require.Equal(t, "live", says())
	took, err := s.Exchange(t.Context(), s.server, live, incoming, outgoing)
	require.NoError(t, err)
	require.Positive(t, took)
	require.Equal(t, "incoming", says())
	again, err := s.Exchange(t.Context(), s.server, live, incoming, outgoing)
	require.NoError(t, err, "a try that was not heard of")
	require.Zero(t, again)
	require.Equal(t, "incoming", says())
	back, err := s.Exchange(t.Context(), s.server, live, outgoing, incoming)
	require.NoError(t, err)
	require.Equal(t, "live", says())
	stop()
	clients.Wait()
	t.Logf("exchanged in %s, back in %s, with %d sessions meanwhile", took, back, asked.Load())

	_, err = s.Exchange(t.Context(), s.server, live, "no_such_"+short(), outgoing)
	require.NoError(t, err, "where incoming is gone and something lives it was done before")
	require.NoError(t, s.Drop(t.Context(), s.server, live))
	_, err = s.Exchange(t.Context(), s.server, live, incoming, outgoing)
	require.NoError(t, err, "in the place of what is gone")
	require.Equal(t, "incoming", says())
}

// What a restore takes along replaces what the backup had, as far as it fits.
func TestTablesAreTakenAlong(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	from, to := s.database(t, "live"), s.database(t, "restored")
	for name, statements := range map[string]string{
		from: "CREATE TABLE log (id int GENERATED ALWAYS AS IDENTITY, who int, what text); INSERT INTO log (who, what) VALUES (1, 'kept'), (2, 'of nobody')",
		to:   "CREATE TABLE log (id int GENERATED ALWAYS AS IDENTITY, who int, what text); INSERT INTO log (who, what) VALUES (1, 'old'); CREATE TABLE people AS SELECT 1 AS id",
	} {
		s.run(t, name, statements)
	}
	carried := []domain.CarriedTable{{Name: "public.log", Where: "EXISTS (SELECT 1 FROM public.people p WHERE p.id = t.who)"}}
	for range 2 { // each step may run twice
		require.NoError(t, s.CopyTables(t.Context(), s.url(from), s.url(to), carried))
		require.Equal(t, "kept", s.text(t.Context(), to, "SELECT string_agg(what, ',') FROM log"))
	}
	require.Equal(t, "3", s.text(t.Context(), to, "INSERT INTO log (who, what) VALUES (1, 'next') RETURNING id::text"), "numbers go on where they were")
}
