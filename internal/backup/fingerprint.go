package backup

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/careflow/careflow/internal/domain"
)

// How rows are hashed.
const (
	byRecord = "record"
	byText   = "text"
)

// fixedOutput makes values read the same on every server: what follows from settings of
// roles and databases must not look like a difference.
const fixedOutput = `SET LOCAL extra_float_digits = 3; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD';
	SET LOCAL IntervalStyle = 'postgres'; SET LOCAL bytea_output = 'hex'; SET LOCAL xmloption = 'content';
	SET LOCAL search_path = pg_catalog; SET LOCAL row_security = off; SET LOCAL statement_timeout = 0`

// tables are those with rows of their own, that no extension owns: pg_dump leaves the
// rows of an extension's tables to the extension. Copies out of backups are not saved again.
const tables = `SELECT format('%I.%I', n.nspname, c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND c.relispopulated
	  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT starts_with(n.nspname, '` + tableSchemas + `')
	  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
	ORDER BY 1`

// fingerprintOf reads the content of a database in a transaction that sees one snapshot.
func fingerprintOf(ctx context.Context, tx pgx.Tx, progress func(table int, of int)) (domain.Fingerprint, error) {
	var f domain.Fingerprint
	if _, err := tx.Exec(ctx, fixedOutput); err != nil {
		return f, fmt.Errorf("settings of the fingerprint: %w", err)
	}
	rows, err := tx.Query(ctx, tables)
	if err != nil {
		return f, fmt.Errorf("listing the tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return f, fmt.Errorf("listing the tables: %w", err)
	}
	for i, name := range names {
		t, err := tableFingerprint(ctx, tx, name)
		if err != nil {
			return f, err
		}
		f.Tables = append(f.Tables, t)
		if progress != nil {
			progress(i+1, len(names))
		}
	}
	return f, nil
}

// tableFingerprint hashes rows as records, and as text where a type has no hash function
// (tsvector, for one), or one that depends on the database: that of an enum hashes its OID.
func tableFingerprint(ctx context.Context, tx pgx.Tx, name string) (domain.TableFingerprint, error) {
	t := domain.TableFingerprint{Table: name, Method: byRecord}
	hashed := func(method, hash string) error {
		t.Method = method
		// The name is quoted by format('%I.%I') above.
		return tx.QueryRow(ctx, "SELECT count(*), coalesce(sum("+hash+"::numeric), 0)::text FROM ONLY "+name+" AS t").Scan(&t.Rows, &t.Hash)
	}
	var enums bool
	if err := tx.QueryRow(ctx, hasEnums, name).Scan(&enums); err != nil {
		return t, fmt.Errorf("fingerprint of %s: %w", name, err)
	}
	if enums {
		if err := hashed(byText, "hashtextextended(t::text, 0)"); err != nil {
			return t, fmt.Errorf("fingerprint of %s: %w", name, err)
		}
		return t, nil
	}
	nested, err := tx.Begin(ctx)
	if err != nil {
		return t, fmt.Errorf("fingerprint of %s: %w", name, err)
	}
	err = hashed(byRecord, "hash_record_extended(t, 0)")
	if err == nil {
		return t, nested.Commit(ctx)
	}
	if rollback := nested.Rollback(ctx); rollback != nil {
		return t, fmt.Errorf("fingerprint of %s: %w", name, errors.Join(err, rollback))
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == undefinedFunction {
		err = hashed(byText, "hashtextextended(t::text, 0)")
	}
	if err != nil {
		return t, fmt.Errorf("fingerprint of %s: %w", name, err)
	}
	return t, nil
}

// hasEnums asks whether a column is an enum, or an array or a domain of one.
const hasEnums = `WITH RECURSIVE types AS (
		SELECT atttypid AS oid FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
		UNION SELECT u.oid FROM types JOIN pg_type t USING (oid) CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype)) AS u(oid) WHERE u.oid <> 0)
	SELECT EXISTS (SELECT FROM types JOIN pg_type t USING (oid) WHERE t.typtype = 'e')`

// undefinedFunction is PostgreSQL's "could not identify an extended hash function".
const undefinedFunction = "42883"

// sequencesOf reads where sequences stand. They are not part of a snapshot: read before
// the dump, a restored one stands there or further on.
func sequencesOf(ctx context.Context, q querier) ([]domain.SequenceFingerprint, error) {
	rows, err := q.Query(ctx, `SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, start_value - increment_by)
		FROM pg_sequences WHERE increment_by > 0 ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("reading the sequences: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[domain.SequenceFingerprint])
	if err != nil {
		return nil, fmt.Errorf("reading the sequences: %w", err)
	}
	return list, nil
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}
