package backup_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/s3blob"

	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
)

// inS3 is a site whose storage is a real S3 server behind a line that can fail.
func inS3(t *testing.T) (site, *testkit.Store) {
	t.Helper()
	store := testkit.NewStore(t)
	bucket, err := s3blob.OpenBucket(t.Context(), store.Client(), store.Bucket, nil)
	require.NoError(t, err)
	s := newSite(t)
	s.Logical = newEngine(t, bucket)
	return s, store
}

// insist repeats what may be repeated, as the activities are.
func insist(t *testing.T, what string, step func(context.Context) error) {
	t.Helper()
	for range 20 {
		err := step(t.Context())
		if err == nil {
			return
		}
		require.Contains(t, []domain.Code{domain.CodeStorage, domain.CodeUnavailable, domain.CodeInternal}, domain.CodeOf(err), "%s: %v", what, err)
	}
	require.Fail(t, what+" never came through")
}

// A backup lives its whole life while requests to its store fail in one way, again and again:
// it is committed once, proven, and leaves nothing when it is removed.
func TestABackupLivesThroughFaultsOfItsStore(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]struct {
		fault testkit.Fault
		every int
	}{
		"503": {testkit.Unavailable, 7}, "resets": {testkit.Reset, 7}, "lost replies": {testkit.LostReply, 7},
		// Each silence costs a whole try.
		"silence": {testkit.Hang, 19},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, store := inS3(t)
			s.Vault.Patience = 3 * time.Second
			// More than one part of an upload.
			s.exec(t, `CREATE TABLE ballast AS SELECT g, (SELECT decode(string_agg(md5(random()::text || g || i), ''), 'hex') FROM generate_series(1, 65536) i) AS b FROM generate_series(1, 10) g`)
			store.FailEvery(with.every, with.fault)

			insist(t, "preflight", func(ctx context.Context) error { _, err := s.Preflight(ctx, s.source); return err })
			id := domain.NewID()
			var m domain.BackupManifest
			insist(t, "save", func(ctx context.Context) (err error) {
				attempt := domain.NewID()
				if m, err = s.Backup(ctx, s.source, id, attempt, nil); err != nil {
					insist(t, "removal of a failed attempt", func(ctx context.Context) error { return s.Vault.RemoveAttempt(ctx, s.source.Target, id, attempt) })
				}
				return err
			})
			insist(t, "commit", func(ctx context.Context) error { return s.Vault.Commit(ctx, m) })
			var e domain.BackupEvidence
			insist(t, "proof", func(ctx context.Context) (err error) {
				if e, err = s.Verify(ctx, m, s.server, domain.NewID(), nil); err == nil {
					err = s.Vault.Attest(ctx, e)
				}
				return err
			})
			require.True(t, e.Passed(), "a fault of the store makes no bad backup: %v", e.Failures)

			var inventory domain.BackupInventory
			insist(t, "inventory", func(ctx context.Context) (err error) {
				inventory, err = s.Vault.Inventory(ctx, s.source.Target)
				return err
			})
			require.Len(t, inventory.Backups, 1)
			require.Empty(t, inventory.Attempts)
			require.Empty(t, inventory.Unreadable)
			require.True(t, inventory.Backups[0].Evidence.Passed())

			at := time.Now()
			insist(t, "tombstone", func(ctx context.Context) error { return s.Vault.Bury(ctx, m.Target, m.BackupID, at) })
			insist(t, "removal", func(ctx context.Context) error { return s.Vault.Remove(ctx, m.Target, m.BackupID) })
			store.Fail(nil)
			inventory, err := s.Vault.Inventory(t.Context(), s.source.Target)
			require.NoError(t, err)
			require.Equal(t, domain.BackupInventory{}, inventory)
		})
	}
}

// The commit happened and its answer was lost: it is found to be ours. Another attempt's
// commit is found to be another's, whose answers are lost too.
func TestACommitWhoseAnswerWasLostIsFoundToBeDone(t *testing.T) {
	t.Parallel()
	s, store := inS3(t)
	id := domain.NewID()
	first, err := s.Backup(t.Context(), s.source, id, "attempt-1", nil)
	require.NoError(t, err)
	second, err := s.Backup(t.Context(), s.source, id, "attempt-2", nil)
	require.NoError(t, err)
	manifest := func(r *http.Request) bool {
		return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifest.json")
	}
	tries := store.FailOnce(testkit.LostReply, manifest)
	require.NoError(t, s.Vault.Commit(t.Context(), first))
	require.Greater(t, tries(), 1, "it was written, and asked for again")
	store.FailOnce(testkit.LostReply, manifest)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(s.Vault.Commit(t.Context(), second)))
	read, err := s.Vault.Manifest(t.Context(), s.source.Target, id)
	require.NoError(t, err)
	require.Equal(t, "attempt-1", read.Attempt)
}

// A preflight's first write is not taken for somebody else's when its answer is lost.
func TestAPreflightSurvivesALostAnswer(t *testing.T) {
	t.Parallel()
	s, store := inS3(t)
	store.FailOnce(testkit.LostReply, func(r *http.Request) bool { return r.Method == http.MethodPut })
	_, err := s.Preflight(t.Context(), s.source)
	require.NoError(t, err)
}

// A store that takes a request and never answers is given up in time, whatever is asked.
func TestASilentStoreIsGivenUp(t *testing.T) {
	t.Parallel()
	s, store := inS3(t)
	m := s.save(t)
	s.Vault.Patience = 300 * time.Millisecond
	store.FailEvery(1, testkit.Hang)
	for name, call := range map[string]func(context.Context) error{
		"probe": func(ctx context.Context) error { return s.Vault.Probe(ctx, "clinic") },
		"save": func(ctx context.Context) error {
			_, err := s.Backup(ctx, s.source, domain.NewID(), "1", nil)
			return err
		},
		"commit": func(ctx context.Context) error { return s.Vault.Commit(ctx, m) },
		"check":  func(ctx context.Context) error { return (&backup.Service{Logical: s.Logical}).CheckStored(ctx, m, nil) },
		"read":   func(ctx context.Context) error { return s.Check(ctx, m, nil) },
		"list":   func(ctx context.Context) error { _, err := s.Vault.Inventory(ctx, "clinic"); return err },
		"remove": func(ctx context.Context) error { return s.Vault.Raise(ctx, "clinic", m.BackupID) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		err := call(ctx)
		require.NoError(t, ctx.Err(), name)
		require.Equal(t, domain.CodeStorage, domain.CodeOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, "did not answer", name)
		cancel()
	}
}

// A bucket that is not there says nothing about the backups in it.
func TestAMissingBucketMakesNoBadBackup(t *testing.T) {
	t.Parallel()
	s, store := inS3(t)
	m := s.save(t)
	bucket, err := s3blob.OpenBucket(t.Context(), store.Client(), "elsewhere", nil)
	require.NoError(t, err)
	elsewhere := newEngine(t, bucket)
	elsewhere.Identities = s.Identities
	_, err = elsewhere.Verify(t.Context(), m, s.server, domain.NewID(), nil)
	require.Equal(t, domain.CodeStorage, domain.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "bucket")
}
