package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
)

// Restore makes a new database and fills it from a backup, owners and privileges as they
// were: the roles must be there (part globals makes them). It gets owner and privileges of
// database like, where there is one. One that is there already is
// CodeConflict: nothing is ever restored over what lives. A failed restore leaves none.
func (l *Logical) Restore(ctx context.Context, m domain.BackupManifest, server Server, database, like string, progress Progress) error {
	return l.fill(ctx, m, server, database, func() error { return l.Resemble(ctx, server, database, like) }, progress)
}

// fill is Restore with a say in whose the database is.
func (l *Logical) fill(ctx context.Context, m domain.BackupManifest, server Server, database string, belong func() error, progress Progress) error {
	if err := l.createDatabase(ctx, server, database, m.Server); err != nil {
		return err
	}
	into := withDatabase(server.URL, database)
	// The owners of tables may need what only the owner of the database gives them.
	err := belong()
	if err == nil {
		err = l.restoreData(ctx, m, into, progress)
	}
	if err == nil {
		err = l.applySettings(ctx, m, into, database)
	}
	if err != nil {
		return errors.Join(err, l.dropDatabase(context.WithoutCancel(ctx), server, database))
	}
	return nil
}

// restoreData pipes the data part into pg_restore. pg_restore may be content before the
// part was read to its end, where sizes and sums are compared: its exit is not the verdict.
func (l *Logical) restoreData(ctx context.Context, m domain.BackupManifest, into string, progress Progress, more ...string) error {
	args := append([]string{"--dbname=" + databaseOf(into), "--exit-on-error", "--single-transaction", "--no-password"}, more...)
	return l.read(ctx, m, domain.PartData, func(n int64) { report(progress, PhaseRestore, n) }, func(r io.Reader) error {
		return l.Tools.writing(ctx, into, "pg_restore", args, r)
	})
}

// read passes the plain bytes of a part to use and then reads it to its end: use cannot
// succeed on a part that is damaged behind what it looked at.
func (l *Logical) read(ctx context.Context, m domain.BackupManifest, part string, progress func(int64), use func(io.Reader) error) error {
	p, ok := m.Part(part)
	if !ok {
		return domain.Errorf(domain.CodeBackupDamaged, "the backup has no part %s", part)
	}
	if len(l.Identities) == 0 {
		return domain.Errorf(domain.CodeBackupLocked, "this worker holds no key to open backups with: it may make them only")
	}
	return l.Vault.reading(ctx, p.Object, func(stored io.Reader) error {
		o, err := open(ctx, stored, l.Identities, p, progress)
		if err != nil {
			return err
		}
		defer o.Close()
		if err := use(o); err != nil {
			// A part that is damaged is why its reader failed, whatever that said.
			if _, rest := io.Copy(io.Discard, o); errors.Is(rest, errDamaged) {
				return rest
			}
			return err
		}
		_, err = io.Copy(io.Discard, o)
		return err
	})
}

// createDatabase makes an empty database like the source's.
func (l *Logical) createDatabase(ctx context.Context, server Server, name string, like domain.BackupServer) error {
	statement := fmt.Sprintf("CREATE DATABASE %s TEMPLATE template0 ENCODING %s LC_COLLATE %s LC_CTYPE %s",
		quote(name), literal(like.Encoding), literal(like.Collation), literal(like.Collation))
	err := l.execute(ctx, server.URL, statement)
	var refused interface{ SQLState() string }
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.SQLState() {
	case "42P04": // duplicate_database
		return domain.Errorf(domain.CodeConflict, "database %s is there already", name).Because(err)
	case "42809", "22023": // a collation that this server does not know
		return domain.Errorf(domain.CodeInvalid, "this server does not know the collation %s: restore on a server that does", like.Collation).Because(err)
	}
	return domain.Errorf(domain.CodeUnavailable, "the database for the restore could not be made").WithDetail(refused.SQLState()).Because(err)
}

// applySettings sets what the source database had set for itself. Settings of roles that
// are not here are left out: a restore elsewhere has roles of its own.
func (l *Logical) applySettings(ctx context.Context, m domain.BackupManifest, into, database string) error {
	var settings []databaseSetting
	if err := l.read(ctx, m, domain.PartSettings, nil, decode(&settings)); err != nil {
		return err
	}
	conn, err := connect(ctx, into)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, s := range settings {
		name, value, ok := strings.Cut(s.Setting, "=")
		if !ok {
			return domain.Errorf(domain.CodeBackupDamaged, "a setting of the backup cannot be read")
		}
		statement := "ALTER DATABASE " + quote(database) + " SET " + quote(name) + " = " + literal(value)
		if s.Role != "" {
			var known bool
			if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", s.Role).Scan(&known); err != nil {
				return fmt.Errorf("looking for a role: %w", err)
			}
			if !known {
				continue
			}
			statement = "ALTER ROLE " + quote(s.Role) + " IN DATABASE " + quote(database) + " SET " + quote(name) + " = " + literal(value)
		}
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

func (l *Logical) execute(ctx context.Context, url, statement string) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("preparing the database: %w", err)
	}
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// literal quotes a string constant; backslashes mean nothing in it
// (standard_conforming_strings is on since PostgreSQL 9.1).
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func withDatabase(serverURL, database string) string {
	u, err := url.Parse(serverURL)
	if err != nil {
		return serverURL // connect reports it
	}
	u.Path = "/" + database
	return u.String()
}

func databaseOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/")
}
