package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// detach starts `up` in a session of its own, shows its progress and returns
// once the stack is ready or has failed. Interrupted before that, it stops it.
func detach(ctx context.Context, out *console, options upOptions) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	folder := stateFolder(kindUp)
	if err := os.MkdirAll(folder, 0o711); err != nil {
		return err
	}
	path := filepath.Join(folder, "stack.log")
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"up"}
	if options.infrastructure {
		args = append(args, "-infrastructure")
	}
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	shown, err := os.Open(path)
	if err != nil {
		return err
	}
	defer shown.Close()
	lines := bufio.NewReader(shown)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		show(lines)
		select {
		case err := <-ended:
			show(lines)
			if err != nil {
				return exitStatusError(1)
			}
			return nil // it was running already
		case <-ctx.Done():
			_ = cmd.Process.Signal(syscall.SIGTERM)
			<-ended
			show(lines)
			return exitStatusError(130)
		case <-ticker.C:
		}
		if record := readRecord(folder); record.Ready && record.Supervisor.PID == cmd.Process.Pid {
			time.Sleep(2 * tick) // for the announcement that follows
			show(lines)
			out.say("It runs in the background (process %d, log %s).", cmd.Process.Pid, shortPath(path))
			return nil
		}
	}
}

// show copies what has been written since the last call.
func show(lines *bufio.Reader) { _, _ = io.Copy(os.Stdout, lines) }
