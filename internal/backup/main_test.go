package backup_test

import (
	"context"
	"crypto/ed25519"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
)

// site is a database to save, a storage to keep backups in, and the engine between them.
type site struct {
	*backup.Logical
	source backup.Source
	server backup.Server
	db     *pgxpool.Pool
	folder string // of the storage
}

func newSite(t *testing.T) site {
	t.Helper()
	s := site{folder: t.TempDir(), server: backup.Server{URL: testkit.Env(t, "CAREFLOW_TEST_DATABASE_URL")}}
	s.source = backup.Source{Target: "clinic", URL: testkit.Database(t)}
	s.db = testkit.Pool(t, s.source.URL)
	bucket, err := fileblob.OpenBucket(s.folder, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	require.NoError(t, err)
	s.Logical = newEngine(t, bucket)
	return s
}

func newEngine(t *testing.T, bucket *blob.Bucket) *backup.Logical {
	t.Helper()
	online, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	offline, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	vault := backup.NewVault(bucket, backup.Signer{
		KeyID: "test", Key: private, Trusted: map[string]ed25519.PublicKey{"test": public},
	})
	t.Cleanup(func() { _ = vault.Close() })
	return &backup.Logical{
		Vault: vault, Product: "test", Recipients: []*age.X25519Recipient{online.Recipient(), offline.Recipient()},
		Identities: []age.Identity{online},
		Keys: func(context.Context) ([]domain.WrappedKey, error) {
			return []domain.WrappedKey{{Ring: domain.RingPayload, ID: "key-1", KEKID: "kek-1", Wrapped: []byte("wrapped")}}, nil
		},
	}
}

// save makes a committed backup.
func (s site) save(t *testing.T) domain.BackupManifest {
	t.Helper()
	m, err := s.Backup(t.Context(), s.source, domain.NewID(), domain.NewID(), nil)
	require.NoError(t, err)
	require.NoError(t, s.Vault.Commit(t.Context(), m))
	return m
}

// verify proves a backup and returns what was found.
func (s site) verify(t *testing.T, m domain.BackupManifest) domain.BackupEvidence {
	t.Helper()
	e, err := s.Verify(t.Context(), m, s.server, domain.NewID(), nil)
	require.NoError(t, err)
	return e
}

func (s site) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := s.db.Exec(context.Background(), statement, args...)
	require.NoError(t, err)
}
