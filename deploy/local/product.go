package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// productCommands are built for each stack into a folder of its own, so that a
// build for the tests does not change what a running stack would restart with.
var productCommands = []string{"careflow", "sandbox"}

// buildProduct builds the product's programs from the checkout.
func (s *stack) buildProduct(ctx context.Context) error {
	began := time.Now()
	if err := os.MkdirAll(s.path("bin"), 0o755); err != nil {
		return err
	}
	commands := productCommands
	if s.kind == kindKubernetes {
		commands = append(commands[:len(commands):len(commands)], "kubenode")
	}
	for _, name := range commands {
		log := s.logPath("build-" + name)
		if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
			return err
		}
		if err := goBuild(ctx, s.out, "Careflow", build{module: ".", command: "./cmd/" + name, path: s.path("bin", name), log: log}); err != nil {
			return err
		}
	}
	s.out.step("Careflow", "built (%s)", rounded(time.Since(began)))
	return nil
}

// buildID names the worker's version by its content: a change that was not
// committed is another version too, and the same code is the same one.
func (s *stack) buildID() (string, error) {
	binary, err := os.ReadFile(s.path("bin", "careflow"))
	if err != nil {
		return "", err
	}
	return "dev-" + fingerprint(binary)[:12], nil
}

func (s *stack) careflow(ctx context.Context, args ...string) (string, error) {
	var printed bytes.Buffer
	err := runLogged(ctx, s.out, oneShot{
		name: "careflow " + strings.Join(args, " "), path: s.path("bin", "careflow"), args: args,
		env: s.productEnvironment(), dir: s.folder, log: s.logPath(args[0]), copy: &printed,
	})
	return strings.TrimSpace(printed.String()), err
}

// prepareProduct migrates the database, readies Temporal's namespace and seeds
// the clinic. It returns what the seed prints: the accounts to log in with.
func (s *stack) prepareProduct(ctx context.Context) (accounts string, err error) {
	s.out.step("Careflow", "migrating the database")
	if _, err := s.careflow(ctx, "migrate", "up"); err != nil {
		return "", err
	}
	if err := s.grantBackups(ctx); err != nil {
		return "", err
	}
	if err := s.prepareNamespace(ctx); err != nil {
		return "", err
	}
	s.out.step("Careflow", "seeding the development clinic")
	return s.careflow(ctx, "seed")
}

func (s *stack) prepareNamespace(ctx context.Context) error {
	s.out.step("Careflow", "preparing Temporal's namespace and search attributes")
	_, err := s.careflow(ctx, "temporal-setup")
	return err
}

// part is one of the product's long-running programs.
type part struct {
	name   string
	path   string
	args   []string
	ready  string
	env    []string
	yields bool
}

// parts in the order of their start. They stop the other way round: the API
// first, which takes no new request, and last the sandbox they all call.
func (s *stack) parts(buildID string) []part {
	careflow := s.path("bin", "careflow")
	product := append(s.productEnvironment(), "CAREFLOW_WORKER_BUILD_ID="+buildID, "CAREFLOW_WORKER_PROMOTE=true")
	ready := func(port int) string { return "http://" + local(port) + "/readyz" }
	return []part{
		{"sandbox", s.path("bin", "sandbox"), nil, "http://" + local(s.ports.Sandbox) + "/_sandbox/healthz", product, false},
		{"codec", careflow, []string{"codec-server"}, ready(s.ports.Codec), product, false},
		{"worker", careflow, []string{"worker"}, ready(s.ports.Worker), product, true},
		{"backup-worker", careflow, []string{"backup-worker"}, ready(s.ports.BackupWorker), s.backupEnvironment(), true},
		{"api", careflow, []string{"api"}, ready(s.ports.API), product, false},
	}
}

// startProduct starts the product's programs and waits for all of them.
func (s *stack) startProduct(ctx context.Context) ([]*child, error) {
	began := time.Now()
	id, err := s.buildID()
	if err != nil {
		return nil, err
	}
	var started []*child
	for _, p := range s.parts(id) {
		c, err := s.start(program{
			name: p.name, path: p.path, args: p.args, env: p.env, dir: s.folder,
			stop: syscall.SIGTERM, patience: 30 * time.Second, ready: p.ready, yields: p.yields,
		})
		if err != nil {
			return nil, err
		}
		started = append(started, c)
	}
	for i, p := range s.parts(id) {
		if err := waitFor(ctx, s.out, started[i], longestWait, answers(p.ready)); err != nil {
			return nil, err
		}
		s.out.step(p.name, "ready (%s)", rounded(time.Since(began)))
	}
	return started, nil
}

// writeEnvironment leaves an environment in a file for running one of the
// product's commands by hand: set -a; . .local/up/environment; set +a
func (s *stack) writeEnvironment(name string, environment []string) error {
	var text strings.Builder
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "CAREFLOW_") || strings.HasPrefix(name, "SANDBOX_") {
			fmt.Fprintf(&text, "%s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
		}
	}
	return replaceFile(s.path(name), []byte(text.String()), 0o600)
}
