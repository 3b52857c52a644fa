package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/careflow/careflow/internal/bench"
)

// process is one of the product's programs.
type process struct {
	name, path string
	args, env  []string
	log        string
	ready      string // a URL that answers 200 when the process can do its work
	yields     bool

	cmd  *exec.Cmd
	done chan struct{}
}

// start starts it and waits until it is ready; it returns how long that took.
func (p *process) start(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }()
	began := time.Now()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.path, p.args...) //nolint:gosec // the product's own binary
	if p.yields {
		yield(cmd)
	}
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	p.cmd, p.done = cmd, make(chan struct{})
	done := p.done
	go func() { _ = cmd.Wait(); close(done) }()
	err = eventually(ctx, time.Minute, p.name+" is ready", func(ctx context.Context) (bool, error) {
		select {
		case <-done:
			return false, fmt.Errorf("%s ended: see %s", p.name, p.log)
		default:
			return answers(ctx, p.ready), nil
		}
	})
	return time.Since(began), err
}

// yield has a command leave the processors to whom somebody waits for, as the local stack has
// Temporal and the workers do: see ADR 3.
func yield(cmd *exec.Cmd) {
	if nice, err := exec.LookPath("nice"); err == nil {
		cmd.Path, cmd.Args = nice, append([]string{nice, "-n", "10", cmd.Path}, cmd.Args[1:]...)
	}
}

// stop ends it in order, and after half a minute for good.
func (p *process) stop() {
	if p == nil || p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	p.cmd = nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) usage() (bench.Usage, error) { return bench.UsageOf(p.pid()) }

// runOnce runs one of the product's commands to its end.
func runOnce(ctx context.Context, env []string, path string, args ...string) error {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // the product's own binary
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", filepath.Base(path), args, err, out)
	}
	return nil
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// eventually waits until the condition holds.
func eventually(ctx context.Context, patience time.Duration, what string, condition func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("waited %s in vain until %s", patience, what))
	defer cancel()
	for {
		holds, err := condition(ctx)
		if holds {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// freeAddress is a loopback address nobody listens on, below the ports of outgoing
// connections.
func freeAddress() (string, error) {
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 18000+rand.IntN(9000)) //nolint:gosec // no secret
		l, err := net.Listen("tcp", address)
		if err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no port between 18000 and 27000 is free")
}
