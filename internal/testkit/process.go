package testkit

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Process is the product's binary, running one of its sub-commands.
type Process struct {
	t    testing.TB
	name string
	env  []string
	log  *logBuffer

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
}

// logBuffer keeps a process's output for the moment a test fails.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.buf.Bytes()[max(0, b.buf.Len()-n):])
}

// Log returns everything the process has logged.
func (p *Process) Log() string { return p.log.tail(1 << 30) }

// StartProcess runs `careflow name` until the test ends, and shows the end of its log
// if the test fails.
func StartProcess(t testing.TB, name string, env []string) *Process {
	t.Helper()
	p := &Process{t: t, name: name, env: env, log: &logBuffer{}}
	p.Start()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", name, p.log.tail(2500))
		}
	})
	return p
}

// Start starts the process (again).
func (p *Process) Start() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(filepath.Join(Env(p.t, "CAREFLOW_TEST_BIN"), "careflow"), p.name)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}, p.env...)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(p.t, cmd.Start())
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	p.cmd, p.done = cmd, done
}

// Configure adds variables, which hold from the next start on.
func (p *Process) Configure(env ...string) { p.env = append(p.env, env...) }

// Kill is kill -9: nothing is finished, nothing is said good-bye to.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	p.cmd = nil
}

// FreeAddress returns a loopback address nobody listens on at the moment. Its port lies
// below those that the system gives to outgoing connections, which would take it at any
// moment, and is not given out twice by this process.
func FreeAddress(t testing.TB) string {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 18000+rand.IntN(9000))
		l, err := net.Listen("tcp", address)
		if err != nil || given.addresses[address] {
			if err == nil {
				_ = l.Close()
			}
			continue
		}
		_ = l.Close()
		given.addresses[address] = true
		return address
	}
	require.FailNow(t, "no port between 18000 and 27000 is free")
	return ""
}

var given = struct {
	sync.Mutex
	addresses map[string]bool
}{addresses: map[string]bool{}}
