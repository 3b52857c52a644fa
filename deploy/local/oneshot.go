package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// oneShot is a program that runs to its end.
type oneShot struct {
	name    string
	path    string
	args    []string
	env     []string
	dir     string
	account *syscall.Credential
	input   string
	log     string
	// copy, if set, gets what the program prints on its standard output, too.
	copy io.Writer
}

// runLogged runs a program to its end with its output in a log, saying every
// few seconds that it still runs. It is ended with the context.
func runLogged(ctx context.Context, out *console, o oneShot) error {
	if err := os.MkdirAll(filepath.Dir(o.log), 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(o.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()

	cmd := exec.Command(o.path, o.args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = o.env, o.dir, log, log
	cmd.Stdin = strings.NewReader(o.input)
	if o.copy != nil {
		cmd.Stdout = io.MultiWriter(log, o.copy)
	}
	cmd.SysProcAttr = ownGroup(o.account, syscall.SIGTERM)
	began := time.Now()
	if err := startCommand(cmd); err != nil {
		return fmt.Errorf("%s could not be started: %w", o.name, err)
	}
	if err := await(ctx, cmd, func() {
		out.step(o.name, "still running after %s (log: %s)", rounded(time.Since(began)), shortPath(o.log))
	}); err != nil {
		if errors.Is(err, errStopped) {
			return err
		}
		return fmt.Errorf("%s failed: %w\n%s", o.name, err, quoteLog(o.log, 25))
	}
	return nil
}

// await waits for a started process group leader, calling nagging now and then.
func await(ctx context.Context, cmd *exec.Cmd, nagging func()) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ticker := time.NewTicker(2 * nag)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ticker.C:
			nagging()
		case <-ctx.Done():
			group := -cmd.Process.Pid
			_ = syscall.Kill(group, syscall.SIGTERM)
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
			}
			_ = syscall.Kill(group, syscall.SIGKILL)
			return context.Cause(ctx)
		}
	}
}

// succeeds runs the program silently.
func (o oneShot) succeeds() bool {
	cmd := exec.Command(o.path, o.args...)
	cmd.Dir = o.dir
	cmd.SysProcAttr = ownGroup(o.account, syscall.SIGTERM)
	return startCommand(cmd) == nil && cmd.Wait() == nil
}
