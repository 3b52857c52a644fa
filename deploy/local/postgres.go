package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cluster is the stack's private PostgreSQL: on the loopback interface only,
// with passwords, in a folder of its own.
type cluster struct {
	binaries postgresBinaries
	folder   string
	// account is who the server runs as; nil is the caller. PostgreSQL refuses
	// to run as root.
	account *syscall.Credential
}

// startPostgres brings the cluster up, making it first where there is none,
// and leaves it with the roles and databases the stack needs.
func (s *stack) startPostgres(ctx context.Context) (*child, error) {
	began := time.Now()
	binaries, err := needPostgres(ctx, s.out, clusterMajor(s.clusterFolder()))
	if err != nil {
		return nil, err
	}
	home, err := s.clusterHome() // after the installation, which makes the user
	if err != nil {
		return nil, err
	}
	home.binaries, s.binaries = binaries, binaries
	if clusterMajor(home.folder) == 0 {
		if err := s.initCluster(ctx, home); err != nil {
			return nil, err
		}
	}
	if err := s.configureCluster(home); err != nil {
		return nil, err
	}
	if err := removeStalePID(home.folder); err != nil {
		return nil, err
	}
	s.out.step("PostgreSQL", "%d starting on %s", home.binaries.major, local(s.ports.Postgres))
	c, err := s.startServer(ctx, home)
	if err != nil {
		return nil, explainAdmin(err)
	}
	if err := s.prepareDatabases(ctx); err != nil {
		return nil, err
	}
	s.out.step("PostgreSQL", "ready (%s)", rounded(time.Since(began)))
	return c, nil
}

// startServer starts the server. After a kill -9 the processes of its old
// sessions take a moment to notice, and until then it refuses to start.
func (s *stack) startServer(ctx context.Context, home cluster) (*child, error) {
	for attempt := 1; ; attempt++ {
		c, err := s.start(program{
			name: "PostgreSQL", path: home.binaries.program("postgres"), args: []string{"-D", home.folder},
			env: minimalEnvironment(), dir: home.folder, account: home.account, log: s.logPath("postgres"),
			stop: syscall.SIGINT, patience: 30 * time.Second, // SIGINT: end sessions, write a checkpoint
		})
		if err != nil {
			return nil, err
		}
		err = waitFor(ctx, s.out, c, time.Minute, s.pingPostgres)
		if err == nil {
			return c, nil
		}
		if attempt == 10 || !strings.Contains(c.lastLines(), "is still in use") {
			return nil, err
		}
		s.out.step("PostgreSQL", "processes of a killed server are still ending, trying again")
		time.Sleep(time.Second)
	}
}

// clusterMajor is the version that made the cluster; 0 where there is none.
func clusterMajor(folder string) int {
	text, _ := os.ReadFile(filepath.Join(folder, "PG_VERSION"))
	major, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return major
}

// initCluster makes the cluster in a folder beside its final one, so that an
// interrupted initdb leaves nothing that looks whole.
func (s *stack) initCluster(ctx context.Context, home cluster) error {
	s.out.step("PostgreSQL", "making a new cluster in %s", shortPath(home.folder))
	fresh := home.folder + ".new"
	password := home.folder + ".password"
	defer os.Remove(password)
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(fresh, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(password, []byte(s.secrets.PostgresAdmin+"\n"), 0o600); err != nil {
		return err
	}
	if err := home.hand(fresh, password); err != nil {
		return err
	}
	args := []string{
		"-D", fresh, "--username=postgres", "--pwfile=" + password, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
	}
	if s.kind == kindTest {
		args = append(args, "--no-sync")
	}
	err := runLogged(ctx, s.out, oneShot{
		name: "initdb", path: home.binaries.program("initdb"), args: args, env: minimalEnvironment(),
		dir: fresh, account: home.account, log: s.logPath("initdb"),
	})
	if err != nil {
		return err
	}
	return os.Rename(fresh, home.folder)
}

// hand gives files to the account that the server runs as.
func (c cluster) hand(paths ...string) error {
	if c.account == nil {
		return nil
	}
	for _, path := range paths {
		if err := os.Chown(path, int(c.account.Uid), int(c.account.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// minimalEnvironment spares a child the caller's PG… and CAREFLOW_… variables.
func minimalEnvironment() []string {
	environment := []string{"LC_ALL=C.UTF-8", "TZ=UTC"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}
