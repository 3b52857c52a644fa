package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
)

// CheckRestored compares a restored database with what its backup says of the source:
// CodeBackupDamaged when it is not the same.
func (l *Logical) CheckRestored(ctx context.Context, m domain.BackupManifest, url string, progress Progress) error {
	report(progress, PhaseCompare, 0)
	var source domain.Fingerprint
	if err := l.read(ctx, m, domain.PartFingerprint, nil, decode(&source)); err != nil {
		return err
	}
	restored, err := l.fingerprint(ctx, url)
	if err != nil {
		return err
	}
	if lines := source.Differences(restored); len(lines) > 0 {
		return domain.Errorf(domain.CodeBackupDamaged, "the restored database is not what was saved: %s", strings.Join(lines[:min(3, len(lines))], "; "))
	}
	return nil
}

// RowCounts counts the rows of each table at one instant.
func (l *Logical) RowCounts(ctx context.Context, url string) (map[string]int64, error) {
	counts := map[string]int64{}
	err := l.look(ctx, url, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, tables)
		if err != nil {
			return fmt.Errorf("listing the tables: %w", err)
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("listing the tables: %w", err)
		}
		for _, name := range names {
			var n int64
			if err := tx.QueryRow(ctx, "SELECT count(*) FROM ONLY "+name).Scan(&n); err != nil {
				return fmt.Errorf("counting the rows of %s: %w", name, err)
			}
			counts[name] = n
		}
		return nil
	})
	return counts, err
}

// CopyTables replaces the rows of tables in one database by those of another that fit, in one
// transaction, and lets their identities go on there. Tables that others refer to come first.
func (l *Logical) CopyTables(ctx context.Context, from, to string, carried []domain.CarriedTable) error {
	source, err := connect(ctx, from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close(context.WithoutCancel(ctx)) }()
	target, err := connect(ctx, to)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close(context.WithoutCancel(ctx)) }()
	return pgx.BeginFunc(ctx, target, func(tx pgx.Tx) error {
		for _, t := range slices.Backward(carried) {
			if _, err := tx.Exec(ctx, "DELETE FROM "+t.Name); err != nil {
				return fmt.Errorf("emptying %s: %w", t.Name, err)
			}
		}
		for _, t := range carried {
			if err := copyTable(ctx, source, tx, t); err != nil {
				return fmt.Errorf("copying %s: %w", t.Name, err)
			}
		}
		return nil
	})
}

// copyTable takes all rows over first, and then what fits of them.
func copyTable(ctx context.Context, source *pgx.Conn, tx pgx.Tx, t domain.CarriedTable) error {
	if _, err := tx.Exec(ctx, "CREATE TEMPORARY TABLE carried ON COMMIT DROP AS SELECT * FROM "+t.Name+" LIMIT 0"); err != nil {
		return err
	}
	if err := copyRows(ctx, source, "COPY "+t.Name+" TO STDOUT", tx.Conn(), "COPY carried FROM STDIN"); err != nil {
		return err
	}
	statement := "INSERT INTO " + t.Name + " OVERRIDING SYSTEM VALUE SELECT * FROM carried AS t"
	if t.Where != "" {
		statement += " WHERE " + t.Where
	}
	if _, err := tx.Exec(ctx, statement); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DROP TABLE carried"); err != nil {
		return err
	}
	return carryCounters(ctx, source, tx, t.Name)
}

// carryCounters lets identities of a table go on where the source's stand: a number that was
// given out is not given out again.
func carryCounters(ctx context.Context, source *pgx.Conn, tx pgx.Tx, table string) error {
	rows, err := source.Query(ctx, `SELECT pg_get_serial_sequence($1, attname) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attidentity <> ''`, table)
	if err != nil {
		return err
	}
	counters, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, counter := range counters { // qualified and quoted by PostgreSQL
		var last int64
		var called bool
		if err := source.QueryRow(ctx, "SELECT last_value, is_called FROM "+counter).Scan(&last, &called); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT setval($1::text::regclass, $2, $3)", counter, last, called); err != nil {
			return err
		}
	}
	return nil
}

// copyRows streams what one COPY gives into another.
func copyRows(ctx context.Context, from *pgx.Conn, out string, to *pgx.Conn, in string) error {
	r, w := io.Pipe()
	read := make(chan error, 1)
	go func() {
		_, err := from.PgConn().CopyTo(ctx, w, out)
		_ = w.CloseWithError(err) // a copy that breaks off is not taken for the whole
		read <- err
	}()
	_, err := to.PgConn().CopyFrom(ctx, r, in)
	_ = r.CloseWithError(err)
	return errors.Join(err, <-read)
}
