package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
)

// Exchange puts database incoming in the place of live, which becomes outgoing, and returns
// how long neither could be reached. Both renames are one transaction: whoever dies leaves
// all as it was, or all done. Done once, it does nothing again. Where there is no live
// database any more, incoming just takes its name.
//
// Renaming takes a lock that keeps new sessions waiting; those that are there are ended.
func (l *Logical) Exchange(ctx context.Context, server Server, live, incoming, outgoing string) (time.Duration, error) {
	return l.exchange(ctx, server, live, incoming, outgoing, endingSessions)
}

// exchange is Exchange with a say in what becomes of the sessions that are in the way, from
// before the renaming until the returned function is called.
func (l *Logical) exchange(ctx context.Context, server Server, live, incoming, outgoing string,
	sessions func(ctx context.Context, server Server, names ...string) (stop func()),
) (time.Duration, error) {
	conn, err := connect(ctx, maintenance(server.URL))
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	there, err := databases(ctx, conn, live, incoming, outgoing)
	if err != nil {
		return 0, err
	}
	switch {
	case !there[incoming] && there[live]:
		return 0, nil // done by a try that was not heard of
	case !there[incoming]:
		return 0, domain.Errorf(domain.CodeConflict, "database %s is not there any more", incoming)
	case there[live] && there[outgoing]:
		return 0, domain.Errorf(domain.CodeConflict, "database %s is there already", outgoing)
	}
	defer sessions(ctx, server, live, incoming)()

	began := time.Now()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if there[live] {
			if _, err := tx.Exec(ctx, "ALTER DATABASE "+quote(live)+" RENAME TO "+quote(outgoing)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "ALTER DATABASE "+quote(incoming)+" RENAME TO "+quote(live))
		return err
	})
	if err != nil {
		return 0, renameFault(err)
	}
	return time.Since(began), nil
}

// endingSessions ends the sessions of the databases until the returned function is called.
func endingSessions(ctx context.Context, server Server, names ...string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); endSessions(ctx, server, names...) }()
	return func() { cancel(); <-ended }
}

// leavingSessions lets them be: the renaming waits five seconds for them, and fails.
func leavingSessions(context.Context, Server, ...string) (stop func()) { return func() {} }

// endSessions ends the sessions of the databases again and again until ctx does: clients
// connect anew until the renaming has its lock.
func endSessions(ctx context.Context, server Server, names ...string) {
	conn, err := connect(ctx, maintenance(server.URL))
	if err != nil {
		return // the renaming reports sessions that are left
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for ctx.Err() == nil {
		_, _ = conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY ($1)", names)
		select {
		case <-ctx.Done():
		case <-time.After(endEvery):
		}
	}
}

const endEvery = 5 * time.Millisecond

// objectInUse is what PostgreSQL says when sessions of a database are in the way.
const objectInUse = "55006"

func renameFault(err error) error {
	var refused interface{ SQLState() string }
	if !errors.As(err, &refused) {
		return fmt.Errorf("exchanging the databases: %w", err)
	}
	switch refused.SQLState() {
	case "42501": // insufficient_privilege
		return domain.Errorf(domain.CodeForbidden, "the role of CAREFLOW_RESTORE_TARGETS must own the database, and may create databases").Because(err)
	case objectInUse:
		return domain.Errorf(domain.CodeUnavailable, "sessions of the database could not be ended: the role of CAREFLOW_RESTORE_TARGETS needs pg_signal_backend").Because(err)
	}
	return domain.Errorf(domain.CodeUnavailable, "the databases could not be exchanged").WithDetail(refused.SQLState()).Because(err)
}

func databases(ctx context.Context, conn *pgx.Conn, names ...string) (map[string]bool, error) {
	rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE datname = ANY ($1)", names)
	if err != nil {
		return nil, fmt.Errorf("looking for the databases: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("looking for the databases: %w", err)
	}
	there := map[string]bool{}
	for _, name := range found {
		there[name] = true
	}
	return there, nil
}

// Resemble gives a database the owner and the privileges of another, which pg_dump leaves
// to who makes the database.
func (l *Logical) Resemble(ctx context.Context, server Server, database, like string) error {
	conn, err := connect(ctx, maintenance(server.URL))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `SELECT format('ALTER DATABASE %I OWNER TO %I', $1::text, pg_get_userbyid(datdba)) FROM pg_database WHERE datname = $2
		UNION ALL SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $1::text) FROM pg_database WHERE datname = $2 AND datacl IS NOT NULL
		UNION ALL SELECT format('GRANT %s ON DATABASE %I TO %s', a.privilege_type, $1::text, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
			FROM pg_database, aclexplode(datacl) a WHERE datname = $2 AND a.grantee <> datdba`, database, like)
	if err != nil {
		return fmt.Errorf("reading the privileges of the database: %w", err)
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("reading the privileges of the database: %w", err)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("giving the database its owner and privileges: %w", err)
		}
	}
	return nil
}

// OwnerOf returns the owner of a database; "" where there is no such database.
func (l *Logical) OwnerOf(ctx context.Context, server Server, database string) (string, error) {
	conn, err := connect(ctx, maintenance(server.URL))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var owner string
	err = conn.QueryRow(ctx, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1", database).Scan(&owner)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("asking for the database's owner: %w", err)
	}
	return owner, nil
}

// Drop removes a database with its sessions; again, it does nothing.
func (l *Logical) Drop(ctx context.Context, server Server, database string) error {
	return l.execute(ctx, maintenance(server.URL), "DROP DATABASE IF EXISTS "+quote(database)+" WITH (FORCE)")
}

// DropAll removes the databases whose names begin with prefix.
func (l *Logical) DropAll(ctx context.Context, server Server, prefix string) error {
	conn, err := connect(ctx, maintenance(server.URL))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix)
	if err != nil {
		return fmt.Errorf("looking for databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("looking for databases: %w", err)
	}
	for _, name := range names {
		if err := l.Drop(ctx, server, name); err != nil {
			return err
		}
	}
	return nil
}

// maintenance is the database from which others are made, renamed and removed.
func maintenance(serverURL string) string { return withDatabase(serverURL, "postgres") }
