package postgres

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Digest names this build's schema: a short hash over all migrations.
func Digest() string {
	hash := sha256.New()
	err := fs.WalkDir(migrations, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := migrations.ReadFile(path)
		hash.Write(content)
		return err
	})
	if err != nil {
		panic("postgres: the embedded migrations cannot be read: " + err.Error())
	}
	return hex.EncodeToString(hash.Sum(nil)[:6])
}

// Migrate brings the database at url up to this build's schema and returns the names
// of what it applied. Several processes may call it at once: a session lock makes the
// others wait.
func Migrate(ctx context.Context, url string) ([]string, error) {
	provider, done, err := migrator(url)
	if err != nil {
		return nil, err
	}
	defer done()
	results, err := provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrating: %w", err)
	}
	var applied []string
	for _, r := range results {
		applied = append(applied, r.Source.Path)
	}
	return applied, nil
}

// MigrationState says how the database's schema and this build's compare.
type MigrationState struct {
	Database int64 // version applied
	Build    int64 // newest version this build knows
}

// Pending reports whether migrations are waiting to be applied.
func (m MigrationState) Pending() bool { return m.Database < m.Build }

// MigrationStatus reads the schema version of the database at url.
func MigrationStatus(ctx context.Context, url string) (MigrationState, error) {
	provider, done, err := migrator(url)
	if err != nil {
		return MigrationState{}, err
	}
	defer done()
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return MigrationState{}, fmt.Errorf("reading the schema version: %w", err)
	}
	return MigrationState{Database: current, Build: target}, nil
}

func migrator(url string) (*goose.Provider, func(), error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, nil, fmt.Errorf("CAREFLOW_DATABASE_URL is not a PostgreSQL URL")
	}
	conn := stdlib.OpenDB(*cfg)
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, nil, err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, nil, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, conn, files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the migrations: %w", err)
	}
	return provider, func() { _ = conn.Close() }, nil
}
