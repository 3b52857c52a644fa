package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
)

// CompareTable says how the rows of a copy differ from those of the live table, by the live
// table's primary key. Columns that only one of them has are left out, and named.
func (s *Service) CompareTable(ctx context.Context, target string, c domain.TableCopy) (domain.TableCopy, error) {
	server, _, err := s.live(target)
	if err != nil {
		return c, err
	}
	err = s.look(ctx, server.URL, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fixedOutput); err != nil {
			return fmt.Errorf("settings of the comparison: %w", err)
		}
		copied, live := quote(c.Schema)+"."+quote(c.Table), "public."+quote(c.Table)
		shape, err := shapeOf(ctx, tx, copied, live)
		if err != nil {
			return err
		}
		c.LeftOut = shape.leftOut
		switch {
		case !shape.lives:
			c.Uncompared = "the live database has no such table"
			return nil
		case len(shape.key) == 0:
			c.Uncompared = "the live table has no primary key that the copy has too"
			return nil
		}
		var onlySaved, onlyLive, differ int64
		if err := tx.QueryRow(ctx, shape.query(copied, live)).Scan(&onlySaved, &onlyLive, &differ); err != nil {
			return fmt.Errorf("comparing the rows: %w", err)
		}
		c.OnlySaved, c.OnlyLive, c.Different = &onlySaved, &onlyLive, &differ
		return nil
	})
	return c, tableFault(err)
}

// shape is what a copy and the live table have in common.
type shape struct {
	lives        bool
	key, columns []string
	leftOut      []string
}

func shapeOf(ctx context.Context, tx pgx.Tx, copied, live string) (shape, error) {
	var s shape
	if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", live).Scan(&s.lives); err != nil || !s.lives {
		return s, err
	}
	rows, err := tx.Query(ctx, `WITH c AS (SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped),
		l AS (SELECT a.attname, a.attnum = ANY (i.indkey) AS key FROM pg_attribute a
			LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
			WHERE a.attrelid = $2::text::regclass AND a.attnum > 0 AND NOT a.attisdropped)
		SELECT attname, c.attname IS NOT NULL AND l.attname IS NOT NULL, coalesce(l.key, false) FROM c FULL JOIN l USING (attname) ORDER BY attname`, copied, live)
	if err != nil {
		return s, fmt.Errorf("reading the columns: %w", err)
	}
	var name string
	var both, key, lacks bool
	_, err = pgx.ForEachRow(rows, []any{&name, &both, &key}, func() error {
		switch {
		case !both:
			s.leftOut = append(s.leftOut, name)
			lacks = lacks || key
		case key:
			s.key = append(s.key, name)
			s.columns = append(s.columns, name)
		default:
			s.columns = append(s.columns, name)
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("reading the columns: %w", err)
	}
	if lacks {
		s.key = nil
	}
	return s, nil
}

// query counts the rows that are only in the copy, only live, and in both and different. As
// text, what has no equality can be compared too.
func (s shape) query(copied, live string) string {
	list := func(alias, cast string, names []string) string {
		var b []string
		for _, n := range names {
			b = append(b, alias+"."+quote(n)+cast)
		}
		return strings.Join(b, ", ")
	}
	first := quote(slices.Min(s.key))
	return `SELECT count(*) FILTER (WHERE l.` + first + ` IS NULL), count(*) FILTER (WHERE c.` + first + ` IS NULL),
		count(*) FILTER (WHERE c.` + first + ` IS NOT NULL AND l.` + first + ` IS NOT NULL
			AND ROW(` + list("c", "::text", s.columns) + `) IS DISTINCT FROM ROW(` + list("l", "::text", s.columns) + `))
		FROM ONLY ` + copied + ` c FULL JOIN ONLY ` + live + ` l ON (` + list("c", "", s.key) + `) = (` + list("l", "", s.key) + `)`
}

// DropTable removes the copy that a restore made, with its schema; again, it does nothing.
// Copies that are past their time go with it: a restore of the database or its undo may have
// kept one from going.
func (s *Service) DropTable(ctx context.Context, target, restoreID string) error {
	server, _, err := s.live(target)
	if err != nil {
		return err
	}
	conn, err := connect(ctx, server.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return tableFault(pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return sweepTables(ctx, tx, tableSchema(restoreID)) }))
}

// sweepTables drops a schema of copies, and those of our role that are past their time.
func sweepTables(ctx context.Context, tx pgx.Tx, schema string) error {
	rows, err := tx.Query(ctx, `SELECT nspname FROM pg_namespace WHERE nspname = $1
		OR starts_with(nspname, $2) AND pg_get_userbyid(nspowner) = current_user
			AND substring(obj_description(oid, 'pg_namespace') FROM '\d{4}-\d\d-\d\dT[0-9:]{8}Z$')::timestamptz < now()`, schema, tableSchemas)
	if err != nil {
		return fmt.Errorf("looking for copies of tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("looking for copies of tables: %w", err)
	}
	for _, name := range names {
		if _, err := tx.Exec(ctx, "DROP SCHEMA "+quote(name)+" CASCADE"); err != nil {
			return fmt.Errorf("dropping the copy of a table: %w", err)
		}
	}
	return nil
}
