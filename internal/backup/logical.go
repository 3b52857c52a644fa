package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
	"golang.org/x/sync/errgroup"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
)

// EngineLogical is the name of this engine in manifests.
const EngineLogical = "logical"

// Logical makes backups with pg_dump, of any PostgreSQL that its owner can log in to.
type Logical struct {
	Vault *Vault
	Tools Tools
	// Recipients are the public keys (age) that every part is encrypted for: two or more,
	// one of them kept offline.
	Recipients []*age.X25519Recipient
	// Identities open parts; only workers that verify or restore hold them.
	Identities []age.Identity
	// Product is the version of Careflow that manifests name.
	Product string
	// Keys reads the wrapped keys that columns, payloads, tokens and links need. The key
	// that wraps them is not among them. Nil: none are saved.
	Keys func(context.Context) ([]domain.WrappedKey, error)
	// Clock is the wall clock.
	Clock func() time.Time
}

// Source is a database to be saved.
type Source struct {
	Target string // the name that backups of it are found under
	URL    string // with password: never logged, never on a command line
}

// Progress is told how far a job came: the phase and the plain bytes of it so far.
type Progress func(phase string, bytes int64)

// The phases beside the parts, which are phases by their own names.
const (
	PhaseCheck   = "check"
	PhaseRestore = "restore"
	PhaseCompare = "compare"
	PhaseCopy    = "copy"
)

// Preflight finds out before anything is written whether a backup can be made: the server
// answers and lets us read, the tools are there and new enough, the storage takes objects.
func (l *Logical) Preflight(ctx context.Context, src Source) (domain.BackupServer, error) {
	if err := domain.ValidTarget(src.Target); err != nil {
		return domain.BackupServer{}, err
	}
	if len(l.Recipients) < 2 {
		return domain.BackupServer{}, domain.Errorf(domain.CodeInvalid, "a backup is encrypted for at least two keys, one of them kept offline: name them in CAREFLOW_BACKUP_RECIPIENTS")
	}
	if len(l.Vault.signer.Key) == 0 {
		return domain.BackupServer{}, domain.Errorf(domain.CodeInvalid, "there is no key to sign backups with: name one in CAREFLOW_BACKUP_SIGNING_KEYS")
	}
	s, err := takeSnapshot(ctx, src.URL)
	if err != nil {
		return domain.BackupServer{}, err
	}
	defer s.release()
	for _, tool := range []string{"pg_dump", "pg_dumpall"} {
		if _, err := l.Tools.fits(ctx, tool, s.server); err != nil {
			return s.server, err
		}
	}
	var hidden int
	err = s.tx.QueryRow(ctx, `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r','p','m','S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT starts_with(n.nspname, '`+tableSchemas+`')
		  AND (NOT has_table_privilege(c.oid, 'SELECT') OR row_security_active(c.oid))`).Scan(&hidden)
	if err != nil {
		return s.server, fmt.Errorf("asking for our privileges: %w", err)
	}
	if hidden > 0 {
		return s.server, domain.Errorf(domain.CodeForbidden, "the backup's role may not read all of %d tables or sequences: grant it pg_read_all_data, and BYPASSRLS where there is row security", hidden)
	}
	if _, err := l.keys(ctx); err != nil {
		return s.server, err
	}
	return s.server, l.Vault.Probe(ctx, src.Target)
}

func (l *Logical) keys(ctx context.Context) ([]domain.WrappedKey, error) {
	if l.Keys == nil {
		return []domain.WrappedKey{}, nil
	}
	return l.Keys(ctx)
}

