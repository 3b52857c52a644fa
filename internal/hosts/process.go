package hosts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/processes"
	"github.com/careflow/careflow/internal/releases"
)

// running is a process that we run ourselves.
type running struct {
	pid    int
	digest string
	marker string // of its environment, which tells it from another one with its number
}

func (h *Host) runPath(i instance, ending string) string {
	return filepath.Join(h.cfg.Folder, "run", fmt.Sprintf("%s-%d%s", i.colour, i.number, ending))
}

// recordItself is what the process does before it becomes the release: it writes down its own
// number, so that one that was begun is known also where we died in that moment.
const recordItself = `echo $$ > "$0.new" && mv "$0.new" "$0" && exec "$@"`

// startProcess runs an instance apart from us: it goes on when we end. One that runs the
// release already is left alone.
func (h *Host) startProcess(i instance) error {
	if r, ok := h.process(i); ok && r.digest == i.release.Digest {
		return nil
	}
	log, err := h.prepareRun(i)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	env, err := h.cfg.environment(i)
	if err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", recordItself, h.runPath(i, ".pid")}, i.command(h.cfg.Run)...)...) //nolint:noctx,gosec // it outlives us, and is what the file of services says
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = append(env, h.marker(i)), log, log, i.folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return domain.Errorf(domain.CodeNotAvailable, "the release cannot be run: %s", err).Because(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // so that its end shows
	for {
		if _, err := os.Stat(h.runPath(i, ".pid")); err == nil {
			return nil
		}
		select {
		case <-ended: // what it printed says why; who awaits it tells
			return nil
		case <-time.After(pollEvery):
		}
	}
}

// prepareRun forgets the process before, and notes which release is about to run.
func (h *Host) prepareRun(i instance) (log *os.File, err error) {
	if err := os.MkdirAll(filepath.Dir(h.runPath(i, "")), releases.FolderMode); err != nil {
		return nil, domain.Errorf(domain.CodeDeployAccess, "the folder %s cannot be written to", h.cfg.Folder).Because(err)
	}
	if err := h.forget(i); err != nil {
		return nil, err
	}
	if err := releases.ReplaceFile(h.runPath(i, ".digest"), []byte(i.release.Digest), 0o644); err != nil {
		return nil, err
	}
	log, err = os.Create(h.runPath(i, ".log"))
	if err != nil {
		return nil, domain.Errorf(domain.CodeDeployAccess, "the folder %s cannot be written to", h.cfg.Folder).Because(err)
	}
	return log, nil
}

// marker is a variable that only the processes of one instance have.
func (h *Host) marker(i instance) string { return "CAREFLOW_INSTANCE=" + h.runPath(i, "") }

// process is the process of an instance, where it runs.
func (h *Host) process(i instance) (running, bool) {
	r := running{marker: h.marker(i)}
	number, err := os.ReadFile(h.runPath(i, ".pid"))
	if err == nil {
		r.pid, err = strconv.Atoi(strings.TrimSpace(string(number)))
	}
	if err != nil || r.pid <= 1 {
		return r, false
	}
	digest, err := os.ReadFile(h.runPath(i, ".digest"))
	r.digest = string(digest)
	return r, err == nil && r.alive()
}

func (r running) alive() bool { return processes.HasMark(r.pid, r.marker) }

// stopProcess ends an instance: kindly, and after a while not.
func (h *Host) stopProcess(ctx context.Context, i instance) error {
	r, ok := h.process(i)
	if !ok {
		return h.forget(i)
	}
	_ = syscall.Kill(r.pid, syscall.SIGTERM)
	for began := time.Now(); r.alive(); {
		if time.Since(began) > h.cfg.stopWithin() {
			_ = syscall.Kill(-r.pid, syscall.SIGKILL) // it leads a session of its own
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
	if err := os.Remove(h.runPath(i, ".pid")); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
