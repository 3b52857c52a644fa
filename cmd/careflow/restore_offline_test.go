package main

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
)

// aside is a database like Temporal's that only an offline restore may restore: its name, a
// storage with a proven backup of it, and the settings of who restores.
type aside struct {
	name, url, folder string // url is the restoring role's
	environ           []string
	backup            domain.BackupManifest
}

// newAside makes one whose backup has the row "then"; it lives with the row "now".
func newAside(t *testing.T) aside {
	t.Helper()
	admin := testkit.Env(t, "CAREFLOW_TEST_DATABASE_URL")
	word := strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	owner, role := "owner_"+word, "offline_"+word
	a := aside{name: "aside_" + word, folder: t.TempDir()}
	for _, statement := range []string{
		"CREATE ROLE " + owner, "CREATE ROLE " + role + " LOGIN CREATEDB PASSWORD 'test' IN ROLE " + owner, "CREATE DATABASE " + a.name + " OWNER " + owner,
	} {
		execute(t, admin, statement)
	}
	t.Cleanup(func() {
		for _, name := range databasesOf(t, a.name) {
			execute(t, admin, "DROP DATABASE "+name+" WITH (FORCE)")
		}
		execute(t, admin, "DROP ROLE "+role)
		execute(t, admin, "DROP ROLE "+owner)
	})
	u, err := url.Parse(admin)
	require.NoError(t, err)
	u.Path = "/" + a.name
	source := u.String()
	u.User = url.UserPassword(role, "test")
	a.url = u.String()
	execute(t, source, "CREATE TABLE executions AS SELECT 'then' AS state; ALTER TABLE executions OWNER TO "+owner)

	keys := careflow(t.Context(), nil, "keys", "backup")
	require.Zero(t, keys.code, keys.errors)
	a.environ = append(strings.Fields(keys.out), "CAREFLOW_ENV=development", "CAREFLOW_BACKUP_STORAGE=file://"+a.folder, "CAREFLOW_RESTORE_TARGETS=temporal="+a.url)
	a.backup = saveAside(t, a.environ, source, admin)
	execute(t, source, "UPDATE executions SET state = 'now'")
	return a
}

// saveAside makes a proven backup as a backup worker does.
func saveAside(t *testing.T, environ []string, source, scratch string) domain.BackupManifest {
	t.Helper()
	c, err := config.Load(config.RestoreOffline, environ)
	require.NoError(t, err)
	c.Backup.Targets = map[string]config.Secret{"temporal": config.NewSecret(source)}
	c.Backup.Scratch = config.NewSecret(scratch)
	s, err := openBackups(t.Context(), c)
	require.NoError(t, err)
	defer func() { _ = s.Close() }()
	m, err := s.Save(t.Context(), "temporal", domain.NewID(), domain.NewID(), nil)
	require.NoError(t, err)
	require.NoError(t, s.Commit(t.Context(), m))
	e, err := s.Verify(t.Context(), "temporal", m.BackupID, domain.NewID(), nil)
	require.NoError(t, err)
	require.True(t, e.Passed(), e.Failures)
	return m
}

// databasesOf lists the databases whose names begin so.
func databasesOf(t *testing.T, prefix string) []string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // cleanups ask too
	conn, err := pgx.Connect(ctx, testkit.Env(t, "CAREFLOW_TEST_DATABASE_URL"))
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1", prefix)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}

// state is the row of one of its databases.
func (a aside) state(t *testing.T, database string) (state string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), strings.Replace(a.url, "/"+a.name, "/"+database, 1))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT state FROM executions").Scan(&state))
	return state
}

func (a aside) offline(t *testing.T, answers string, args ...string) result {
	t.Helper()
	var out, errors output
	code := run(t.Context(), invocation{
		args: append([]string{"restore", "offline", "--target", "temporal"}, args...), environ: a.environ,
		in: strings.NewReader(answers), out: &out, errors: &errors,
	})
	return result{code, out.String(), errors.String()}
}

