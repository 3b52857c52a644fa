package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// stack is one running set of programs over one state folder.
type stack struct {
	out     *console
	kind    stackKind
	folder  string
	ports   ports
	secrets secrets
	own     *ownership
	// binaries are PostgreSQL's programs, once it was started.
	binaries postgresBinaries
	// chromium is the browser that the tests of the pages drive; of a test stack only.
	chromium string
	// promtool reads alert rules and dashboards; of a test stack only.
	promtool string
	// proxies switch between the colours of deployments; of a test stack only.
	proxies proxies

	mu       sync.Mutex
	children []*child // in the order of their start
	stopping bool
	failed   chan error // a part gave up; the stack cannot go on
	watching sync.WaitGroup
}

func newStack(out *console, kind stackKind) (*stack, error) {
	p, err := readPorts(kind)
	if err != nil {
		return nil, err
	}
	return &stack{out: out, kind: kind, folder: stateFolder(kind), ports: p, failed: make(chan error, 1)}, nil
}

// open takes the state folder, checks the ports and reads the secrets.
func (s *stack) open() error {
	o, err := own(s.out, s.folder)
	if err != nil {
		return err
	}
	s.own = o
	if s.kind != kindUp {
		if err := s.forget(testLeavings...); err != nil {
			return err
		}
	}
	if err := checkPorts(s.ports); err != nil {
		return err
	}
	s.secrets, err = loadSecrets(s.folder)
	return err
}

func (s *stack) path(parts ...string) string {
	return filepath.Join(append([]string{s.folder}, parts...)...)
}

func (s *stack) logPath(name string) string { return s.path("logs", name+".log") }

// start runs a program as a part of the stack.
func (s *stack) start(p program) (*child, error) {
	if p.log == "" {
		p.log = s.logPath(p.name)
	}
	c, err := p.start()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children = append(s.children, c)
	return c, s.note()
}

// note writes the living children down; the caller holds mu.
func (s *stack) note() error {
	s.own.record.Children = s.own.record.Children[:0]
	for _, c := range s.children {
		pid := c.cmd.Process.Pid
		s.own.record.Children = append(s.own.record.Children, processRecord{Name: c.name, PID: pid, Birth: birth(pid)})
	}
	return s.own.write()
}

// groups are the process groups of our children.
func (s *stack) groups() map[int]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[int]bool{}
	for _, c := range s.children {
		found[c.cmd.Process.Pid] = true
	}
	return found
}

// close stops everything, last started first. The order of the start is chosen for this: the product before the sandbox it
// calls, Temporal before the database it writes to.
func (s *stack) close() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.watching.Wait()
	for i := len(s.children) - 1; i >= 0; i-- {
		c := s.children[i]
		select {
		case <-c.done:
			c.kill()
			continue
		default:
		}
		began := time.Now()
		if c.end() {
			s.out.step(c.name, "stopped (%s)", rounded(time.Since(began)))
		} else {
			s.out.step(c.name, "did not stop within %s and was killed", rounded(c.patience))
		}
	}
}

// release gives the state folder back to the next run.
func (s *stack) release() {
	if s.own != nil {
		s.own.release()
	}
}

// freshLogs keeps the log of the run before beside the new one.
func (s *stack) freshLogs() error {
	logs, err := filepath.Glob(s.path("logs", "*.log"))
	if err != nil {
		return err
	}
	for _, log := range logs {
		if err := os.Rename(log, log+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// wait blocks until the context ends (nil) or a part gives up.
func (s *stack) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), errStopped) {
			return nil
		}
		return context.Cause(ctx)
	case err := <-s.failed:
		return fmt.Errorf("giving up: %w", err)
	}
}
