package testkit

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// template is the migrated and seeded database that each test's own is cloned from. Its
// name changes with the schema, so that a stack may outlive a version of the code.
var template = "careflow_template_" + postgres.Digest() + "_" + seed.Digest()

// templateLock is an arbitrary number that all test processes agree on.
const templateLock = 7_314_159

var makeTemplate sync.Once

// Database returns the URL of a fresh clinic's database, dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	admin := Env(t, "CAREFLOW_TEST_DATABASE_URL")
	makeTemplate.Do(func() { require.NoError(t, prepareTemplate(context.Background(), admin)) })
	name := "t_" + strings.ReplaceAll(domain.NewID(), "-", "")
	adminExec(t, admin, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template))
	t.Cleanup(func() { adminExec(t, admin, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", name)) })
	return withDatabase(admin, name)
}

// Pool connects to a database for as long as the test runs.
func Pool(t testing.TB, databaseURL string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(context.Background(), databaseURL, 8)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func adminExec(t testing.TB, admin, statement string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(context.Background(), statement)
	require.NoError(t, err)
}

// prepareTemplate makes the template once per stack, whichever test process comes first.
func prepareTemplate(ctx context.Context, admin string) error {
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", templateLock); err != nil {
		return err
	}
	var ready bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate)", template).Scan(&ready)
	if err != nil || ready {
		return err
	}
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + template, "CREATE DATABASE " + template} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := fillTemplate(ctx, withDatabase(admin, template)); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "ALTER DATABASE "+template+" IS_TEMPLATE true")
	return err
}

func fillTemplate(ctx context.Context, templateURL string) error {
	if _, err := postgres.Migrate(ctx, templateURL); err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, templateURL, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	return seed.Clinic(ctx, pool, auth.HashPassword)
}

func withDatabase(admin, name string) string {
	u, err := url.Parse(admin)
	if err != nil {
		panic("testkit: CAREFLOW_TEST_DATABASE_URL is not a URL")
	}
	u.Path = "/" + name
	return u.String()
}
