package backup_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/testkit"
)

func TestABackupIsProvenByRestoringIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.exec(t, `CREATE TABLE words (id bigserial PRIMARY KEY, at timestamptz, f float8, v tsvector, b bytea, note text)`)
	s.exec(t, `INSERT INTO words (at, f, v, b, note) SELECT now(), random(), to_tsvector('simple', g::text), sha256(g::text::bytea), 'line ' || g
		FROM generate_series(1, 2000) g`)
	_, err := s.Preflight(t.Context(), s.source)
	require.NoError(t, err)
	phases := map[string]int64{}
	m, err := s.Backup(t.Context(), s.source, domain.NewID(), domain.NewID(), func(phase string, bytes int64) { phases[phase] = bytes })
	require.NoError(t, err)
	_, err = s.Vault.Manifest(t.Context(), m.Target, m.BackupID)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "without a manifest there is no backup")
	require.NoError(t, s.Vault.Commit(t.Context(), m))
	require.NoError(t, s.Vault.Commit(t.Context(), m), "a commit whose answer was lost may be repeated")

	read, err := s.Vault.Manifest(t.Context(), m.Target, m.BackupID)
	require.NoError(t, err)
	require.Equal(t, m, read)
	require.Equal(t, map[string][]string{domain.RingPayload: {"key-1"}}, read.KeyIDs)
	require.Equal(t, []string{"kek-1"}, read.KEKIDs, "the manifest says what else is needed")
	e := s.verify(t, read)
	require.True(t, e.Passed(), "%v", e.Failures)
	require.Len(t, e.Checks, 5)
	require.Equal(t, m.Rows, e.Rows)
	require.Greater(t, m.Rows, int64(2000))
	require.Positive(t, phases[domain.PartData])
	require.NoError(t, s.Vault.Attest(t.Context(), e))
	require.Zero(t, s.scratches(t, e), "the scratch database is gone")
}

func (s site) scratches(t *testing.T, e domain.BackupEvidence) int {
	t.Helper()
	var n int
	require.NoError(t, s.db.QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname LIKE 'careflow_verify_' || $1",
		strings.ReplaceAll(e.VerificationID, "-", "")).Scan(&n))
	return n
}

// What is written while the dump runs is in both the dump and its fingerprint, or in
// neither: they look at one instant.
func TestFingerprintAndDumpSeeTheSameInstantUnderWrites(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.exec(t, `CREATE TABLE busy (id bigserial PRIMARY KEY, n int)`)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		n := 0
		for ctx.Err() == nil {
			if _, err := s.db.Exec(ctx, `WITH gone AS (DELETE FROM busy WHERE id % 7 = 0) INSERT INTO busy (n) SELECT g FROM generate_series(1, 20) g`); err == nil {
				n++
			}
		}
		ended <- n
	}()
	for range 3 {
		m := s.save(t)
		e := s.verify(t, m)
		require.True(t, e.Passed(), "%v", e.Failures)
	}
	stop()
	require.Greater(t, <-ended, 3, "it was written to meanwhile")
}

