// Package processes finds processes again by a mark in their environment: a number alone may
// be another process's by now. It reads Linux's /proc; elsewhere it finds none.
package processes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HasMark reports whether a process is alive and has the mark, NAME=value, in its environment.
// False also for a process whose environment we may not read.
func HasMark(pid int, mark string) bool {
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || len(environment) > 0 {
			return err == nil && slices.Contains(strings.Split(string(environment), "\x00"), mark)
		}
		// It is empty for a moment while the process becomes another program (execve), and for
		// ever where it has ended but nobody has asked how, and with threads of the kernel.
		// Those have no program either (proc(5), exe).
		if _, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || time.Since(began) > execWithin {
			return false
		}
	}
}

// execWithin is far longer than a process takes to become another one. One that was given no
// environment at all has none for ever.
const execWithin = time.Second

// WithMark are the living processes with the mark, NAME=value, in their environment.
func WithMark(mark string) ([]int, error) {
	paths, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, path := range paths {
		if pid, err := strconv.Atoi(filepath.Base(path)); err == nil && HasMark(pid, mark) {
			found = append(found, pid)
		}
	}
	return found, nil
}
