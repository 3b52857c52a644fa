package backup_test

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	acts "github.com/careflow/careflow/activities/backup"
	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/domain"
)

const day = 24 * time.Hour

// memory is a catalogue that notes what it is told.
type memory struct {
	acts.Catalogue
	records []domain.BackupRecord
	told    []string
}

func (m *memory) note(what, id string) error { m.told = append(m.told, what+" "+id); return nil }

func (m *memory) BackupsOf(context.Context, string) ([]domain.BackupRecord, error) {
	return m.records, nil
}

func (m *memory) AdoptBackup(_ context.Context, b domain.BackupManifest, _ *domain.BackupEvidence) error {
	return m.note("adopt", b.BackupID)
}
func (m *memory) BuryBackup(_ context.Context, id string, _ time.Time) error {
	return m.note("bury", id)
}
func (m *memory) RaiseBackup(_ context.Context, id string) error { return m.note("raise", id) }
func (m *memory) RemoveBackup(_ context.Context, id string, _ time.Time) error {
	return m.note("remove", id)
}
func (m *memory) HoldBackup(_ context.Context, id, by, reason string) error {
	return m.note("hold", id+" "+by+" "+reason)
}
func (m *memory) ReleaseBackup(_ context.Context, id, by, reason string) error {
	return m.note("release", id+" "+by+" "+reason)
}

// storage is a real vault in a folder, with made-up backups in it.
type storage struct {
	*backup.Service
	t      *testing.T
	folder string
	bucket *blob.Bucket
	memory *memory
	prune  func(dry bool) acts.PruneResult
	acts   *acts.Pruning
}

