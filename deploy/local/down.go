package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// down stops a running development stack and waits until it is gone.
func down(ctx context.Context, out *console) error {
	folder := stateFolder(kindUp)
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		out.say("The local stack is not running.")
		return nil
	}
	o, err := own(out, folder)
	if err == nil {
		o.release()
		out.say("The local stack is not running.")
		return nil
	}
	if !errors.Is(err, errRunning) {
		return err
	}
	supervisor := readRecord(folder).Supervisor
	if !supervisor.alive() {
		return fmt.Errorf("%s is locked, but its owner is not known: stop the `up` that was just started", folder)
	}
	out.say("Stopping the local stack (process %d)", supervisor.PID)
	if err := syscall.Kill(supervisor.PID, syscall.SIGTERM); err != nil {
		return err
	}
	for supervisor.alive() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(tick):
		}
	}
	out.say("Stopped.")
	return nil
}

// reset stops the development stack and forgets its state. Tools stay built.
func reset(ctx context.Context, out *console) error {
	if err := down(ctx, out); err != nil {
		return err
	}
	s, err := newStack(out, kindUp)
	if err != nil {
		return err
	}
	s.own, err = own(out, s.folder)
	if err != nil {
		return err
	}
	defer s.release()
	if err := s.forget(); err != nil {
		return err
	}
	out.say("All its data, keys and logs are gone. `make up` starts with a new clinic.")
	return nil
}

// forget deletes the stack's state but for some of its folders.
func (s *stack) forget(except ...string) error {
	if elsewhere, err := os.ReadFile(s.clusterNote()); err == nil {
		folder := strings.TrimSpace(string(elsewhere))
		if err := os.RemoveAll(filepath.Dir(folder)); err != nil {
			return err
		}
		_ = os.Remove(filepath.Dir(filepath.Dir(folder))) // if no other stack is in it
	}
	entries, err := os.ReadDir(s.folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	keep := map[string]bool{"lock": true, filepath.Base(recordPath(s.folder)): true}
	for _, name := range except {
		keep[name] = true
	}
	for _, entry := range entries {
		if keep[entry.Name()] {
			continue
		}
		if err := os.RemoveAll(s.path(entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
