package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
)

// tableSchemas begins the names of schemas that hold one table of a backup each, beside the
// live one. Backups leave them out: what is in them is in a backup.
const tableSchemas = "careflow_restored_"

// tableSchema is the schema of one restore of a table.
func tableSchema(restoreID string) string {
	id := strings.ReplaceAll(restoreID, "-", "")
	return tableSchemas + id[max(0, len(id)-12):]
}

// ResolveTable finds the backup that is meant, and what it has of a table of the schema
// public: CodeNotFound where it has none of that name.
func (s *Service) ResolveTable(ctx context.Context, target, backupID string, before time.Time, table string) (domain.BackupManifest, domain.TableFingerprint, error) {
	if err := domain.ValidTable(table); err != nil {
		return domain.BackupManifest{}, domain.TableFingerprint{}, err
	}
	m, source, err := s.point(ctx, target, backupID, before)
	if err != nil {
		return m, domain.TableFingerprint{}, err
	}
	// Names that are words of SQL are quoted in the fingerprint.
	for _, name := range []string{"public." + table, "public." + quote(table)} {
		if t, ok := source.Table(name); ok {
			return m, t, nil
		}
	}
	return m, domain.TableFingerprint{}, domain.Errorf(domain.CodeNotFound, "backup %s has no table public.%s with rows of its own; of a partitioned table, name a partition", m.BackupID, table)
}

// PlaceTable puts a table of a backup into the live database, in a schema of its own, which
// goes after until: with its rows and types, and without anything that ties it to live tables.
// It is restored and proven on the scratch server, so that nothing of a backup is carried out
// in the live database. Again, it begins anew.
func (s *Service) PlaceTable(ctx context.Context, target, backupID, table, restoreID string, until time.Time, progress func(string, int64)) (domain.TableCopy, error) {
	server, _, err := s.live(target)
	if err != nil {
		return domain.TableCopy{}, err
	}
	m, saved, err := s.ResolveTable(ctx, target, backupID, time.Time{}, table)
	if err != nil {
		return domain.TableCopy{}, err
	}
	if err := s.DropScratch(ctx, s.Scratch, restoreID); err != nil {
		return domain.TableCopy{}, err
	}
	scratch := scratchName(restoreID)
	if err := s.createDatabase(ctx, s.Scratch, scratch, m.Server); err != nil {
		return domain.TableCopy{}, err
	}
	defer func() { _ = s.DropScratch(context.WithoutCancel(ctx), s.Scratch, restoreID) }()
	url := withDatabase(s.Scratch.URL, scratch)
	if err := s.fillTable(ctx, m, url, table, progress); err != nil {
		return domain.TableCopy{}, err
	}
	report(progress, PhaseCompare, 0)
	if err := s.proveTable(ctx, url, saved); err != nil {
		return domain.TableCopy{}, err
	}
	report(progress, PhaseCopy, 0)
	c := domain.TableCopy{Table: table, Schema: tableSchema(restoreID), Rows: saved.Rows, Until: until}
	return c, tableFault(s.copyBeside(ctx, url, server.URL, saved, c))
}

