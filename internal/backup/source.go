package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
)

// snapshot is one instant of a database that several sessions can look at, for as long as
// its own session lives.
type snapshot struct {
	conn   *pgx.Conn
	tx     pgx.Tx
	id     string
	at     time.Time
	server domain.BackupServer
}

// asOneInstant is how every session that looks at a snapshot begins.
var asOneInstant = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// takeSnapshot exports a snapshot of the database that url names.
func takeSnapshot(ctx context.Context, url string) (*snapshot, error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	s := &snapshot{conn: conn}
	if err := s.take(ctx); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *snapshot) take(ctx context.Context) error {
	var err error
	if s.tx, err = s.conn.BeginTx(ctx, asOneInstant); err != nil {
		return fmt.Errorf("beginning the snapshot: %w", err)
	}
	// An idle transaction is what this is: it must not be ended for that.
	if _, err := s.tx.Exec(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0"); err != nil {
		return fmt.Errorf("settings of the snapshot: %w", err)
	}
	if err := s.tx.QueryRow(ctx, "SELECT pg_export_snapshot(), clock_timestamp()").Scan(&s.id, &s.at); err != nil {
		return fmt.Errorf("exporting the snapshot: %w", err)
	}
	s.at = s.at.UTC()
	s.server, err = serverOf(ctx, s.tx)
	return err
}

// release ends the snapshot's session, whatever state it is in.
func (s *snapshot) release() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
}

// see runs look in another session on the same snapshot.
func (s *snapshot) see(ctx context.Context, url string, look func(pgx.Tx) error) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return pgx.BeginTxFunc(ctx, conn, asOneInstant, func(tx pgx.Tx) error {
		// The ID is the server's own; SET takes no parameters.
		if _, err := tx.Exec(ctx, "SET TRANSACTION SNAPSHOT '"+strings.ReplaceAll(s.id, "'", "")+"'"); err != nil {
			return fmt.Errorf("joining the snapshot: %w", err)
		}
		return look(tx)
	})
}

func serverOf(ctx context.Context, tx pgx.Tx) (domain.BackupServer, error) {
	var d domain.BackupServer
	err := tx.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('server_version_num')::int, current_database(),
			pg_encoding_to_char(encoding), datcollate,
			CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text
		FROM pg_database WHERE datname = current_database()`).
		Scan(&d.Version, &d.VersionNum, &d.Database, &d.Encoding, &d.Collation, &d.LSN)
	if err != nil {
		return d, fmt.Errorf("asking the server: %w", err)
	}
	d.Version, _, _ = strings.Cut(d.Version, " ")
	rows, err := tx.Query(ctx, "SELECT extname, extversion FROM pg_extension")
	if err != nil {
		return d, fmt.Errorf("listing the extensions: %w", err)
	}
	d.Extensions = map[string]string{}
	var name, version string
	_, err = pgx.ForEachRow(rows, []any{&name, &version}, func() error { d.Extensions[name] = version; return nil })
	if err != nil {
		return d, fmt.Errorf("listing the extensions: %w", err)
	}
	// Only some roles may ask for the cluster's identity; it is for people, not for checks.
	nested, err := tx.Begin(ctx)
	if err != nil {
		return d, fmt.Errorf("asking the server: %w", err)
	}
	if err := nested.QueryRow(ctx, "SELECT system_identifier::text FROM pg_control_system()").Scan(&d.SystemID); err != nil {
		return d, nested.Rollback(ctx)
	}
	return d, nested.Commit(ctx)
}

// connect reports a database that cannot be reached or refuses us, without its address or
// password.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, domain.Errorf(domain.CodeInvalid, "the database's URL cannot be read")
	}
	cfg.ConnectTimeout = connectPatience
	cfg.RuntimeParams["application_name"] = "careflow-backup"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var refused interface{ SQLState() string }
		if errors.As(err, &refused) {
			return nil, domain.Errorf(domain.CodeUnavailable, "the database refuses the backup's session").WithDetail(refused.SQLState()).Because(err)
		}
		return nil, domain.Errorf(domain.CodeUnavailable, "the database cannot be reached").Because(err)
	}
	return conn, nil
}

const connectPatience = 15 * time.Second