func TestTemporalIsRestoredOfflineAndBack(t *testing.T) {
	t.Parallel()
	a := newAside(t)
	list := a.offline(t, "", "list")
	require.Zero(t, list.code, list.errors)
	require.Regexp(t, a.backup.BackupID+`\s.*proven`, list.out)

	tried := a.offline(t, "", "--dry-run")
	require.Zero(t, tried.code, tried.errors)
	require.Contains(t, tried.out, "THIS SETS EVERY PROCESS BACK")
	require.Equal(t, exitMistaken, a.offline(t, "", "--yes", "another").code)
	given := a.offline(t, "another\n\n")
	require.Equal(t, exitFailed, given.code)
	require.Contains(t, given.out, "is not its name")
	require.Contains(t, a.offline(t, "").errors, "nobody answered")
	require.Equal(t, []string{a.name}, databasesOf(t, a.name), "what was given up leaves nothing")

	restored := a.offline(t, "another\n"+a.name+"\n", "--backup", a.backup.BackupID)
	require.Zero(t, restored.code, restored.errors)
	require.Less(t, strings.Index(restored.out, "THIS SETS EVERY PROCESS BACK"), strings.Index(restored.out, "Type the name"), "it warns before it asks")
	require.Equal(t, "then", a.state(t, a.name))
	names := databasesOf(t, a.name)
	require.Len(t, names, 2)
	require.Regexp(t, `^`+a.name+`_before_\d{8}_\d{6}$`, names[1])
	require.Equal(t, "now", a.state(t, names[1]))

	a.environ = []string{"CAREFLOW_ENV=development", "CAREFLOW_RESTORE_TARGETS=temporal=" + a.url} // the undo needs no more
	server, err := pgx.Connect(t.Context(), a.url)
	require.NoError(t, err)
	require.Contains(t, a.offline(t, "", "--undo", "--yes", a.name).errors, "stop Temporal first")
	require.NoError(t, server.Close(t.Context()))
	undone := a.offline(t, "", "--undo", "--yes", a.name)
	require.Zero(t, undone.code, undone.errors)
	require.Equal(t, "now", a.state(t, a.name))
	require.Equal(t, "then", a.state(t, strings.Replace(names[1], "_before_", "_restored_", 1)))
	again := a.offline(t, "", "--undo", "--yes", a.name)
	require.Contains(t, again.errors, "nothing to go back to")
}

func TestAnOfflineRestoreDemandsOnlyWhatItUses(t *testing.T) {
	t.Parallel()
	a := aside{environ: []string{"CAREFLOW_ENV=development"}}
	missing := regexp.MustCompile(`CAREFLOW_\w+(?: is missing)`)
	for _, c := range []struct{ args, missing []string }{
		{[]string{"list"}, []string{"CAREFLOW_BACKUP_SIGNING_KEYS is missing", "CAREFLOW_BACKUP_STORAGE is missing"}},
		{[]string{"--undo"}, []string{"CAREFLOW_RESTORE_TARGETS is missing"}},
		{nil, []string{"CAREFLOW_BACKUP_IDENTITY is missing", "CAREFLOW_BACKUP_SIGNING_KEYS is missing", "CAREFLOW_BACKUP_STORAGE is missing", "CAREFLOW_RESTORE_TARGETS is missing"}},
	} {
		r := a.offline(t, "", c.args...)
		require.Equal(t, exitMistaken, r.code)
		require.ElementsMatch(t, c.missing, missing.FindAllString(r.errors, -1), r.errors)
	}
}

func TestNothingIsRestoredOfflineWhileSomebodyIsConnected(t *testing.T) {
	t.Parallel()
	a := newAside(t)
	server, err := pgx.Connect(t.Context(), a.url+"&application_name=temporal-history")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close(t.Context()) })
	for _, args := range [][]string{{"--yes", a.name}, {"--yes", a.name, "--backup", a.backup.BackupID}} {
		refused := a.offline(t, "", args...)
		require.Equal(t, exitFailed, refused.code)
		require.Contains(t, refused.errors, "temporal-history")
		require.Contains(t, refused.errors, "stop Temporal first")
	}
	require.NoError(t, server.Ping(t.Context()), "nobody is thrown out")
	require.Equal(t, []string{a.name}, databasesOf(t, a.name))
	require.Contains(t, a.offline(t, "", "--dry-run").out, "It would be refused now")
}

