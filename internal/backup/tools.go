package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
)

// Tools are PostgreSQL's own programs, all of one version.
type Tools struct {
	// Folder holds pg_dump, pg_dumpall and pg_restore. Empty: they are looked for on PATH.
	Folder string
}

func (t Tools) path(name string) string {
	if t.Folder == "" {
		return name
	}
	return filepath.Join(t.Folder, name)
}

var toolVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)(?:\.(\d+))?`)

// version asks a program which it is: "pg_dump 15.18", and its major version.
func (t Tools) version(ctx context.Context, name string) (string, int, error) {
	out, err := exec.CommandContext(ctx, t.path(name), "--version").Output() //nolint:gosec // a program of our own settings
	if err != nil {
		return "", 0, domain.Errorf(domain.CodeTool, "%s cannot be run on this host: install PostgreSQL's client programs or set their folder", name).Because(err)
	}
	m := toolVersion.FindSubmatch(out)
	if m == nil {
		return "", 0, domain.Errorf(domain.CodeTool, "%s does not say which version of PostgreSQL it is of", name)
	}
	major, _ := strconv.Atoi(string(m[1]))
	version := string(m[1])
	if len(m[2]) > 0 {
		version += "." + string(m[2])
	}
	return name + " " + version, major, nil
}

// Fits reports a program that is older than the server: pg_dump refuses that.
func (t Tools) fits(ctx context.Context, name string, server domain.BackupServer) (string, error) {
	tool, major, err := t.version(ctx, name)
	if err != nil {
		return "", err
	}
	if wanted := server.VersionNum / 10000; major < wanted {
		return "", domain.Errorf(domain.CodeTool, "%s is older than the server (%s): install version %d of PostgreSQL's client programs", tool, server.Version, wanted)
	}
	return tool, nil
}

// reading runs a program and passes its output to use. The program's exit is looked at
// before the output counts: use must not commit anything by itself.
func (t Tools) reading(ctx context.Context, url, name string, args []string, use func(io.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, complaint, err := t.command(ctx, url, name, args)
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("running %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return domain.Errorf(domain.CodeTool, "%s cannot be run on this host", name).Because(err)
	}
	// use sees the end of the output only after the program ended well: a pipe that closes
	// early looks like the end of the data otherwise.
	err = use(&untilExit{out: out, wait: func() error { return toolFault(name, cmd.Wait(), complaint) }})
	if err != nil {
		cancel()
		_ = cmd.Wait()
	}
	return err
}

// untilExit turns a program's bad end into a read error in the place of io.EOF.
type untilExit struct {
	out  io.Reader
	wait func() error
	err  error
}

func (u *untilExit) Read(p []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	n, err := u.out.Read(p)
	if err == nil {
		return n, nil
	}
	u.err = io.EOF
	if exit := u.wait(); exit != nil {
		u.err = exit
	} else if !errors.Is(err, io.EOF) {
		u.err = err
	}
	return n, u.err
}

// writing runs a program that reads its data from standard input.
func (t Tools) writing(ctx context.Context, url, name string, args []string, data io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, complaint, err := t.command(ctx, url, name, args)
	if err != nil {
		return err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("running %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return domain.Errorf(domain.CodeTool, "%s cannot be run on this host", name).Because(err)
	}
	_, copyErr := io.Copy(in, data)
	if copyErr != nil && !errors.Is(copyErr, syscall.EPIPE) {
		cancel() // what came through must not be taken for the whole
	}
	_ = in.Close()
	exit := toolFault(name, cmd.Wait(), complaint)
	if copyErr != nil && !errors.Is(copyErr, syscall.EPIPE) {
		return copyErr
	}
	if exit != nil {
		return exit
	}
	return copyErr
}

// command prepares a program that finds the database in its environment: nothing of the
// connection is on its command line, where every user of the host could read it.
func (t Tools) command(ctx context.Context, url, name string, args []string) (*exec.Cmd, *complaint, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, nil, domain.Errorf(domain.CodeInvalid, "the database's URL cannot be read")
	}
	cmd := exec.CommandContext(ctx, t.path(name), args...) //nolint:gosec // a program of our own settings
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "LC_ALL=C", "PGAPPNAME=careflow-backup",
		"PGHOST=" + cfg.Host, "PGPORT=" + strconv.Itoa(int(cfg.Port)), "PGUSER=" + cfg.User, "PGPASSWORD=" + cfg.Password,
		"PGDATABASE=" + cfg.Database, "PGCONNECT_TIMEOUT=15", "PGSSLMODE=" + sslMode(cfg),
	}
	if certs := os.Getenv("PGSSLROOTCERT"); certs != "" {
		cmd.Env = append(cmd.Env, "PGSSLROOTCERT="+certs)
	}
	// A worker that is killed takes the program with it; a polite end lets it close its session.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	c := &complaint{}
	cmd.Stderr = c
	return cmd, c, nil
}

func sslMode(cfg *pgx.ConnConfig) string {
	switch {
	case cfg.TLSConfig == nil:
		return "disable"
	case cfg.TLSConfig.InsecureSkipVerify && cfg.TLSConfig.VerifyPeerCertificate == nil && cfg.TLSConfig.VerifyConnection == nil:
		return "require"
	}
	return "verify-full"
}

// complaint keeps the end of what a program said on standard error, for the log only: it
// may quote values.
type complaint struct{ tail []byte }

const complaintLength = 4 << 10

func (c *complaint) Write(p []byte) (int, error) {
	c.tail = append(c.tail, p...)
	if over := len(c.tail) - complaintLength; over > 0 {
		c.tail = bytes.Clone(c.tail[over:])
	}
	return len(p), nil
}

func toolFault(name string, err error, c *complaint) error {
	if err == nil {
		return nil
	}
	return domain.Errorf(domain.CodeTool, "%s failed", name).Because(fmt.Errorf("%w: %s", err, bytes.TrimSpace(c.tail)))
}

// badMoments are what programs say when a server fails for reasons of its own, which says
// nothing about the backup. Programs run with LC_ALL=C, so that they say it in English.
var badMoments = []struct{ said, means string }{
	{"No space left on device", noSpace},
	{"server closed the connection", "went away in the middle"},
	{"terminating connection", "ended our session"},
	{"connection to server", "cannot be reached"},
	{"the database system is", "is starting or stopping"},
	{"out of memory", "has no memory left"},
	{"out of shared memory", "has no memory left"},
	{"too many clients", "has no connection left"},
	{"remaining connection slots", "has no connection left"},
}

// badMoment says what was wrong with the server that a program failed at; "" when it was
// not the server.
func badMoment(err error) string {
	said := fmt.Sprint(errors.Unwrap(err))
	for _, m := range badMoments {
		if strings.Contains(said, m.said) {
			return m.means
		}
	}
	return ""
}
