package chaos

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

// stack is the local stack under test: the program behind `make up`, over a state folder
// and ports of its own. Its supervisor starts again what a fault kills.
type stack struct {
	program string // the stack's program
	root    string // of the checkout, which it builds the product from
	folder  string // its state
	env     []string
	log     *os.File

	mu       sync.Mutex
	cmd      *exec.Cmd
	done     chan struct{}
	settings map[string]string // the environment of the product
	saver    map[string]string // that of the backup worker
	revived  int               // how often the supervisor itself had to be started again
}

// newStack starts afresh: the data of an earlier run is forgotten, its tools are not.
func newStack(ctx context.Context, o Options) (*stack, error) {
	s := &stack{program: o.Program, root: o.Root, folder: o.State}
	if err := os.MkdirAll(s.folder, 0o711); err != nil { //nolint:gosec // PostgreSQL, another user, passes through
		return nil, err
	}
	if link := filepath.Join(s.folder, "bin"); o.Tools != "" && o.Tools != link {
		if err := os.Symlink(o.Tools, link); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
	}
	offset, err := strconv.Atoi(cmp.Or(os.Getenv("CAREFLOW_PORT_OFFSET"), "0"))
	if err != nil {
		return nil, fmt.Errorf("CAREFLOW_PORT_OFFSET is no number: %w", err)
	}
	s.env = append(os.Environ(),
		"CAREFLOW_STATE="+s.folder, fmt.Sprintf("CAREFLOW_PORT_OFFSET=%d", offset+o.PortOffset),
		// Each client has an address of its own, so that log-ins are not counted as one's.
		"CAREFLOW_TRUSTED_PROXIES=127.0.0.1",
		"CAREFLOW_LOG_LEVEL=info", "CAREFLOW_LOG_FORMAT=json", "CAREFLOW_COMMAND_WAIT=3s",
		// Faults must be survived without the reconciler. It runs once, at the end, to say
		// what is stuck.
		"CAREFLOW_RECONCILE_EVERY=24h", "CAREFLOW_RECONCILE_STILL=1s",
	)
	s.env = append(s.env, o.Env...)
	if s.log, err = os.Create(filepath.Join(s.folder, "stack.log")); err != nil {
		return nil, err
	}
	return s, s.forget(ctx)
}

// forget deletes the data of the run before.
func (s *stack) forget(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.program, "reset") //nolint:gosec // our own program
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.root, s.env, s.log, s.log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("forgetting the run before: %w\n%s", err, s.lastLines())
	}
	return nil
}

