package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// CopyTables replaces the rows of tables in one database by those of another, whose columns
// are the same, in one transaction.
func (l *Logical) CopyTables(ctx context.Context, from, to string, names []string) error {
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
		for _, name := range names {
			if _, err := tx.Exec(ctx, "DELETE FROM "+name); err != nil {
				return fmt.Errorf("emptying %s: %w", name, err)
			}
			if err := copyRows(ctx, source, "COPY "+name+" TO STDOUT", target, "COPY "+name+" FROM STDIN"); err != nil {
				return fmt.Errorf("copying %s: %w", name, err)
			}
		}
		return nil
	})
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
