package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/bench"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// measureBackups: what a backup does a second, from the database to the storage and back
// into a scratch database, against PostgreSQL's programs without compression, encryption,
// sums and comparison; the worker's memory; and what bookings notice of it.
func measureBackups(ctx context.Context, s *session) ([]bench.Row, error) {
	const group = "Backups, against bare pg_dump and pg_restore, and bookings meanwhile"
	megabytes := 256
	if s.quick {
		megabytes = 8
	}
	return s.withClinic(ctx, true, func(c *clinic) ([]bench.Row, error) {
		row := func(name, unit string, sense bench.Sense) bench.Row {
			return bench.Row{Group: group, Name: name, Unit: unit, Sense: sense}
		}
		rows := []bench.Row{
			row("dump, compressed, encrypted and uploaded", "MB/s", bench.MoreIsBetter), row("uploaded bytes", "MB/s", bench.MoreIsBetter),
			row("restore", "MB/s", bench.MoreIsBetter), row("verification", "MB/s", bench.MoreIsBetter),
			row("most memory of the backup worker", "MiB", bench.LessIsBetter), row("bookings while a backup runs, 8 clients", "/s", bench.MoreIsBetter),
		}
		rows[1].Note, rows[3].Note = "no baseline", "against pg_restore alone"
		b, err := newBackups(ctx, c, megabytes)
		if err != nil {
			return rows, err
		}
		defer b.close(ctx)
		for round := range s.rounds {
			bare, err := b.bare(ctx)
			if err != nil {
				return rows, err
			}
			alone, err := b.book(ctx, s)
			if err != nil {
				return rows, err
			}
			ran := make(chan error, 1)
			go func() { ran <- b.run(ctx) }()
			beside, err := b.book(ctx, s)
			if err := errors.Join(err, <-ran); err != nil {
				return rows, err
			}
			// Its speed is measured by one that has the machine to itself.
			if err := b.run(ctx); err != nil {
				return rows, err
			}
			made, err := b.newest(ctx)
			if err != nil {
				return rows, err
			}
			peak, err := peakMemory(b.worker.cmd.Process.Pid)
			if err != nil {
				return rows, err
			}
			rows[0].Add(made.dump, bare.dump)
			rows[1].Product = append(rows[1].Product, made.upload)
			rows[2].Add(made.restore, bare.restore)
			rows[3].Add(made.verify, bare.restore)
			rows[4].Product = append(rows[4].Product, peak)
			rows[5].Add(beside, alone)
			s.say("  round %d: dump %.0f MB/s (bare %.0f), upload %.0f, restore %.0f (bare %.0f), verification %.0f; %.0f MiB; bookings %.0f/s (alone %.0f)",
				round+1, made.dump, bare.dump, made.upload, made.restore, bare.restore, made.verify, peak, beside, alone)
		}
		return rows, nil
	})
}

// speeds are in MB of plain dump a second, but for upload, which is of what is stored.
type speeds struct{ dump, upload, restore, verify float64 }

// backups are a clinic's, with a worker of their own.
type backups struct {
	c      *clinic
	worker *process
	folder string
}

func newBackups(ctx context.Context, c *clinic, megabytes int) (b *backups, err error) {
	b = &backups{c: c}
	defer func() {
		if err != nil {
			b.close(ctx)
		}
	}()
	if b.folder, err = os.MkdirTemp("", "careflow-bench-backups-"); err != nil {
		return b, err
	}
	if _, err := c.db.Exec(ctx, `CREATE TABLE ballast (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), note text NOT NULL)`); err != nil {
		return b, err
	}
	for range megabytes / 8 { // a statement may not take long
		// Rows like those of records: half of it compresses.
		_, err := c.db.Exec(ctx, `INSERT INTO ballast (note) SELECT md5(random()::text) || md5(g::text) || repeat('visit ', 32) FROM generate_series(1, 8 * 1000000 / 280) g`)
		if err != nil {
			return b, err
		}
	}
	c.api.stop()
	c.api.env = append(c.api.env[:len(c.api.env):len(c.api.env)], "CAREFLOW_BACKUP_NAMES=clinic")
	if _, err := c.api.start(ctx); err != nil {
		return b, err
	}
	keys, err := exec.CommandContext(ctx, c.api.path, "keys", "backup").Output() //nolint:gosec // the product's own binary
	if err != nil {
		return b, err
	}
	address, err := freeAddress()
	if err != nil {
		return b, err
	}
	b.worker = &process{
		name: "backup-worker", path: c.api.path, args: []string{"backup-worker"}, ready: "http://" + address + "/readyz",
		log: filepath.Join(c.stack.logs, c.name+"-backup-worker.log"),
		env: append(append(c.env[:len(c.env):len(c.env)], strings.Fields(string(keys))...), "CAREFLOW_WORKER_ADDRESS="+address,
			"CAREFLOW_BACKUP_STORAGE=file://"+b.folder, "CAREFLOW_BACKUP_TARGETS=clinic="+c.url, "CAREFLOW_BACKUP_SCRATCH_URL="+c.stack.admin),
	}
	if _, err := b.worker.start(ctx); err != nil {
		return b, err
	}
	return b, eventually(ctx, time.Minute, "the first backup is made", func(ctx context.Context) (bool, error) { return b.run(ctx) == nil, nil })
}

