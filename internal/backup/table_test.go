package backup_test

import (
	"context"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/backup"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
)

// tables is a site whose database belongs to the API's role, and a service that reaches it
// by a role of its own.
type tables struct {
	site
	*backup.Service
	api, restorer string
}

func newTables(t *testing.T) tables {
	t.Helper()
	s := tables{site: newSite(t), api: "api_" + short(), restorer: "restorer_" + short()}
	s.exec(t, "CREATE ROLE "+s.api+" LOGIN PASSWORD 'test'")
	s.exec(t, "CREATE ROLE "+s.restorer+" LOGIN PASSWORD 'test' IN ROLE "+s.api)
	name := s.db.Config().ConnConfig.Database
	s.exec(t, "ALTER DATABASE "+name+" OWNER TO "+s.api)
	t.Cleanup(func() {
		s.exec(t, "ALTER DATABASE "+name+" OWNER TO CURRENT_USER")
		for _, role := range []string{s.restorer, s.api} {
			s.exec(t, "DROP OWNED BY "+role+" CASCADE")
			s.exec(t, "DROP ROLE "+role)
		}
	})
	s.Service = &backup.Service{
		Logical: s.site.Logical, Targets: map[string]string{"clinic": s.source.URL},
		Live: map[string]string{"clinic": asRole(s.source.URL, s.restorer, "test")}, Scratch: s.server,
	}
	return s
}

// proven makes a backup that counts.
func (s tables) proven(t *testing.T) domain.BackupManifest {
	t.Helper()
	m := s.save(t)
	e := s.verify(t, m)
	require.True(t, e.Passed(), "%v", e.Failures)
	require.NoError(t, s.site.Vault.Attest(t.Context(), e))
	return m
}

func (s tables) place(t *testing.T, m domain.BackupManifest, table, id string) (domain.TableCopy, error) {
	t.Helper()
	return s.PlaceTable(t.Context(), "clinic", m.BackupID, table, id, time.Now().Add(time.Hour), nil)
}

func (s tables) text(t *testing.T, query string, args ...any) string {
	t.Helper()
	var text string
	require.NoError(t, s.db.QueryRow(t.Context(), query, args...).Scan(&text))
	return text
}

// All that a table can consist of comes back beside the live one, as values, tied to nothing.
func TestATableOfABackupStandsBesideTheLiveOne(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.exec(t, `CREATE TYPE mood AS ENUM ('calm', 'tense');
		CREATE DOMAIN score AS int CHECK (VALUE < 100);
		CREATE TABLE owners (id int PRIMARY KEY); INSERT INTO owners VALUES (1);
		CREATE TABLE "order" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner int NOT NULL REFERENCES owners, feels mood, moods mood[],
			points score, twice int GENERATED ALWAYS AS (points * 2) STORED, words tsvector, span tstzrange, sealed bytea, amount numeric(10, 2), note varchar(40));
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not again'; END $$;
		INSERT INTO "order" (owner, feels, moods, points, words, span, sealed, amount, note)
			SELECT 1, 'tense', '{calm,tense}', g % 50, to_tsvector('simple', 'w' || g), tstzrange('2026-01-01', '2026-01-02'), sha256(g::text::bytea), g / 3.0, E'tab\tline\n' || g
			FROM generate_series(1, 500) g;
		CREATE TRIGGER refuse BEFORE INSERT ON "order" FOR EACH ROW EXECUTE FUNCTION refuse()`)
	s.exec(t, `ALTER TABLE "order" OWNER TO `+s.api)
	m := s.proven(t)
	s.exec(t, `DELETE FROM "order" WHERE id <= 3; UPDATE "order" SET note = 'other' WHERE id IN (10, 11);
		ALTER TABLE "order" DISABLE TRIGGER refuse; INSERT INTO "order" (owner) VALUES (1); ALTER TABLE "order" ADD COLUMN later int, DROP COLUMN amount`)
	before := s.text(t, `SELECT sum(hash_record_extended(o, 0))::text FROM owners o`) + s.text(t, `SELECT count(*)::text || max(id) FROM "order"`)

	id := domain.NewID()
	for range 2 { // each step may run twice
		placed, err := s.place(t, m, "order", id)
		require.NoError(t, err)
		placed, err = s.CompareTable(t.Context(), "clinic", placed)
		require.NoError(t, err)
		require.EqualValues(t, 500, placed.Rows)
		require.Equal(t, []int64{3, 1, 2}, []int64{*placed.OnlySaved, *placed.OnlyLive, *placed.Different})
		require.Equal(t, []string{"amount", "later"}, placed.LeftOut)
		table := placed.Schema + `."order"`
		require.Equal(t, "tense 2 1000", s.text(t, `SELECT min(feels)::text || ' ' || max(cardinality(moods)) || ' ' || count(*) FILTER (WHERE twice = points * 2) * 2 FROM `+table))
		require.Equal(t, "0", s.text(t, `SELECT (SELECT count(*) FROM pg_constraint WHERE conrelid = $1::text::regclass) + (SELECT count(*) FROM pg_trigger WHERE tgrelid = $1::text::regclass) || ''`, table))
		require.Equal(t, "false false", s.text(t, `SELECT has_schema_privilege($1, $2, 'USAGE') || ' ' || has_table_privilege($1, $2 || '."order"', 'SELECT')`, s.api, placed.Schema), "the API's role sees nothing of it")
		require.Equal(t, s.restorer, s.text(t, `SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = $1`, placed.Schema))
	}
	require.Equal(t, before, s.text(t, `SELECT sum(hash_record_extended(o, 0))::text FROM owners o`)+s.text(t, `SELECT count(*)::text || max(id) FROM "order"`), "nothing live is touched")

	schema := s.text(t, `SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'careflow_restored_')`)
	again := s.proven(t)
	require.Equal(t, m.Tables, again.Tables, "the copy is not saved again")
	require.NoError(t, s.DropTable(t.Context(), "clinic", id))
	require.NoError(t, s.DropTable(t.Context(), "clinic", id))
	require.Equal(t, "0", s.text(t, `SELECT count(*)::text FROM pg_namespace WHERE nspname = $1`, schema))
}

