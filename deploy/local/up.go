package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

type upOptions struct {
	detach         bool
	infrastructure bool
}

// up runs the development stack until it is told to stop.
func up(ctx context.Context, out *console, options upOptions) error {
	if options.detach {
		return detach(ctx, out, options)
	}
	s, err := newStack(out, kindUp)
	if err != nil {
		return err
	}
	began := time.Now()
	out.say("Careflow's local stack (state in %s)", shortPath(s.folder))
	if err := s.open(); err != nil {
		if errors.Is(err, errRunning) {
			return alreadyRunning(s)
		}
		s.release()
		return err
	}
	defer s.release()
	run, cancel := context.WithCancel(ctx)
	accounts, err := s.bringUp(run, options)
	if err == nil {
		s.announce(options, accounts, time.Since(began))
		err = s.wait(run)
	}
	cancel()
	if len(s.groups()) > 0 {
		out.say("\nStopping")
	}
	s.close()
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

// alreadyRunning makes a second `up` harmless.
func alreadyRunning(s *stack) error {
	record := readRecord(s.folder)
	s.out.say("It is running already (process %d); stop it with `make down`.", record.Supervisor.PID)
	s.printLinks()
	return nil
}

func (s *stack) bringUp(ctx context.Context, options upOptions) (accounts string, err error) {
	if err := s.freshLogs(); err != nil {
		return "", err
	}
	if err := buildTools(ctx, s.out, toolFolder(), []string{"temporal-server", "temporal-sql-tool", "temporal-ui"}); err != nil {
		return "", err
	}
	if !options.infrastructure {
		if err := s.buildProduct(ctx); err != nil {
			return "", err
		}
	}
	for _, start := range []func(context.Context) (*child, error){s.startPostgres, s.startTemporal, s.startUI} {
		c, err := start(ctx)
		if err != nil {
			return "", err
		}
		s.watch(ctx, c, true)
	}
	if err := s.writeEnvironment("environment", s.productEnvironment()); err != nil {
		return "", err
	}
	if err := s.writeEnvironment("backup-environment", s.backupEnvironment()); err != nil {
		return "", err
	}
	if options.infrastructure {
		return "", s.markReady()
	}
	if accounts, err = s.prepareProduct(ctx); err != nil {
		return "", err
	}
	parts, err := s.startProduct(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range parts {
		s.watch(ctx, c, false)
	}
	return accounts, s.markReady()
}

func (s *stack) markReady() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own.record.Ready = true
	return s.own.write()
}

func (s *stack) announce(options upOptions, accounts string, took time.Duration) {
	s.out.say("\nReady after %s.", rounded(took))
	if options.infrastructure {
		s.out.say("  Temporal UI   http://localhost:%d", s.ports.UI)
		s.out.say("  Environment   set -a; . %s; set +a", shortPath(s.path("environment")))
	} else {
		s.printLinks()
		s.out.say("\nAccounts (role, e-mail address, password, name):\n  %s", strings.ReplaceAll(accounts, "\n", "\n  "))
	}
	s.out.say("\nLogs are in %s. Ctrl-C (or `make down`) stops everything; `make up` goes on where it was.", shortPath(s.path("logs")))
}

func (s *stack) printLinks() {
	links := []struct {
		name, path, what string
		port             int
	}{
		{"API", "/docs", "the contract, readable", s.ports.API},
		{"Sandbox", "/", "pay, read mails, switch faults", s.ports.Sandbox},
		{"Temporal UI", "/namespaces/careflow/workflows", "each appointment's process", s.ports.UI},
		{"Codec server", "/", "log in here to read payloads in Temporal UI", s.ports.Codec},
	}
	var text strings.Builder
	for _, link := range links {
		address := fmt.Sprintf("http://localhost:%d%s", link.port, link.path)
		fmt.Fprintf(&text, "  %-13s %-55s %s\n", link.name, address, link.what)
	}
	s.out.say("\n%s", strings.TrimRight(text.String(), "\n"))
}