func (b *backups) close(context.Context) {
	b.worker.stop()
	_ = os.RemoveAll(b.folder)
}

// run makes a backup and waits until it is proven.
func (b *backups) run(ctx context.Context) error {
	env := []string{"CAREFLOW_CLI_URL=" + b.c.base, "CAREFLOW_CLI_EMAIL=ops@careflow.example", "CAREFLOW_CLI_PASSWORD=" + seed.Password}
	return runOnce(ctx, env, b.c.api.path, "backup", "run", "--target", "clinic")
}

func (b *backups) book(ctx context.Context, s *session) (rate float64, err error) {
	if err := b.c.clear(ctx); err != nil {
		return 0, err
	}
	r, err := load(ctx, "http", bench.HTTPPlan{Loop: s.loop(8), Requests: b.c.bookings(s.size.bookings, paid), Want: http.StatusCreated})
	return r.Rate(), err
}

// newest is what the catalogue says of the newest backup.
func (b *backups) newest(ctx context.Context) (speeds, error) {
	var (
		stored, plain int64
		dumped        float64
		raw           []byte
		e             domain.BackupEvidence
	)
	err := b.c.db.QueryRow(ctx, `SELECT stored_bytes, plain_bytes, extract(epoch FROM finished_at - snapshot_at), evidence
		FROM backup_logs WHERE state = 'verified' ORDER BY started_at DESC LIMIT 1`).Scan(&stored, &plain, &dumped, &raw)
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	return speeds{
		dump: perSecond(plain, dumped), upload: perSecond(stored, dumped), restore: perSecond(plain, e.RestoreSeconds),
		verify: perSecond(plain, e.FinishedAt.Sub(e.StartedAt).Seconds()),
	}, err
}

// bare dumps to nowhere, and restores one dump into a database of its own.
func (b *backups) bare(ctx context.Context) (speeds, error) {
	dump := func(to io.Writer) (bytes int64, seconds float64, err error) {
		cmd := exec.CommandContext(ctx, "pg_dump", "-Fc", "-Z0")
		cmd.Env = pgEnvironment(b.c.url)
		counted := &counter{to: to}
		cmd.Stdout = counted
		began := time.Now()
		err = cmd.Run()
		return counted.bytes, time.Since(began).Seconds(), err
	}
	plain, dumped, err := dump(io.Discard)
	if err != nil {
		return speeds{}, fmt.Errorf("pg_dump: %w", err)
	}
	var whole bytes.Buffer
	if _, _, err := dump(&whole); err != nil {
		return speeds{}, fmt.Errorf("pg_dump: %w", err)
	}
	name := b.c.name + "_bare"
	if err := adminExec(ctx, b.c.stack.admin, "CREATE DATABASE "+name); err != nil {
		return speeds{}, err
	}
	defer func() {
		_ = adminExec(context.WithoutCancel(ctx), b.c.stack.admin, "DROP DATABASE "+name+" WITH (FORCE)")
	}()
	cmd := exec.CommandContext(ctx, "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--dbname="+name) //nolint:gosec // a name of our own
	cmd.Env, cmd.Stdin = pgEnvironment(b.c.stack.admin), &whole
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return speeds{}, fmt.Errorf("pg_restore: %w", err)
	}
	return speeds{dump: perSecond(plain, dumped), restore: perSecond(plain, time.Since(began).Seconds())}, nil
}

func perSecond(bytes int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(bytes) / 1e6 / seconds
}

type counter struct {
	to    io.Writer
	bytes int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return c.to.Write(p)
}

// pgEnvironment is how PostgreSQL's programs find a database: not on their command line.
func pgEnvironment(rawURL string) []string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil
	}
	password, _ := u.User.Password()
	return []string{
		"PATH=" + os.Getenv("PATH"), "PGHOST=" + u.Hostname(), "PGPORT=" + u.Port(), "PGUSER=" + u.User.Username(), "PGPASSWORD=" + password,
		"PGDATABASE=" + strings.TrimPrefix(u.Path, "/"),
	}
}

// peakMemory is the most memory that a process has had, in MiB (Linux).
func peakMemory(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("the system does not say how much memory a process has had")
	}
	kilobytes, err := strconv.ParseFloat(fields[0], 64)
	return kilobytes / 1024, err
}