// Backup saves the database under one attempt's folder, without committing it: the parts
// lie there and the manifest says what they are, but until Commit there is no backup.
func (l *Logical) Backup(ctx context.Context, src Source, backupID, attempt string, progress Progress) (domain.BackupManifest, error) {
	m := domain.BackupManifest{
		Format: domain.ManifestFormat, BackupID: backupID, Target: src.Target, Engine: EngineLogical, Attempt: attempt,
		StartedAt: l.now(), Product: l.Product,
	}
	for _, r := range l.Recipients {
		m.Recipients = append(m.Recipients, r.String())
	}
	conn, err := connect(ctx, src.URL)
	if err != nil {
		return m, err
	}
	sequences, err := sequencesOf(ctx, conn)
	_ = conn.Close(context.WithoutCancel(ctx))
	if err != nil {
		return m, err
	}
	s, err := takeSnapshot(ctx, src.URL)
	if err != nil {
		return m, err
	}
	defer s.release()
	m.SnapshotAt, m.Server = s.at, s.server
	if m.Tool, err = l.Tools.fits(ctx, "pg_dump", s.server); err != nil {
		return m, err
	}

	var (
		fingerprint                   domain.Fingerprint
		data, globals, settings, keys domain.BackupPart
	)
	work, both := errgroup.WithContext(ctx)
	work.Go(func() error {
		return s.see(both, src.URL, func(tx pgx.Tx) (err error) {
			fingerprint, err = fingerprintOf(both, tx, nil)
			return err
		})
	})
	work.Go(func() (err error) {
		data, err = l.dump(both, src, m, domain.PartData, "pg_dump", progress,
			"--format=custom", "--compress=0", "--no-password", "--snapshot="+s.id, "--lock-wait-timeout=60s",
			"--exclude-schema="+tableSchemas+"*")
		if err != nil {
			return err
		}
		globals, err = l.dump(both, src, m, domain.PartGlobals, "pg_dumpall", progress,
			"--globals-only", "--no-role-passwords", "--no-password", "--database="+s.server.Database)
		return err
	})
	if err := work.Wait(); err != nil {
		return m, err
	}
	fingerprint.Sequences = sequences
	m.Tables, m.Rows = len(fingerprint.Tables), fingerprint.Rows()
	if settings, err = l.settings(ctx, s, m); err != nil {
		return m, err
	}
	wrapped, err := l.keys(ctx) // after the rows that they are needed for: keys are only added
	if err != nil {
		return m, err
	}
	m.KeyIDs, m.KEKIDs = domain.WrappedKeyIDs(wrapped)
	if keys, err = l.saveJSON(ctx, m, domain.PartKeys, wrapped); err != nil {
		return m, err
	}
	contents, err := l.saveJSON(ctx, m, domain.PartFingerprint, fingerprint)
	if err != nil {
		return m, err
	}
	m.Parts = []domain.BackupPart{data, globals, settings, contents, keys}
	m.FinishedAt = l.now()
	return m, m.Validate()
}

// dump streams one program's output into one part.
func (l *Logical) dump(ctx context.Context, src Source, m domain.BackupManifest, part, tool string, progress Progress, args ...string) (domain.BackupPart, error) {
	var saved domain.BackupPart
	err := l.Tools.reading(ctx, src.URL, tool, args, func(out io.Reader) (err error) {
		saved, err = l.save(ctx, m, part, out, func(n int64) { report(progress, part, n) })
		return err
	})
	return saved, err
}

// save compresses, encrypts and stores one part.
func (l *Logical) save(ctx context.Context, m domain.BackupManifest, part string, plain io.Reader, progress func(int64)) (domain.BackupPart, error) {
	saved := domain.BackupPart{Name: part, Object: partKey(m.Target, m.BackupID, m.Attempt, part)}
	recipients := make([]age.Recipient, len(l.Recipients))
	for i, r := range l.Recipients {
		recipients[i] = r
	}
	err := l.Vault.put(ctx, saved.Object, false, func(w io.Writer) (err error) {
		saved.Plain, saved.Stored, err = seal(ctx, w, recipients, plain, progress)
		return err
	})
	return saved, err
}

func (l *Logical) saveJSON(ctx context.Context, m domain.BackupManifest, part string, v any) (domain.BackupPart, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return domain.BackupPart{}, fmt.Errorf("writing %s: %w", part, err)
	}
	return l.save(ctx, m, part, bytes.NewReader(b), nil)
}

// settings saves what ALTER DATABASE and ALTER ROLE IN DATABASE have set, which pg_dump
// leaves out unless it also creates the database.
func (l *Logical) settings(ctx context.Context, s *snapshot, m domain.BackupManifest) (domain.BackupPart, error) {
	rows, err := s.tx.Query(ctx, `SELECT coalesce(r.rolname, ''), c.setting
		FROM pg_db_role_setting o CROSS JOIN unnest(o.setconfig) AS c(setting)
		LEFT JOIN pg_roles r ON r.oid = o.setrole
		WHERE o.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1, 2`)
	if err != nil {
		return domain.BackupPart{}, fmt.Errorf("reading the settings: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[databaseSetting])
	if err != nil {
		return domain.BackupPart{}, fmt.Errorf("reading the settings: %w", err)
	}
	return l.saveJSON(ctx, m, domain.PartSettings, list)
}

// databaseSetting is "name=value", for one role or for all of the database.
type databaseSetting struct {
	Role    string `json:"role,omitempty"`
	Setting string `json:"setting"`
}

func (l *Logical) now() time.Time {
	if l.Clock == nil {
		return time.Now().UTC()
	}
	return l.Clock().UTC()
}

func report(progress Progress, phase string, bytes int64) {
	if progress != nil {
		progress(phase, bytes)
	}
}

func decode(v any) func(io.Reader) error {
	return func(r io.Reader) error { return json.NewDecoder(r).Decode(v) }
}
