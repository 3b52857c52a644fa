package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
)

// Server is where scratch and restored databases are made: its role may create databases.
type Server struct{ URL string }

// Verify restores a backup into a scratch database and compares it with what the source
// was. What is wrong with the backup is in the evidence; an error says that nobody knows
// (the storage or the server failed) and that it may be tried again.
func (l *Logical) Verify(ctx context.Context, m domain.BackupManifest, server Server, verificationID string, progress Progress) (domain.BackupEvidence, error) {
	e := domain.BackupEvidence{VerificationID: verificationID, BackupID: m.BackupID, Target: m.Target, StartedAt: l.now()}
	scratch := scratchName(verificationID)
	// A try before this one may have died: what it left is ours by its name.
	if err := l.DropScratch(ctx, server, verificationID); err != nil {
		return e, err
	}
	if err := l.sweepScratch(ctx, server); err != nil {
		return e, err
	}
	if err := l.createDatabase(ctx, server, scratch, m.Server); err != nil {
		return e, err
	}
	defer func() { _ = l.DropScratch(context.WithoutCancel(ctx), server, verificationID) }()
	v := verification{Logical: l, m: m, e: &e, progress: progress}
	for _, check := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"every part is as the manifest says, and opens with our keys", v.small},
		{"pg_restore took all of it", func(ctx context.Context) error { return v.restore(ctx, withDatabase(server.URL, scratch)) }},
		{"tables and sequences have the source's counts and hashes", func(ctx context.Context) error { return v.compare(ctx, withDatabase(server.URL, scratch)) }},
		{"extensions are there", func(ctx context.Context) error { return v.extensions(ctx, withDatabase(server.URL, scratch)) }},
		{"constraints are validated and indexes valid", func(ctx context.Context) error { return v.sound(ctx, withDatabase(server.URL, scratch)) }},
	} {
		err := check.run(ctx)
		var bad *rejection
		if errors.As(err, &bad) {
			e.Failures = append(e.Failures, bad.lines...)
			break
		}
		if err != nil {
			return e, err
		}
		e.Checks = append(e.Checks, check.name)
	}
	e.FinishedAt = l.now()
	return e, nil
}

// rejection says what is wrong with a backup.
type rejection struct{ lines []string }

func (r *rejection) Error() string { return strings.Join(r.lines, "; ") }

func rejected(format string, args ...any) error {
	return &rejection{lines: []string{fmt.Sprintf(format, args...)}}
}

// verification is one run over one backup.
type verification struct {
	*Logical
	m        domain.BackupManifest
	e        *domain.BackupEvidence
	progress Progress
	source   domain.Fingerprint
}

// small reads every part but the data to its end.
func (v *verification) small(ctx context.Context) error {
	var keys []domain.WrappedKey
	for _, part := range v.m.Parts {
		if part.Name == domain.PartData {
			continue
		}
		err := v.read(ctx, v.m, part.Name, nil, func(r io.Reader) error {
			switch part.Name {
			case domain.PartFingerprint:
				return decode(&v.source)(r)
			case domain.PartKeys:
				return decode(&keys)(r)
			}
			return nil
		})
		if err != nil {
			return judged(err)
		}
		v.e.DownloadedBytes += part.Stored.Bytes
	}
	if len(v.source.Tables) != v.m.Tables || v.source.Rows() != v.m.Rows {
		return rejected("the fingerprint is not the one that the manifest speaks of")
	}
	if inside, keks := domain.WrappedKeyIDs(keys); !maps.EqualFunc(inside, v.m.KeyIDs, slices.Equal) || !slices.Equal(keks, v.m.KEKIDs) {
		return rejected("the wrapped keys are not those that the manifest names")
	}
	return nil
}

