package hosts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/releases"
)

// running is what is kept of a process that we run ourselves. Birth tells it from another
// one that has got its number since.
type running struct {
	PID    int    `json:"pid"`
	Birth  string `json:"birth"`
	Digest string `json:"digest"`
}

func (h *Host) runPath(i instance, ending string) string {
	return filepath.Join(h.cfg.Folder, "run", fmt.Sprintf("%s-%d%s", i.colour, i.number, ending))
}

// startProcess runs an instance apart from us: it goes on when we end. One that runs the
// release already is left alone.
func (h *Host) startProcess(i instance) error {
	if r, ok := h.process(i); ok && r.Digest == i.release.Digest {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.runPath(i, "")), 0o755); err != nil {
		return domain.Errorf(domain.CodeDeployAccess, "the folder %s cannot be written to", h.cfg.Folder).Because(err)
	}
	log, err := os.Create(h.runPath(i, ".log"))
	if err != nil {
		return domain.Errorf(domain.CodeDeployAccess, "the folder %s cannot be written to", h.cfg.Folder).Because(err)
	}
	defer func() { _ = log.Close() }()
	env, err := h.cfg.environment(i)
	if err != nil {
		return err
	}
	command := i.command(h.cfg.Run)
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // it outlives us
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = env, log, log, i.folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return domain.Errorf(domain.CodeNotAvailable, "the release cannot be run: %s", err).Because(err)
	}
	go func() { _ = cmd.Wait() }() // so that its end shows
	text, err := json.Marshal(running{PID: cmd.Process.Pid, Birth: birth(cmd.Process.Pid), Digest: i.release.Digest})
	if err != nil {
		return err
	}
	return releases.ReplaceFile(h.runPath(i, ".json"), text, 0o644)
}

// process is the process of an instance, where it runs.
func (h *Host) process(i instance) (running, bool) {
	var r running
	text, err := os.ReadFile(h.runPath(i, ".json"))
	if err != nil || json.Unmarshal(text, &r) != nil {
		return r, false
	}
	return r, r.alive()
}

func (r running) alive() bool {
	return syscall.Kill(r.PID, 0) == nil && birth(r.PID) == r.Birth
}

// birth is when a process was started, in the kernel's count; "" for one that has ended.
func birth(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const state, started = 0, 19 // of what comes after the name; see proc(5)
	if len(fields) <= started || fields[state] == "Z" {
		return ""
	}
	return fields[started]
}

// stopProcess ends an instance: kindly, and after a while not.
func (h *Host) stopProcess(ctx context.Context, i instance) error {
	r, ok := h.process(i)
	if !ok {
		return h.forget(i)
	}
	_ = syscall.Kill(r.PID, syscall.SIGTERM)
	for began := time.Now(); r.alive(); {
		if time.Since(began) > h.cfg.stopWithin() {
			_ = syscall.Kill(-r.PID, syscall.SIGKILL) // it leads a session of its own
		}
		select {
		case <-ctx.Done():
			return domain.Errorf(domain.CodeUnavailable, "the instance at %s does not stop", i.address).Because(ctx.Err())
		case <-time.After(pollEvery):
		}
	}
	return h.forget(i)
}

func (h *Host) forget(i instance) error {
	if err := os.Remove(h.runPath(i, ".json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting a process: %w", err)
	}
	return nil
}

const pollEvery = 50 * time.Millisecond

// printed is the last of what a process of ours has printed.
func (h *Host) printed(i instance) string {
	f, err := os.Open(h.runPath(i, ".log"))
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	last := &lastBytes{most: domain.MostOutput}
	if info, err := f.Stat(); err == nil && info.Size() > domain.MostOutput {
		_, _ = f.Seek(-domain.MostOutput, 2)
	}
	_, _ = f.WriteTo(last)
	return last.String()
}
