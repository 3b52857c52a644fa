package backup_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/domain"
)

// The try before was killed: its scratch database is there, with a session in it.
func TestAVerificationThatWasKilledIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	m, id := s.save(t), domain.NewID()
	name := "careflow_verify_" + strings.ReplaceAll(id, "-", "")
	s.exec(t, "CREATE DATABASE "+name)
	left, err := pgx.Connect(t.Context(), replaceDatabase(s.server.URL, name))
	require.NoError(t, err)
	t.Cleanup(func() { _ = left.Close(t.Context()) })
	_, err = left.Exec(t.Context(), `CREATE TABLE doctor_hours ()`)
	require.NoError(t, err)

	e, err := s.Verify(t.Context(), m, s.server, id, nil)
	require.NoError(t, err)
	require.True(t, e.Passed(), "%v", e.Failures)
	require.Zero(t, s.scratches(t, e))
}

// The role that proves backups may not end a superuser's session, such as that of an
// autovacuum worker: the scratch database goes once it has left.
func TestAScratchDatabaseGoesOnceASuperuserHasLeftIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := domain.NewID()
	suffix := strings.ReplaceAll(id, "-", "")
	role, name := "scratch_"+suffix, "careflow_verify_"+suffix
	s.exec(t, "CREATE ROLE "+role+" LOGIN CREATEDB PASSWORD 'scratch'")
	t.Cleanup(func() { s.exec(t, "DROP ROLE "+role) })
	s.exec(t, "CREATE DATABASE "+name+" OWNER "+role)
	visitor, err := pgx.Connect(t.Context(), replaceDatabase(s.server.URL, name))
	require.NoError(t, err)
	leaves := time.AfterFunc(time.Second, func() { _ = visitor.Close(t.Context()) })
	t.Cleanup(func() { leaves.Stop() })

	u, err := url.Parse(s.server.URL)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "scratch")
	require.NoError(t, s.DropScratch(t.Context(), backup.Server{URL: u.String()}, id))
	require.Zero(t, s.scratches(t, domain.BackupEvidence{VerificationID: id}))
}
