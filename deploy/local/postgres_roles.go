package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// temporalConnections bounds what Temporal takes of the cluster's connections.
// Its four services open pools of their own (see templates/temporal.yaml), so
// this is four times the sum of a service's pools, and some for the schema tool.
const temporalConnections = 4*(8+2) + 4

// databases of the stack, each of which is also a target of its backups.
var databases = []struct{ name, owner, target string }{
	{"careflow", "careflow", "clinic"},
	{"temporal", "temporal", "temporal"},
	{"temporal_visibility", "temporal", "temporal_visibility"},
}

// databaseURL is the address of a database for one of the roles.
func (s *stack) databaseURL(role, password, database string) string {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, password),
		Host: local(s.ports.Postgres), Path: database, RawQuery: "sslmode=disable",
	}
	return address.String()
}

func (s *stack) adminURL() string {
	return s.databaseURL("postgres", s.secrets.PostgresAdmin, "postgres")
}

func (s *stack) productURL() string {
	return s.databaseURL("careflow", s.secrets.PostgresProduct, "careflow")
}

func (s *stack) pingPostgres(ctx context.Context) error {
	connection, err := pgx.Connect(ctx, s.adminURL())
	if err != nil {
		return err
	}
	return connection.Close(ctx)
}

// explainAdmin translates a refused password: the secrets and the cluster were
// made together and must stay together.
func explainAdmin(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "28P01" {
		return errors.New("the database refuses the password in secrets.json: they belong to different runs; restore the file, or start afresh with `make reset`")
	}
	return err
}

// prepareDatabases makes roles and databases that are missing.
//
// Temporal has a role of its own that sees only its two databases: at its
// defaults it would take half of a cluster's connections from the product.
func (s *stack) prepareDatabases(ctx context.Context) error {
	connection, err := pgx.Connect(ctx, s.adminURL())
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))

	roles := []struct{ name, password, options string }{
		{"careflow", s.secrets.PostgresProduct, "LOGIN"},
		{"temporal", s.secrets.PostgresTemporal, fmt.Sprintf("LOGIN CONNECTION LIMIT %d", temporalConnections)},
		{backupRole, s.secrets.PostgresBackup, fmt.Sprintf("LOGIN CONNECTION LIMIT %d", backupConnections)},
		{scratchRole, s.secrets.PostgresScratch, fmt.Sprintf("LOGIN CREATEDB CONNECTION LIMIT %d", backupConnections)},
		{restoreRole, s.secrets.PostgresRestore, fmt.Sprintf("LOGIN CREATEDB CONNECTION LIMIT %d", backupConnections)},
	}
	for _, role := range roles {
		if err := ensureRole(ctx, connection, role.name, role.password, role.options); err != nil {
			return fmt.Errorf("role %s: %w", role.name, err)
		}
	}
	if _, err := connection.Exec(ctx, "GRANT careflow, pg_signal_backend TO "+restoreRole); err != nil {
		return fmt.Errorf("role %s: %w", restoreRole, err)
	}
	for _, database := range databases {
		if err := ensureDatabase(ctx, connection, database.name, database.owner); err != nil {
			return fmt.Errorf("database %s: %w", database.name, err)
		}
	}
	return needExtension(ctx, connection, "btree_gist")
}

func ensureRole(ctx context.Context, connection *pgx.Conn, name, password, options string) error {
	var there bool
	if err := connection.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name).Scan(&there); err != nil {
		return err
	}
	verb := "CREATE"
	if there {
		verb = "ALTER"
	}
	// The password is a word of letters and digits that we made ourselves.
	_, err := connection.Exec(ctx, fmt.Sprintf("%s ROLE %s %s PASSWORD '%s'", verb, pgx.Identifier{name}.Sanitize(), options, password))
	return err
}

func ensureDatabase(ctx context.Context, connection *pgx.Conn, name, owner string) error {
	var there bool
	if err := connection.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return err
	}
	quoted := pgx.Identifier{name}.Sanitize()
	if !there {
		if _, err := connection.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s OWNER %s", quoted, pgx.Identifier{owner}.Sanitize())); err != nil {
			return err
		}
	}
	_, err := connection.Exec(ctx, fmt.Sprintf("REVOKE ALL ON DATABASE %s FROM PUBLIC", quoted))
	return err
}

func needExtension(ctx context.Context, connection *pgx.Conn, name string) error {
	var there bool
	err := connection.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = $1)", name).Scan(&there)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("this PostgreSQL lacks the extension %s: install its contrib modules (Debian, Ubuntu: apt-get install postgresql-contrib)", name)
	}
	return nil
}

// hasTable reports whether a database has a table of that name in its default
// schema.
func (s *stack) hasTable(ctx context.Context, database, table string) (bool, error) {
	connection, err := pgx.Connect(ctx, database)
	if err != nil {
		return false, err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	var there bool
	err = connection.QueryRow(ctx, "SELECT to_regclass('public.' || $1) IS NOT NULL", table).Scan(&there)
	return there, err
}