func (v *verification) restore(ctx context.Context, url string) error {
	began := time.Now()
	err := v.restoreData(ctx, v.m, url, v.progress, "--no-owner", "--no-acl", "--no-tablespaces")
	v.e.RestoreSeconds = time.Since(began).Seconds()
	if part, ok := v.m.Part(domain.PartData); ok && err == nil {
		v.e.DownloadedBytes += part.Stored.Bytes
	}
	if domain.CodeOf(err) != domain.CodeTool {
		return judged(err)
	}
	// Only a server that works tells a bad backup from a bad moment.
	if why := badMoment(err); why != "" {
		return domain.Errorf(domain.CodeUnavailable, "the server that verifies %s", why).Because(err)
	}
	if probe := v.execute(ctx, url, "SELECT 1"); probe != nil {
		return probe
	}
	return rejected("pg_restore did not take it")
}

func (v *verification) compare(ctx context.Context, url string) error {
	report(v.progress, PhaseCompare, 0)
	restored, err := v.fingerprint(ctx, url)
	if err != nil {
		return err
	}
	v.e.Tables, v.e.Rows = len(restored.Tables), restored.Rows()
	if lines := v.source.Differences(restored); len(lines) > 0 {
		return &rejection{lines: lines}
	}
	return nil
}

func (v *verification) extensions(ctx context.Context, url string) error {
	return v.look(ctx, url, func(tx pgx.Tx) error {
		server, err := serverOf(ctx, tx)
		if err != nil {
			return err
		}
		v.e.Server = server.Version
		if v.e.Tool, _, err = v.Tools.version(ctx, "pg_restore"); err != nil {
			return err
		}
		var lines []string
		for name := range v.m.Server.Extensions {
			if _, ok := server.Extensions[name]; !ok {
				lines = append(lines, fmt.Sprintf("extension %s is missing", name))
			}
		}
		if lines != nil {
			return &rejection{lines: lines}
		}
		return nil
	})
}

func (v *verification) sound(ctx context.Context, url string) error {
	return v.look(ctx, url, func(tx pgx.Tx) error {
		var constraints, indexes int
		err := tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_constraint WHERE NOT convalidated),
			(SELECT count(*) FROM pg_index WHERE NOT indisvalid)`).Scan(&constraints, &indexes)
		if err != nil {
			return fmt.Errorf("looking at constraints and indexes: %w", err)
		}
		if constraints+indexes > 0 {
			return rejected("%d constraints are not validated and %d indexes not valid", constraints, indexes)
		}
		return nil
	})
}

// fingerprint reads the content of a restored database.
func (l *Logical) fingerprint(ctx context.Context, url string) (domain.Fingerprint, error) {
	var f domain.Fingerprint
	err := l.look(ctx, url, func(tx pgx.Tx) (err error) {
		if f, err = fingerprintOf(ctx, tx, nil); err != nil {
			return err
		}
		f.Sequences, err = sequencesOf(ctx, tx)
		return err
	})
	return f, err
}

func (l *Logical) look(ctx context.Context, url string, look func(pgx.Tx) error) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return pgx.BeginTxFunc(ctx, conn, asOneInstant, look)
}

// judged turns damage into a rejection and leaves every other error as it is.
func judged(err error) error {
	if errors.Is(err, errDamaged) || domain.CodeOf(err) == domain.CodeBackupDamaged || domain.CodeOf(err) == domain.CodeNotFound {
		return rejected("%v", err)
	}
	return err
}

// Check reads every part of a backup to its end, without restoring anything:
// CodeBackupDamaged when one is not what the manifest says.
func (l *Logical) Check(ctx context.Context, m domain.BackupManifest, progress Progress) error {
	for _, part := range m.Parts {
		err := l.read(ctx, m, part.Name, func(n int64) { report(progress, part.Name, n) }, func(io.Reader) error { return nil })
		if errors.Is(err, errDamaged) || domain.CodeOf(err) == domain.CodeNotFound {
			return domain.Errorf(domain.CodeBackupDamaged, "part %s is not what was stored", part.Name).Because(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
