package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// program describes a long-running child process.
type program struct {
	name string
	path string
	args []string
	// env is the whole environment. Secrets travel here and never in args,
	// which every user of the machine can read.
	env []string
	dir string
	// account runs the program as somebody else; nil is the caller.
	account *syscall.Credential
	log     string
	// stop is the signal for an orderly end, patience the time it gets for it.
	stop     os.Signal
	patience time.Duration
	// ready is an address that answers 2xx once the program can do its work.
	ready string
	// yields says that nobody waits for its answers as one does for the API's: it gets the
	// processors that the others leave, and a tenth of them at least.
	yields bool
}

// child is a running program: the leader of a process group of its own, so
// that a Ctrl-C in the terminal reaches only us and the order of the shutdown
// stays ours.
type child struct {
	program
	cmd     *exec.Cmd
	started time.Time
	done    chan struct{} // closed when the process has ended
	err     error         // valid after done
	asked   bool          // guarded by living.mu: we asked it to end
}

// living are the children that a second Ctrl-C kills.
var living = struct {
	mu  sync.Mutex
	set map[*child]bool
}{set: map[*child]bool{}}

func killAllChildren() {
	living.mu.Lock()
	defer living.mu.Unlock()
	for c := range living.set {
		c.kill()
	}
}

// spawner starts all processes from one OS thread that never ends: Linux
// delivers the parent-death signal when the starting thread dies, not when the
// process does.
var spawner = func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
}()

func startCommand(cmd *exec.Cmd) error {
	result := make(chan error)
	spawner <- func() { result <- cmd.Start() }
	return <-result
}

// start runs the program with its output in its log file.
func (p program) start() (*child, error) {
	if err := os.MkdirAll(filepath.Dir(p.log), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor

	cmd := exec.Command(p.path, p.args...)
	if p.yields {
		cmd = exec.Command("nice", append([]string{"-n", "10", p.path}, p.args...)...)
	}
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, p.dir, log, log
	cmd.SysProcAttr = ownGroup(p.account, p.stop)
	if err := startCommand(cmd); err != nil {
		return nil, fmt.Errorf("%s could not be started: %w", p.name, err)
	}
	c := &child{program: p, cmd: cmd, started: time.Now(), done: make(chan struct{})}
	living.mu.Lock()
	living.set[c] = true
	living.mu.Unlock()
	go func() {
		c.err = cmd.Wait()
		living.mu.Lock()
		delete(living.set, c)
		living.mu.Unlock()
		close(c.done)
	}()
	return c, nil
}

// end asks the child to stop, waits, and kills its whole group if need be. It
// reports whether the child went by itself.
func (c *child) end() bool {
	living.mu.Lock()
	c.asked = true
	living.mu.Unlock()
	_ = c.cmd.Process.Signal(c.stop)
	orderly := true
	select {
	case <-c.done:
	case <-time.After(c.patience):
		orderly = false
	}
	c.kill() // also what the leader left behind in its group
	<-c.done
	return orderly
}

func (c *child) kill() { _ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) }

func (c *child) wasAsked() bool {
	living.mu.Lock()
	defer living.mu.Unlock()
	return c.asked
}

// death explains the end of a child that nobody asked for.
func (c *child) death() error {
	<-c.done
	how := "ended"
	if c.err != nil {
		how = c.err.Error()
	}
	return fmt.Errorf("%s died (%s)\n%s", c.name, how, c.lastLines())
}

// lastLines quotes the end of the child's log.
func (c *child) lastLines() string { return quoteLog(c.log, 15) }

func quoteLog(path string, lines int) string {
	const window = 16 << 10
	file, err := os.Open(path)
	if err != nil {
		return "its log cannot be read: " + err.Error()
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > window {
		_, _ = file.Seek(-window, 2)
	}
	buffer := make([]byte, window)
	n, _ := file.Read(buffer)
	all := strings.Split(strings.TrimSpace(string(buffer[:n])), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	for i, line := range all {
		if len(line) > 200 {
			all[i] = strings.ToValidUTF8(line[:200], "") + "…"
		}
	}
	return fmt.Sprintf("    the last lines of %s:\n    | %s", shortPath(path), strings.Join(all, "\n    | "))
}

// shortPath names a file as seen from the working folder, where that is shorter.
func shortPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if relative, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(relative, "..") {
		return relative
	}
	return path
}
