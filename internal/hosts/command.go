package hosts

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// run carries out a command that returns, and keeps the last of what it prints. It is ended
// with everything that it started when ctx ends. CodeHookFailed.
func run(ctx context.Context, command []string, environment []string) (domain.StepOutcome, error) {
	printed := &lastBytes{most: domain.MostOutput}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = printed, printed, environment
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // a child of it that holds the output open
	err := cmd.Run()
	outcome := domain.StepOutcome{Output: printed.String()}
	if cmd.ProcessState != nil {
		outcome.ExitCode = cmd.ProcessState.ExitCode()
	}
	if err == nil {
		return outcome, nil
	}
	fault := domain.Errorf(domain.CodeHookFailed, "%s ended with exit code %d", command[0], outcome.ExitCode)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		fault = domain.Errorf(domain.CodeHookFailed, "%s took too long and was ended", command[0])
	case !errors.As(err, &exit):
		fault = domain.Errorf(domain.CodeDeployAccess, "%s cannot be run on this host", command[0])
	}
	fault.Detail = outcome.Output
	return outcome, fault.Because(err)
}

// lastBytes keeps the last of what is written to it.
type lastBytes struct {
	mu   sync.Mutex
	most int
	kept []byte
}

func (b *lastBytes) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, p...)
	if len(b.kept) > 2*b.most {
		b.kept = append([]byte{}, b.kept[len(b.kept)-b.most:]...)
	}
	return len(p), nil
}

func (b *lastBytes) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.ToValidUTF8(string(b.kept[max(0, len(b.kept)-b.most):]), "")
}

// bare is the little of our own environment that commands get: it holds keys otherwise.
func bare() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
}

// environment is what a release's own process gets: then the file, then what the section
// says.
func (c Config) environment(i instance) ([]string, error) {
	env := bare()
	if c.EnvironmentFile != "" {
		text, err := os.ReadFile(c.EnvironmentFile)
		if err != nil {
			return nil, domain.Errorf(domain.CodeDeployAccess, "the environment file %s cannot be read", c.EnvironmentFile).Because(err)
		}
		for line := range strings.Lines(string(text)) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if ok && !strings.HasPrefix(name, "#") {
				env = append(env, name+"="+unquote(value))
			}
		}
	}
	for name, value := range c.Environment {
		env = append(env, name+"="+i.fill(value))
	}
	return env, nil
}

// unquote takes the quotes off that shells and systemd allow around a value.
func unquote(value string) string {
	for _, quote := range []string{`'`, `"`} {
		if len(value) > 1 && strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
			return value[1 : len(value)-1]
		}
	}
	return value
}
