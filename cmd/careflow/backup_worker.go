package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.uber.org/fx"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/gcsblob" // gs://
	_ "gocloud.dev/blob/s3blob"  // s3://

	backupacts "github.com/careflow/careflow/activities/backup"
	restoreacts "github.com/careflow/careflow/activities/restore"
	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/telemetry"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/worker"
)

func newBackupWorker(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "backup-worker",
		Short: "Save, prove and remove backups, on a host that holds PostgreSQL's programs",
		Long: "Runs the jobs of backups, and nothing else. Without CAREFLOW_BACKUP_IDENTITY it can make backups and not " +
			"open them: give that, and CAREFLOW_BACKUP_SCRATCH_URL, to the hosts that prove and restore.",
		GroupID: groupProcess,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.BackupWorker, in)
			if err != nil {
				return err
			}
			return serve(c.Context(), cfg, logger, backupWorkerOptions())
		},
	}
}

func backupWorkerOptions() fx.Option {
	return fx.Options(
		databasePool,
		fx.Provide(postgres.NewCatalogue, postgres.NewDataKeys),
		temporalx.Module,
		fx.Provide(workerConfig, newBackups, backupActivities),
		worker.BackupModule,
		fx.Invoke(serveBackupHealth),
	)
}

// newBackups makes the engine of the configured targets, which saves the product's keys too.
func newBackups(lc fx.Lifecycle, c config.Config, keys *postgres.DataKeys) (*backup.Service, error) {
	s, err := openBackups(context.Background(), c)
	if err != nil {
		return nil, err
	}
	s.Keys = keys.Wrapped
	lc.Append(fx.StopHook(s.Close))
	return s, nil
}

// openBackups makes the engine as far as settings say all that it needs, and opens the
// storage; Close closes that.
func openBackups(ctx context.Context, c config.Config) (*backup.Service, error) {
	s := &backup.Service{
		Logical: &backup.Logical{Tools: backup.Tools{Folder: c.Backup.Tools}, Product: version(), Clock: time.Now},
		Targets: map[string]string{}, Live: map[string]string{}, Scratch: backup.Server{URL: c.Backup.Scratch.Reveal()},
	}
	for name, url := range c.Backup.Targets {
		if err := domain.ValidTarget(name); err != nil {
			return nil, err
		}
		s.Targets[name] = url.Reveal()
	}
	for name, url := range c.Restore.Targets {
		s.Live[name] = url.Reveal()
	}
	for i, text := range c.Backup.Recipients {
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, fmt.Errorf("CAREFLOW_BACKUP_RECIPIENTS: key %d is no public key of age (age1…)", i+1)
		}
		s.Recipients = append(s.Recipients, r)
	}
	if !c.Backup.Identity.IsZero() {
		var err error
		if s.Identities, err = age.ParseIdentities(strings.NewReader(c.Backup.Identity.Reveal())); err != nil {
			return nil, fmt.Errorf("CAREFLOW_BACKUP_IDENTITY holds no private key of age (AGE-SECRET-KEY-1…)")
		}
	}
	bucket, err := openBucket(ctx, c.Backup.Storage)
	if err != nil {
		return nil, err
	}
	s.Vault = backup.NewVault(bucket, backupSigner(c.Backup.Signing))
	return s, nil
}

// openBucket opens a storage by its URL. Files are written beside their place, so that
// they appear at once, and nothing is put beside them.
func openBucket(ctx context.Context, url string) (*blob.Bucket, error) {
	if folder, ok := strings.CutPrefix(url, "file://"); ok {
		return fileblob.OpenBucket(folder, &fileblob.Options{CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	}
	bucket, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("CAREFLOW_BACKUP_STORAGE cannot be opened: %w", err)
	}
	return bucket, nil
}

func backupSigner(ring config.KeyRing) backup.Signer {
	s := backup.Signer{Trusted: map[string]ed25519.PublicKey{}}
	for i, k := range ring.Keys() {
		private := ed25519.NewKeyFromSeed(k.Bytes())
		if i == 0 {
			s.KeyID, s.Key = k.ID, private
		}
		s.Trusted[k.ID], _ = private.Public().(ed25519.PublicKey)
	}
	return s
}

func backupActivities(c config.Config, s *backup.Service, store *postgres.Catalogue) worker.BackupActivities {
	policy := domain.DefaultRetention()
	policy.Window, policy.Grace, policy.Fresh = c.Backup.Window, c.Backup.Grace, c.Backup.Fresh
	a := worker.BackupActivities{Saving: backupacts.NewSaving(s, store), Pruning: backupacts.NewPruning(s, store, policy)}
	if len(s.Identities) > 0 && s.Scratch.URL != "" {
		a.Proving = backupacts.NewProving(s, store)
		if len(s.Live) > 0 {
			a.Restoring, a.Tables = restoreacts.NewHost(s, postgres.Restored{}), restoreacts.NewTables(s)
		}
	}
	return a
}

func serveBackupHealth(lc fx.Lifecycle, shutdowner fx.Shutdowner, c config.Config, gatherer prometheus.Gatherer,
	pool *pgxpool.Pool, temporal client.Client, logger *slog.Logger,
) {
	handler := telemetry.OpsHandler(gatherer, logger,
		telemetry.Check{Name: "database", Probe: pool.Ping},
		telemetry.Check{Name: "temporal", Probe: func(ctx context.Context) error {
			_, err := temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		}},
	)
	telemetry.Serve(lc, shutdowner, "backup-worker", telemetry.NewServer(c.HTTP.WorkerAddress, handler, logger), logger)
}