func newStorage(t *testing.T) *storage {
	t.Helper()
	s := &storage{t: t, folder: t.TempDir(), memory: &memory{}}
	var err error
	s.bucket, err = fileblob.OpenBucket(s.folder, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	require.NoError(t, err)
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	vault := backup.NewVault(s.bucket, backup.Signer{KeyID: "test", Key: private, Trusted: map[string]ed25519.PublicKey{"test": public}})
	t.Cleanup(func() { _ = vault.Close() })
	s.Service = &backup.Service{Logical: &backup.Logical{Vault: vault}, Targets: map[string]string{"clinic": ""}}
	s.acts = acts.NewPruning(s.Service, s.memory, domain.DefaultRetention())
	s.prune = func(dry bool) acts.PruneResult {
		result, err := s.acts.Prune(t.Context(), acts.PruneInput{Target: "clinic", DryRun: dry})
		require.NoError(t, err)
		return result
	}
	return s
}

// add commits a backup of so long ago, proven or not, which the catalogue knows.
func (s *storage) add(id string, ago time.Duration, verified bool) {
	s.t.Helper()
	s.addUnknown(id, ago, verified)
	s.memory.records = append(s.memory.records, domain.BackupRecord{BackupID: id, Target: "clinic", State: domain.BackupVerified})
}

func (s *storage) addUnknown(id string, ago time.Duration, verified bool) {
	s.t.Helper()
	at := time.Now().UTC().Add(-ago)
	sum := strings.Repeat("0", 64)
	m := domain.BackupManifest{
		Format: domain.ManifestFormat, BackupID: id, Target: "clinic", Engine: "logical", Attempt: "a1", StartedAt: at, SnapshotAt: at, FinishedAt: at,
		Parts: []domain.BackupPart{{
			Name: domain.PartData, Object: s.attempt(id, "a1"), Stored: domain.Digest{Bytes: 4, SHA256: sum}, Plain: domain.Digest{Bytes: 4, SHA256: sum},
		}},
	}
	require.NoError(s.t, s.Commit(s.t.Context(), m))
	if verified {
		require.NoError(s.t, s.Vault.Attest(s.t.Context(), domain.BackupEvidence{
			VerificationID: "v", BackupID: id, Target: "clinic", FinishedAt: at, Checks: []string{"counts"},
		}))
	}
}

// attempt writes the object of one try and returns its key.
func (s *storage) attempt(id, name string) string {
	s.t.Helper()
	key := "clinic/" + id + "/" + name + "/data.zst.age"
	require.NoError(s.t, s.bucket.WriteAll(s.t.Context(), key, []byte("data"), nil))
	return key
}

func (s *storage) there(key string) bool {
	s.t.Helper()
	there, err := s.bucket.Exists(s.t.Context(), key)
	require.NoError(s.t, err)
	return there
}

func (s *storage) age(key string, by time.Duration) {
	s.t.Helper()
	at := time.Now().Add(-by)
	require.NoError(s.t, os.Chtimes(filepath.Join(s.folder, filepath.FromSlash(key)), at, at))
}

func manifestKey(id string) string { return "clinic/" + id + "/manifest.json" }

func TestTheRetentionBuriesFirstAndRemovesAfterTheGrace(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	for _, id := range []string{"n1", "n2", "n3"} {
		s.add(id, time.Hour, true)
	}
	s.add("edge", 16*day, true)
	s.add("old", 20*day, true)
	s.add("never", 18*day, false)
	require.ElementsMatch(t, []string{"old", "never"}, s.prune(true).Decision.Bury)
	require.Empty(t, s.memory.told, "a preview changes nothing")
	require.False(t, s.there("clinic/old/tombstone.json"))

	s.prune(false)
	require.ElementsMatch(t, []string{"bury old", "bury never"}, s.memory.told)
	require.True(t, s.there(manifestKey("old")), "in its grace it can still be restored")
	s.memory.told = nil
	require.Equal(t, domain.KeepGrace, s.prune(false).Decision.Keep["old"])
	require.Empty(t, s.memory.told)

	require.NoError(t, s.Raise(t.Context(), "clinic", "old"))
	require.NoError(t, s.Bury(t.Context(), "clinic", "old", time.Now().Add(-4*day)))
	require.Equal(t, []string{"old"}, s.prune(false).Decision.Remove)
	require.Equal(t, []string{"remove old"}, s.memory.told)
	require.False(t, s.there(manifestKey("old")))
	require.False(t, s.there("clinic/old/a1/data.zst.age"))
	require.True(t, s.there(manifestKey("edge")))
}

func TestARemovalThatBrokeOffIsFinished(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	s.add("new", time.Hour, true)
	key := s.attempt("half", "a1")
	require.NoError(t, s.Bury(t.Context(), "clinic", "half", time.Now()))
	s.prune(false)
	require.False(t, s.there(key))
	require.Equal(t, []string{"remove half"}, s.memory.told)
}

func TestAHeldBackupStaysAndIsRaised(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	for _, id := range []string{"n1", "n2", "n3"} {
		s.add(id, time.Hour, true)
	}
	s.add("edge", 16*day, true)
	s.add("old", 20*day, true)
	require.NoError(t, s.Bury(t.Context(), "clinic", "old", time.Now().Add(-9*day)))
	hold := acts.HoldInput{Target: "clinic", BackupID: "old", By: "u", Reason: "legal_hold"}
	require.NoError(t, s.acts.Hold(t.Context(), hold))
	require.Equal(t, domain.KeepHeld, s.prune(false).Decision.Keep["old"], "also by what lies in the storage alone")
	require.Equal(t, []string{"hold old u legal_hold", "raise old"}, s.memory.told)
	require.False(t, s.there("clinic/old/tombstone.json"))

	hold.Release, hold.Reason = true, "hold_over"
	require.NoError(t, s.acts.Hold(t.Context(), hold))
	require.Equal(t, []string{"old"}, s.prune(false).Decision.Bury)
	hold.Release, hold.BackupID = false, "nowhere"
	require.ErrorContains(t, s.acts.Hold(t.Context(), hold), "no such object")
}

func TestOrphansGoOnceTheirBackupIsOverOrTheyAreOldAndWhatTheCatalogueLostIsAdopted(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	s.add("new", time.Hour, true)
	zombie := s.attempt("new", "a2")
	killed := s.attempt("killed", "a1")
	unknown := s.attempt("unknown", "a1")
	running := s.attempt("running", "a1")
	failed := s.attempt("failed", "a1")
	s.age(killed, 27*time.Hour)
	s.addUnknown("lost", 2*day, true)
	s.memory.records = append(s.memory.records,
		domain.BackupRecord{BackupID: "gone", State: domain.BackupVerified}, domain.BackupRecord{BackupID: "failed", State: domain.BackupFailed},
		domain.BackupRecord{BackupID: "running", State: domain.BackupRunning})
	result := s.prune(false)
	require.ElementsMatch(t, []string{"new/a2", "killed/a1", "failed/a1"}, result.Orphans)
	require.Equal(t, []string{"gone"}, result.Missing)
	require.Equal(t, []string{"lost"}, result.Adopted)
	require.Equal(t, []string{"adopt lost"}, s.memory.told)
	require.False(t, s.there(zombie))
	require.False(t, s.there(killed))
	require.False(t, s.there(failed))
	require.True(t, s.there(running), "it may be under way")
	require.True(t, s.there(unknown), "so may one that the catalogue has lost")
	require.True(t, s.there("clinic/new/a1/data.zst.age"))
}

func TestNothingGoesWhileTheNewestProofIsOldOrAManifestIsDamaged(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	s.add("stale", 2*day, true)
	s.add("old", 40*day, false)
	require.Equal(t, domain.RefuseStale, s.prune(false).Decision.Refused)
	require.Empty(t, s.memory.told)

	s.add("new", time.Hour, true)
	require.NoError(t, s.bucket.WriteAll(t.Context(), manifestKey("old"), []byte(`{}`), nil))
	s.age("clinic/old/a1/data.zst.age", 40*day)
	require.Equal(t, []string{"old"}, s.prune(false).Unreadable)
	require.True(t, s.there("clinic/old/a1/data.zst.age"), "what nobody can read is left to people")
}