// Somebody who connects while the backup is restored is not thrown out either.
func TestAnOfflineRestoreDoesNotThrowOutWhoComesLate(t *testing.T) {
	t.Parallel()
	a := newAside(t)
	o := &backup.Offline{Logical: &backup.Logical{}, Target: "temporal", URL: a.url}
	incoming := a.name + "_restored_20260101_000000"
	execute(t, testkit.Env(t, "CAREFLOW_TEST_DATABASE_URL"), "CREATE DATABASE "+incoming+" OWNER owner_"+strings.TrimPrefix(a.name, "aside_"))
	late, err := pgx.Connect(t.Context(), a.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = late.Close(t.Context()) })
	_, err = o.Take(t.Context(), backup.OfflinePlan{Live: a.name, Lives: true, Incoming: incoming, Outgoing: a.name + "_before_20260101_000000"})
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "%v", err)
	require.NoError(t, late.Ping(t.Context()))
	require.Equal(t, []string{a.name, incoming}, databasesOf(t, a.name))
}

func TestADamagedBackupIsNotRestoredOffline(t *testing.T) {
	t.Parallel()
	a := newAside(t)
	part, ok := a.backup.Part(domain.PartData)
	require.True(t, ok)
	file := filepath.Join(a.folder, filepath.FromSlash(part.Object))
	stored, err := os.ReadFile(file)
	require.NoError(t, err)
	stored[len(stored)/2] ^= 1
	require.NoError(t, os.WriteFile(file, stored, 0o600))
	refused := a.offline(t, "", "--yes", a.name)
	require.Equal(t, exitFailed, refused.code)
	require.Contains(t, refused.errors, "damaged")
	require.Equal(t, []string{a.name}, databasesOf(t, a.name), "nothing is left")
	require.Equal(t, "now", a.state(t, a.name))
}

func TestAnOfflineRestoreNeedsTheRightKeys(t *testing.T) {
	t.Parallel()
	a := newAside(t)
	others := careflow(t.Context(), nil, "keys", "backup", "--prefix", "other")
	replaced := func(variable string) aside {
		b := a
		b.environ = nil
		for _, pair := range slices.Concat(a.environ, strings.Fields(others.out)) {
			name, _, _ := strings.Cut(pair, "=")
			isOther := !slices.Contains(a.environ, pair)
			if (name == variable) == isOther {
				b.environ = append(b.environ, pair)
			}
		}
		return b
	}
	locked := replaced("CAREFLOW_BACKUP_IDENTITY").offline(t, "", "--yes", a.name)
	require.Equal(t, exitFailed, locked.code)
	require.Contains(t, locked.errors, "none of our identities opens")
	unsigned := replaced("CAREFLOW_BACKUP_SIGNING_KEYS").offline(t, "", "--yes", a.name, "--backup", a.backup.BackupID)
	require.Equal(t, exitFailed, unsigned.code)
	require.Contains(t, unsigned.errors, "CAREFLOW_BACKUP_SIGNING_KEYS")
	require.Equal(t, []string{a.name}, databasesOf(t, a.name))
}

func TestADatabaseThatIsGoneIsRestoredOffline(t *testing.T) {
	t.Parallel()
	a := newAside(t)
	execute(t, testkit.Env(t, "CAREFLOW_TEST_DATABASE_URL"), "DROP DATABASE "+a.name)
	early := a.offline(t, "", "--before", a.backup.SnapshotAt.Add(-time.Second).Format(time.RFC3339), "--yes", a.name)
	require.Contains(t, early.errors, "there is no proven backup")
	unowned := a.offline(t, "", "--yes", a.name)
	require.Equal(t, exitFailed, unowned.code)
	require.Contains(t, unowned.out, "--owner")
	require.Empty(t, databasesOf(t, a.name))
	restored := a.offline(t, "", "--yes", a.name, "--owner", "owner_"+strings.TrimPrefix(a.name, "aside_"))
	require.Zero(t, restored.code, restored.errors)
	require.Equal(t, []string{a.name}, databasesOf(t, a.name))
	require.Equal(t, "then", a.state(t, a.name))
}