// A copy whose time is over goes with the next one, whoever was to remove it.
func TestACopyPastItsTimeGoesWithTheNext(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	m := s.proven(t)
	old := domain.NewID()
	_, err := s.PlaceTable(t.Context(), "clinic", m.BackupID, "doctors", old, time.Now().Add(-time.Minute), nil)
	require.NoError(t, err)
	placed, err := s.place(t, m, "doctors", domain.NewID())
	require.NoError(t, err)
	require.Equal(t, placed.Schema, s.text(t, `SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE starts_with(nspname, 'careflow_restored_')`))
}

func TestPartitionsComeOneByOneAndParentsNot(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.exec(t, `CREATE TABLE events (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
		CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
		INSERT INTO events SELECT g, '2026-05-01' FROM generate_series(1, 7) g;
		CREATE MATERIALIZED VIEW seen AS SELECT * FROM events`)
	s.exec(t, `ALTER TABLE events_2026 OWNER TO `+s.api)
	m := s.proven(t)
	placed, err := s.place(t, m, "events_2026", domain.NewID())
	require.NoError(t, err)
	placed, err = s.CompareTable(t.Context(), "clinic", placed)
	require.NoError(t, err)
	require.Equal(t, []int64{7, 0, 0, 0}, []int64{placed.Rows, *placed.OnlySaved, *placed.OnlyLive, *placed.Different})
	_, err = s.place(t, m, "events", domain.NewID())
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "%v", err)
	_, err = s.place(t, m, "seen", domain.NewID())
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err), "%v", err)
}

func TestWhatCannotBePutBesideIsSaidClearly(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.exec(t, `CREATE TYPE shade AS ENUM ('red'); CREATE TABLE coloured (id int, c shade); INSERT INTO coloured VALUES (1, 'red');
		CREATE SCHEMA aside CREATE TABLE hidden (id int)`)
	m := s.proven(t)
	for name, code := range map[string]domain.Code{
		"no_such_table": domain.CodeNotFound, "hidden": domain.CodeNotFound, "aside.hidden": domain.CodeInvalid,
		`users"; DROP TABLE users; --`: domain.CodeInvalid, "--dbname=other": domain.CodeInvalid, "": domain.CodeInvalid,
	} {
		_, err := s.place(t, m, name, domain.NewID())
		require.Equal(t, code, domain.CodeOf(err), "%s: %v", name, err)
	}
	unproven := s.save(t)
	_, _, err := s.ResolveTable(t.Context(), "clinic", unproven.BackupID, time.Time{}, "users")
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "%v", err)

	s.exec(t, `DROP TABLE coloured; DROP TYPE shade`)
	_, err = s.place(t, m, "coloured", domain.NewID())
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "public.shade")

	s.Live["clinic"] = asRole(s.source.URL, s.api, "test")
	_, err = s.place(t, m, "doctors", domain.NewID())
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err), "what belongs to the API's role it could read: %v", err)
	require.Equal(t, "0", s.text(t, `SELECT count(*)::text FROM pg_namespace WHERE starts_with(nspname, 'careflow_restored_')`), "nothing is left")
}

// A live server without room for the copy is told from a bad backup, and keeps nothing of it.
func TestATableThatDoesNotFitLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newTables(t)
	s.ballast(t, 8)
	m := s.proven(t)
	name := "tiny_" + short()
	disk := testkit.TinyDisk(t, 3<<20)
	info, err := os.Stat(s.text(t, "SHOW data_directory"))
	require.NoError(t, err)
	owner, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	testkit.Give(t, disk, strconv.Itoa(int(owner.Uid)))
	s.exec(t, "CREATE TABLESPACE "+name+" LOCATION '"+disk+"'")
	s.exec(t, "GRANT CREATE ON TABLESPACE "+name+" TO "+s.restorer)
	s.exec(t, "ALTER ROLE "+s.restorer+" SET default_tablespace = '"+name+"'")
	t.Cleanup(func() {
		_, err := s.db.Exec(context.Background(), "REVOKE CREATE ON TABLESPACE "+name+" FROM "+s.restorer, pgx.QueryExecModeExec)
		require.NoError(t, err)
		s.exec(t, "DROP TABLESPACE "+name)
	})
	_, err = s.place(t, m, "ballast", domain.NewID())
	require.Equal(t, domain.CodeNoSpace, domain.CodeOf(err), "%v", err)
	require.Equal(t, "0", s.text(t, `SELECT count(*)::text FROM pg_namespace WHERE starts_with(nspname, 'careflow_restored_')`))
}