func TestARestoredDatabaseHasTheRowsAndSettingsOfTheSource(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	name := "restored_" + strings.ReplaceAll(domain.NewID(), "-", "")
	s.exec(t, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''9MB''', current_database()); END $$`)
	m := s.save(t)
	s.exec(t, `DELETE FROM doctor_hours`) // after the restore point

	require.NoError(t, s.Restore(t.Context(), m, s.server, name, "", nil))
	t.Cleanup(func() { s.exec(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	restored := testkit.Pool(t, replaceDatabase(s.server.URL, name))
	var hours int
	var memory string
	require.NoError(t, restored.QueryRow(t.Context(), "SELECT count(*), current_setting('work_mem') FROM doctor_hours").Scan(&hours, &memory))
	require.Positive(t, hours)
	require.Equal(t, "9MB", memory)

	err := s.Restore(t.Context(), m, s.server, name, "", nil)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "nothing is restored over what is there")
}

func TestTwoAttemptsCannotBothCommit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := domain.NewID()
	first, err := s.Backup(t.Context(), s.source, id, "attempt-1", nil)
	require.NoError(t, err)
	second, err := s.Backup(t.Context(), s.source, id, "attempt-2", nil)
	require.NoError(t, err)
	require.NoError(t, s.Vault.Commit(t.Context(), second))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(s.Vault.Commit(t.Context(), first)))
	require.NoError(t, s.Vault.RemoveAttempt(t.Context(), s.source.Target, id, "attempt-1"))
	read, err := s.Vault.Manifest(t.Context(), s.source.Target, id)
	require.NoError(t, err)
	require.Equal(t, "attempt-2", read.Attempt)
	e := s.verify(t, read)
	require.True(t, e.Passed(), "%v", e.Failures)
}

// A worker that only makes backups cannot read one.
func TestWithoutAnIdentityNothingOpens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	m := s.save(t)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	for name, identities := range map[string][]age.Identity{"none": nil, "another": {other}} {
		engine := *s.Logical
		engine.Identities = identities
		_, err := engine.Verify(t.Context(), m, s.server, domain.NewID(), nil)
		require.Equal(t, domain.CodeBackupLocked, domain.CodeOf(err), name)
	}
}

// Bytes that change in the storage are never restored silently, wherever they are.
func TestMutationsOfStoredObjectsAreFound(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	m := s.save(t)
	var objects []string
	require.NoError(t, filepath.WalkDir(filepath.Join(s.folder, m.Target, m.BackupID), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			objects = append(objects, path)
		}
		return err
	}))
	require.Len(t, objects, len(m.Parts)+1)
	random := rand.New(rand.NewPCG(1, 2))
	runs := mutations()
	for i := range runs {
		path := objects[random.IntN(len(objects))]
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		mutated, how := mutate(random, whole)
		require.NoError(t, os.WriteFile(path, mutated, 0o600))
		found := s.damage(t, m)
		require.NotEmpty(t, found, "mutation %d (%s) of %s went unnoticed", i, how, filepath.Base(path))
		require.NoError(t, os.WriteFile(path, whole, 0o600))
	}
	require.Empty(t, s.damage(t, m), "what was put back is whole again")
	t.Logf("%d mutations, all found", runs)
}

// damage reads everything that a restore would read, and says what is wrong with it.
func (s site) damage(t *testing.T, m domain.BackupManifest) string {
	t.Helper()
	read, err := s.Vault.Manifest(t.Context(), m.Target, m.BackupID)
	if err == nil {
		err = s.Check(t.Context(), read, nil)
	}
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%s: %v", domain.CodeOf(err), err)
}

func mutate(random *rand.Rand, whole []byte) ([]byte, string) {
	b := append([]byte{}, whole...)
	at := random.IntN(len(b))
	switch random.IntN(6) {
	case 0:
		b[at] ^= 1 << random.IntN(8)
		return b, "a bit"
	case 1:
		return b[:at], "cut"
	case 2:
		return append(b, byte(random.IntN(256))), "a byte more"
	case 3:
		return append(b[:at], b[min(len(b), at+1+random.IntN(64)):]...), "a hole"
	case 4:
		return append(b[:at:at], append([]byte{byte(random.IntN(256))}, whole[at:]...)...), "an insertion"
	default:
		return nil, "emptied"
	}
}

func mutations() int {
	if testing.Short() {
		return 50
	}
	return 1000
}

func TestPreflightNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	noTools := *s.Logical
	noTools.Tools = backup.Tools{Folder: t.TempDir()}
	_, err := noTools.Preflight(t.Context(), s.source)
	require.Equal(t, domain.CodeTool, domain.CodeOf(err))
	require.ErrorContains(t, err, "pg_dump")

	older := *s.Logical
	older.Tools = backup.Tools{Folder: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(older.Tools.Folder, "pg_dump"), []byte("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n"), 0o700))
	_, err = older.Preflight(t.Context(), s.source)
	require.Equal(t, domain.CodeTool, domain.CodeOf(err))
	require.ErrorContains(t, err, "pg_dump 9.6 is older than the server")

	unsigned := *s.Logical
	unsigned.Vault = backup.NewVault(memblob.OpenBucket(nil), backup.Signer{})
	_, err = unsigned.Preflight(t.Context(), s.source)
	require.ErrorContains(t, err, "CAREFLOW_BACKUP_SIGNING_KEYS")

	keyless := *s.Logical
	keyless.Keys = postgres.NewDataKeys(testkit.Pool(t, asRole(s.source.URL, newRole(t, s, ""), "only-a-test"))).Wrapped
	_, err = keyless.Preflight(t.Context(), s.source)
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err))
	require.ErrorContains(t, err, "ring_keys")

	s.exec(t, "ALTER TABLE patients ENABLE ROW LEVEL SECURITY")
	_, err = s.Preflight(t.Context(), backup.Source{Target: "clinic", URL: asRole(s.source.URL, newRole(t, s, "IN ROLE pg_read_all_data"), "only-a-test")})
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err))
	require.ErrorContains(t, err, "BYPASSRLS")

	one := *s.Logical
	one.Recipients = one.Recipients[:1]
	_, err = one.Preflight(t.Context(), s.source)
	require.ErrorContains(t, err, "two keys")

	_, err = s.Preflight(t.Context(), backup.Source{Target: "clinic", URL: asRole(s.source.URL, newRole(t, s, ""), "only-a-test")})
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err))
	require.ErrorContains(t, err, "pg_read_all_data")

	_, err = s.Preflight(t.Context(), backup.Source{Target: "Not A Name", URL: s.source.URL})
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
}

func newRole(t *testing.T, s site, options string) string {
	t.Helper()
	role := "backup_" + strings.ReplaceAll(domain.NewID(), "-", "")
	s.exec(t, "CREATE ROLE "+role+" LOGIN PASSWORD 'only-a-test' "+options)
	t.Cleanup(func() { s.exec(t, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	return role
}