// start brings everything up, or up again, and waits until it is ready.
func (s *stack) start(ctx context.Context) error {
	s.mu.Lock()
	cmd := exec.Command(s.program, "up") //nolint:gosec,noctx // our own program, stopped in order by close
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.root, s.env, s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started, done := make(chan error), make(chan struct{})
	go func() {
		// Linux sends the parent's death signal when the starting thread ends: it stays.
		runtime.LockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		s.mu.Unlock()
		return fmt.Errorf("starting the stack: %w", err)
	}
	s.cmd, s.done = cmd, done
	s.mu.Unlock()
	for {
		r := s.record()
		if r.Ready && r.Supervisor.PID == cmd.Process.Pid {
			return s.readSettings()
		}
		select {
		case <-done:
			return fmt.Errorf("the stack did not come up:\n%s", s.lastLines())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// keep starts the stack again should its supervisor have given up, until ctx ends.
func (s *stack) keep(ctx context.Context, say func(string, ...any)) {
	for {
		s.mu.Lock()
		done := s.done
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-done:
		}
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		s.revived++
		s.mu.Unlock()
		say("the stack's supervisor gave up, starting it again")
		if err := s.start(ctx); err != nil && ctx.Err() == nil {
			say("%v", err)
			select {
			case <-ctx.Done():
			case <-time.After(2 * time.Second):
			}
		}
	}
}

// close stops everything in order.
func (s *stack) close() {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-done:
	case <-time.After(3 * time.Minute):
		_ = cmd.Process.Kill()
		<-done
	}
	_ = s.log.Close()
}

type stackRecord struct {
	Supervisor struct {
		PID int `json:"pid"`
	} `json:"supervisor"`
	Ready    bool `json:"ready"`
	Children []struct {
		Name string `json:"name"`
		PID  int    `json:"pid"`
	} `json:"children"`
}

func (s *stack) record() (r stackRecord) {
	raw, err := os.ReadFile(filepath.Join(s.folder, "up", "processes.json"))
	if err == nil {
		_ = json.Unmarshal(raw, &r) // a torn record is looked at again
	}
	return r
}

// signal reaches the whole process group of a part. It is false when the part is not
// there at the moment.
func (s *stack) signal(part string, sig syscall.Signal) (pid int, ok bool) {
	for _, c := range s.record().Children {
		if c.Name == part && c.PID > 1 {
			return c.PID, syscall.Kill(-c.PID, sig) == nil
		}
	}
	return 0, false
}

// killPatience is how long a part is waited for that is to be killed and is just being
// started again.
const killPatience = 5 * time.Second

// kill ends a part as soon as it is there.
func (s *stack) kill(ctx context.Context, part string) (pid int, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, killPatience)
	defer cancel()
	for ctx.Err() == nil {
		if pid, ok = s.signal(part, syscall.SIGKILL); ok {
			return pid, true
		}
		pause(ctx, 50*time.Millisecond)
	}
	return 0, false
}

// resume lets everything run again.
func (s *stack) resume() {
	for _, c := range s.record().Children {
		if c.PID > 1 {
			_ = syscall.Kill(-c.PID, syscall.SIGCONT)
		}
	}
}

// readSettings reads the settings of the product, and of the backup worker, which has its
// own.
func (s *stack) readSettings() error {
	product, err := readEnvironment(filepath.Join(s.folder, "up", "environment"))
	if err != nil {
		return err
	}
	saver, err := readEnvironment(filepath.Join(s.folder, "up", "backup-environment"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings, s.saver = product, saver
	return nil
}

func readEnvironment(path string) (map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	settings := map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok {
			settings[name] = strings.ReplaceAll(strings.Trim(value, "'"), `'\''`, "'")
		}
	}
	return settings, lines.Err()
}

func (s *stack) setting(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings[name]
}

func (s *stack) api() string      { return "http://" + s.setting("CAREFLOW_HTTP_ADDRESS") }
func (s *stack) sandbox() string  { return "http://" + s.setting("SANDBOX_ADDRESS") }
func (s *stack) database() string { return s.setting("CAREFLOW_DATABASE_URL") }
func (s *stack) temporal() string { return s.setting("CAREFLOW_TEMPORAL_ADDRESS") }

// backups is where backups lie, and how they are read.
func (s *stack) backups() oracle.BackupSource {
	s.mu.Lock()
	defer s.mu.Unlock()
	return oracle.BackupSource{
		Folder:   strings.TrimPrefix(s.saver["CAREFLOW_BACKUP_STORAGE"], "file://"),
		Identity: s.saver["CAREFLOW_BACKUP_IDENTITY"], Tools: s.saver["CAREFLOW_BACKUP_TOOLS"],
	}
}

// ready reports whether API and worker say that they can do their work.
func (s *stack) ready(ctx context.Context) bool {
	for _, name := range []string{"CAREFLOW_HTTP_ADDRESS", "CAREFLOW_WORKER_ADDRESS"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.setting(name)+"/readyz", nil)
		if err != nil {
			return false
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return false
		}
	}
	return true
}

func (s *stack) lastLines() string {
	raw, _ := os.ReadFile(filepath.Join(s.folder, "stack.log"))
	return string(raw[max(0, len(raw)-2000):])
}
