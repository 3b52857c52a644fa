package hostagent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// killGrace is what a script gets between being asked to stop and being killed, and what its
// output is waited for once it has ended.
const killGrace = 5 * time.Second

// runEvent runs the scripts that a release has for an event one after the other, until one
// fails.
func (s service) runEvent(ctx context.Context, digest string, job domain.HostJob) (domain.StepOutcome, error) {
	if err := s.endUnfinished(ctx); err != nil {
		return domain.StepOutcome{}, err
	}
	if digest == "" {
		return domain.StepOutcome{}, nil // nothing was there: nothing is to be stopped
	}
	folder, err := s.Path(digest)
	what := spec{}
	if err == nil {
		what, err = readSpec(folder)
	}
	if err != nil {
		return domain.StepOutcome{ExitCode: -1}, domain.Errorf(domain.CodeHookFailed, "%s cannot be run: %v", job.Event, err).Because(err)
	}
	printed := &tail{most: domain.MostOutput}
	for _, h := range what.Hooks[job.Event] {
		code, err := s.runHook(ctx, folder, h, job, printed)
		if err != nil {
			return domain.StepOutcome{ExitCode: code, Output: printed.String()}, err
		}
	}
	return domain.StepOutcome{Output: printed.String()}, nil
}

// runHook runs one script in a process group of its own. It is noted before it starts, so
// that after a crash of the agent nothing of it goes on beside the next try.
func (s service) runHook(ctx context.Context, folder string, h hook, job domain.HostJob, printed *tail) (int, error) {
	as, err := credentials(h.RunAs)
	if err != nil {
		return -1, err
	}
	id := domain.NewID()
	if err := os.WriteFile(s.unfinished(), []byte(id), 0o600); err != nil {
		return -1, err
	}
	// The kernel ends the script with the thread that started it, which so lives as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	limited, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, "./"+filepath.Clean(h.Script)) //nolint:gosec // a checked path within a checked bundle
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, printed, printed
	cmd.Env = s.hookEnvironment(folder, id, as.home, job)
	cmd.SysProcAttr = as.process()
	cmd.Cancel = func() error { return stopGroup(cmd.Process.Pid) }
	cmd.WaitDelay = killGrace
	began := time.Now()
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) && limited.Err() == nil {
		err = nil // it has ended well, and what it started goes on
	}
	code := -1
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	_, _ = fmt.Fprintf(printed, "-- %s: exit code %d after %s\n", h.Script, code, time.Since(began).Round(time.Millisecond))
	if err != nil {
		err = hookFault(ctx, limited, h, err)
		if left := endMarked(context.WithoutCancel(ctx), id); left != nil {
			return code, left
		}
	}
	if removed := os.Remove(s.unfinished()); err == nil {
		err = removed
	}
	return code, err
}

func hookFault(ctx, limited context.Context, h hook, err error) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return domain.Errorf(domain.CodeHookFailed, "%s has not ended after %s and was killed, with all that it started", h.Script, h.Timeout).Because(err)
	case errors.As(err, &exit):
		return domain.Errorf(domain.CodeHookFailed, "%s ended with %s", h.Script, exit.ProcessState).Because(err)
	}
	return domain.Errorf(domain.CodeHookFailed, "%s cannot be started: %v", h.Script, errors.Unwrap(err)).Because(err)
}

// hookEnvironment is all that a script knows. It holds no setting of the agent: those have
// secrets.
func (s service) hookEnvironment(folder, id, home string, job domain.HostJob) []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + home, "LANG=C.UTF-8",
		hookMarker + id,
		"CAREFLOW_EVENT=" + string(job.Event),
		"CAREFLOW_DEPLOYMENT_ID=" + job.DeploymentID,
		"CAREFLOW_ENVIRONMENT=" + job.Environment,
		"CAREFLOW_SERVICE=" + job.Service,
		"CAREFLOW_HOST=" + job.Host,
		"CAREFLOW_RELEASE=" + folder, // whose scripts these are
		"CAREFLOW_CURRENT=" + s.link(),
		"CAREFLOW_DIGEST=" + job.Release.Digest, // what comes
		"CAREFLOW_VERSION=" + job.Release.Version,
		"CAREFLOW_PREVIOUS_DIGEST=" + job.Previous, // what goes
	}
}

// hookMarker and an ID are in the environment of all that a script starts: so it is found
// again.
const hookMarker = "CAREFLOW_HOOK="

func (s service) unfinished() string { return filepath.Join(s.Folder, "unfinished") }

// endUnfinished ends what a script left that was under way when the agent died: it runs
// again from its beginning, and alone.
func (s service) endUnfinished(ctx context.Context) error {
	id, err := os.ReadFile(s.unfinished())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(id) > 0 { // else the disk was full when it was noted, and it never began
		if err := endMarked(ctx, string(id)); err != nil {
			return err
		}
	}
	return os.Remove(s.unfinished())
}
