package backup_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/fileblob"

	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
)

// tools are PostgreSQL's own, with a script in the place of pg_dump; it finds the true one
// as $real.
func tools(t *testing.T, script string) backup.Tools {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"pg_dumpall", "pg_restore"} {
		path, err := exec.LookPath(name)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(folder, name)))
	}
	path, err := exec.LookPath("pg_dump")
	require.NoError(t, err)
	script = "#!/bin/sh\nreal=" + path + "\n[ \"$1\" != --version ] || exec $real --version\n" + script + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pg_dump"), []byte(script), 0o700))
	return backup.Tools{Folder: folder}
}

// stored are the objects in the storage.
func (s site) stored(t *testing.T) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(s.folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

func (s site) ballast(t *testing.T, megabytes int) {
	t.Helper()
	s.exec(t, `CREATE TABLE ballast AS SELECT g, (SELECT decode(string_agg(md5(random()::text || g || i), ''), 'hex')
		FROM generate_series(1, 65536) i) AS b FROM generate_series(1, $1::int) g`, megabytes)
}

// A dump that breaks off is no backup, whatever came through by then: nothing of it is
// there to be committed.
func TestADumpThatDiesLeavesNothingToCommit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, script := range map[string]string{
		"killed in the middle":  `$real "$@" | head -c 20000; kill -9 $$`,
		"failed at its end":     `$real "$@"; exit 1`,
		"failed before any row": `exit 1`,
	} {
		s.Tools = tools(t, script)
		attempt := domain.NewID()
		_, err := s.Backup(t.Context(), s.source, domain.NewID(), attempt, nil)
		require.Equal(t, domain.CodeTool, domain.CodeOf(err), "%s: %v", name, err)
		for _, path := range s.stored(t) {
			require.NotContains(t, path, "/data", name)
		}
	}
}

// A pipe that ends early with exit 0 looks like a backup in every way but one.
func TestADumpThatIsShortIsFoundByItsProof(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, script := range map[string]string{
		"early": `$real "$@" | head -c 20000`, "late": `$real "$@" | head -c -300`,
		"without a table": `$real "$@" --exclude-table-data=doctor_hours`,
	} {
		s.Tools = tools(t, script)
		m := s.save(t)
		e := s.verify(t, m)
		require.False(t, e.Passed(), name)
		require.NotEmpty(t, e.Failures, name)
	}
}

// A proof that the server cuts off says nothing about the backup: it is tried again, and
// finds what the first try has left.
func TestAConnectionThatIsLostInAProofMakesNoBadBackup(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ballast(t, 4)
	m := s.save(t)
	data, _ := m.Part(domain.PartData)
	id, cut := domain.NewID(), false
	_, err := s.Verify(t.Context(), m, s.server, id, func(phase string, bytes int64) {
		if phase != backup.PhaseRestore || cut || bytes < data.Stored.Bytes/2 {
			return
		}
		cut = true
		testkit.Eventually(t, func() bool {
			var ended int
			err := s.db.QueryRow(context.Background(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1`,
				"careflow_verify_"+strings.ReplaceAll(id, "-", "")).Scan(&ended)
			return err == nil && ended > 0
		}, "the session of pg_restore is ended")
	})
	require.True(t, cut)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "%v", err)
	e, err := s.Verify(t.Context(), m, s.server, id, nil)
	require.NoError(t, err)
	require.True(t, e.Passed(), "%v", e.Failures)
}

// The same of a scratch server whose disk is full.
func TestAScratchServerWithoutSpaceMakesNoBadBackup(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ballast(t, 4)
	m := s.save(t)
	name := "tiny_" + strings.ReplaceAll(domain.NewID(), "-", "")
	disk := testkit.TinyDisk(t, 3<<20)
	var data string
	require.NoError(t, s.db.QueryRow(t.Context(), "SHOW data_directory").Scan(&data))
	info, err := os.Stat(data)
	require.NoError(t, err)
	owner, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	testkit.Give(t, disk, strconv.Itoa(int(owner.Uid)))
	s.exec(t, "CREATE TABLESPACE "+name+" LOCATION '"+disk+"'")
	s.exec(t, "CREATE ROLE "+name+" LOGIN CREATEDB PASSWORD 'test'")
	s.exec(t, "ALTER ROLE "+name+" SET default_tablespace = '"+name+"'")
	s.exec(t, "GRANT CREATE ON TABLESPACE "+name+" TO "+name)
	t.Cleanup(func() {
		s.exec(t, "DROP OWNED BY "+name)
		s.exec(t, "DROP TABLESPACE "+name)
		s.exec(t, "DROP ROLE "+name)
	})

	_, err = s.Verify(t.Context(), m, backup.Server{URL: asRole(s.server.URL, name, "test")}, domain.NewID(), nil)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "no space left")
}

// A storage that is full takes no backup, keeps nothing of it, and takes one when there is
// room.
func TestAFullStorageKeepsNothingOfABackup(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ballast(t, 4)
	s.folder = testkit.TinyDisk(t, 3<<20)
	bucket, err := fileblob.OpenBucket(s.folder, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	require.NoError(t, err)
	s.Logical = newEngine(t, bucket)
	_, err = s.Preflight(t.Context(), s.source)
	require.NoError(t, err)
	id := domain.NewID()
	_, err = s.Backup(t.Context(), s.source, id, "attempt-1", nil)
	require.Equal(t, domain.CodeStorage, domain.CodeOf(err), "%v", err)
	require.NoError(t, s.Vault.RemoveAttempt(t.Context(), s.source.Target, id, "attempt-1"))
	require.Empty(t, s.stored(t))

	s.exec(t, "DROP TABLE ballast")
	m := s.save(t)
	require.True(t, s.verify(t, m).Passed())
}

// A scratch database that a worker left when it died for good is swept by the next proof,
// a day later; one of now is somebody's.
func TestScratchDatabasesThatNobodyCameBackToAreSwept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	role := "sweep_" + strings.ReplaceAll(domain.NewID(), "-", "")
	s.exec(t, "CREATE ROLE "+role+" LOGIN CREATEDB PASSWORD 'test'")
	server := backup.Server{URL: asRole(s.server.URL, role, "test")}
	fresh := "careflow_verify_" + strings.ReplaceAll(domain.NewID(), "-", "")
	old := "careflow_verify_" + strconv.FormatInt(time.Now().Add(-27*time.Hour).UnixMilli()+1<<48, 16)[1:] + fresh[len(fresh)-20:]
	for _, name := range []string{fresh, old} {
		s.exec(t, "CREATE DATABASE "+name+" OWNER "+role)
	}
	t.Cleanup(func() { s.exec(t, "DROP DATABASE "+fresh); s.exec(t, "DROP ROLE "+role) })
	m := s.save(t)
	e, err := s.Verify(t.Context(), m, server, domain.NewID(), nil)
	require.NoError(t, err)
	require.True(t, e.Passed(), "%v", e.Failures)
	var left []string
	require.NoError(t, s.db.QueryRow(t.Context(), `SELECT array_agg(datname::text) FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE rolname = $1`, role).Scan(&left))
	require.Equal(t, []string{fresh}, left)
}