// fillTable restores what a table consists of, and then its rows and no other's.
func (s *Service) fillTable(ctx context.Context, m domain.BackupManifest, url, table string, progress Progress) error {
	for _, what := range [][]string{{"--section=pre-data"}, {"--data-only", "--schema=public", "--table=" + table}} {
		err := s.restoreData(ctx, m, url, progress, append(what, "--no-owner", "--no-acl", "--no-tablespaces")...)
		if errors.Is(err, syscall.EPIPE) {
			err = nil // it ended well and had no need of the rest
		}
		if why := badMoment(err); why == noSpace {
			return domain.Errorf(domain.CodeNoSpace, "the scratch server %s", why).Because(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// proveTable compares a restored table with what its source was: CodeBackupDamaged when it is
// not the same.
func (l *Logical) proveTable(ctx context.Context, url string, saved domain.TableFingerprint) error {
	return l.look(ctx, url, func(tx pgx.Tx) error {
		var kind string
		if err := tx.QueryRow(ctx, "SELECT relkind::text FROM pg_class WHERE oid = to_regclass($1)", saved.Table).Scan(&kind); err != nil {
			return fmt.Errorf("looking at the restored table: %w", err)
		}
		if kind != "r" {
			return domain.Errorf(domain.CodeInvalid, "%s is a view: restore the tables that it shows", saved.Table)
		}
		return sameTable(ctx, tx, saved, saved.Table)
	})
}

func sameTable(ctx context.Context, tx pgx.Tx, saved domain.TableFingerprint, name string) error {
	if _, err := tx.Exec(ctx, fixedOutput); err != nil {
		return fmt.Errorf("settings of the fingerprint: %w", err)
	}
	got, err := tableFingerprint(ctx, tx, name)
	if err != nil {
		return err
	}
	got.Table = saved.Table
	if got != saved {
		return domain.Errorf(domain.CodeBackupDamaged, "the restored table is not what was saved: %d rows of %d, or other content", got.Rows, saved.Rows)
	}
	return nil
}

// copyBeside makes the schema with the table's copy in one transaction, and proves it there.
func (l *Logical) copyBeside(ctx context.Context, from, to string, saved domain.TableFingerprint, c domain.TableCopy) error {
	source, err := connect(ctx, from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close(context.WithoutCancel(ctx)) }()
	live, err := connect(ctx, to)
	if err != nil {
		return err
	}
	defer func() { _ = live.Close(context.WithoutCancel(ctx)) }()
	if err := apart(ctx, live); err != nil {
		return err
	}
	columns, err := columnsOf(ctx, source, saved.Table)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, live, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fixedOutput); err != nil {
			return fmt.Errorf("settings of the copy: %w", err)
		}
		if err := sweepTables(ctx, tx, c.Schema); err != nil {
			return err
		}
		names, definition := make([]string, len(columns)), make([]string, len(columns))
		for i, column := range columns {
			if err := column.known(ctx, tx); err != nil {
				return err
			}
			names[i], definition[i] = quote(column.Name), quote(column.Name)+" "+column.Type
		}
		table := quote(c.Schema) + "." + quote(c.Table)
		for _, statement := range []string{
			"CREATE SCHEMA " + quote(c.Schema),
			"COMMENT ON SCHEMA " + quote(c.Schema) + " IS " + literal("A table of a backup, removed after "+c.Until.UTC().Format(time.RFC3339)),
			"CREATE TABLE " + table + " (" + strings.Join(definition, ", ") + ")",
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("making the copy's table: %w", err)
			}
		}
		// A query gives generated columns too, which COPY of a table leaves out.
		list := strings.Join(names, ", ")
		err := copyRows(ctx, source, "COPY (SELECT "+list+" FROM ONLY "+saved.Table+") TO STDOUT", tx.Conn(), "COPY "+table+" ("+list+") FROM STDIN")
		if err != nil {
			return fmt.Errorf("copying the rows: %w", err)
		}
		return sameTable(ctx, tx, saved, table)
	})
}

// apart makes sure that a copy will not belong to the role that the API works as.
func apart(ctx context.Context, live *pgx.Conn) error {
	var owner bool
	err := live.QueryRow(ctx, `SELECT d.datdba = r.oid AND NOT r.rolsuper FROM pg_database d, pg_roles r
		WHERE d.datname = current_database() AND r.rolname = current_user`).Scan(&owner)
	if err != nil {
		return fmt.Errorf("asking for the role: %w", err)
	}
	if owner {
		return domain.Errorf(domain.CodeForbidden, "the role of CAREFLOW_RESTORE_TARGETS owns the database, as the API's does: give it a role of its own that is a member of that one")
	}
	return nil
}

type column struct{ Name, Type string }

// columnsOf lists a table's columns with their types, qualified where they are not PostgreSQL's.
func columnsOf(ctx context.Context, conn *pgx.Conn, table string) ([]column, error) {
	if _, err := conn.Exec(ctx, "SET search_path = pg_catalog"); err != nil {
		return nil, fmt.Errorf("reading the columns: %w", err)
	}
	rows, err := conn.Query(ctx, `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, table)
	if err != nil {
		return nil, fmt.Errorf("reading the columns: %w", err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		return nil, fmt.Errorf("reading the columns: %w", err)
	}
	return columns, nil
}

// known reports a type that the live database has no more.
func (c column) known(ctx context.Context, tx pgx.Tx) error {
	var known bool
	if err := tx.QueryRow(ctx, "SELECT to_regtype($1) IS NOT NULL", c.Type).Scan(&known); err != nil {
		return fmt.Errorf("looking for a type: %w", err)
	}
	if !known {
		return domain.Errorf(domain.CodeConflict, "the live database has no type %s, which column %s of the backup is of: make it, or restore the database beside it by hand", c.Type, c.Name)
	}
	return nil
}

// noSpace is a moment that does not pass by itself.
const noSpace = "has no space left"

func tableFault(err error) error {
	var refused interface{ SQLState() string }
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.SQLState() {
	case "53100": // disk_full
		return domain.Errorf(domain.CodeNoSpace, "the database's server has no space left for the table").Because(err)
	case "42501": // insufficient_privilege
		return domain.Errorf(domain.CodeForbidden, "the role of CAREFLOW_RESTORE_TARGETS must be a member of the database's owner").Because(err)
	case "22P02", "23514": // invalid_text_representation, check_violation: of an enum, of a domain
		return domain.Errorf(domain.CodeConflict, "a type of the live database does not take the backup's values any more").Because(err)
	}
	return err
}
