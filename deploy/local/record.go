package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// errRunning is returned when another process owns the stack's state.
var errRunning = errors.New("another process runs this stack")

// ownership is the lock on a stack's state folder together with a record of
// the processes that belong to it, for `down` and for clearing up after a
// crash.
type ownership struct {
	lock   *os.File
	path   string
	record stackRecord
}

type stackRecord struct {
	Supervisor processRecord   `json:"supervisor"`
	Ready      bool            `json:"ready"`
	Children   []processRecord `json:"children"`
}

type processRecord struct {
	Name  string `json:"name"`
	PID   int    `json:"pid"`
	Birth string `json:"birth"`
}

func (p processRecord) alive() bool { return p.PID > 0 && p.Birth != "" && birth(p.PID) == p.Birth }

func recordPath(folder string) string { return filepath.Join(folder, "processes.json") }

// own takes the lock and ends what an earlier run left behind.
func own(out *console, folder string) (*ownership, error) {
	// Others may pass through (PostgreSQL's user does), but not look around.
	if err := os.MkdirAll(folder, 0o711); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errRunning
		}
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	earlier := readRecord(folder)
	o := &ownership{lock: lock, path: recordPath(folder)}
	endLeftovers(out, earlier.Children)
	o.record.Supervisor = processRecord{Name: "supervisor", PID: os.Getpid(), Birth: birth(os.Getpid())}
	return o, o.write()
}

// endLeftovers ends processes of a run that was killed. They were told to stop
// by the kernel already; a database may still be writing its last page.
func endLeftovers(out *console, children []processRecord) {
	for i := len(children) - 1; i >= 0; i-- {
		left := children[i]
		if !left.alive() {
			continue
		}
		out.step(left.Name, "process %d of an earlier run is still there: ending it", left.PID)
		_ = syscall.Kill(left.PID, syscall.SIGINT)
		deadline := time.Now().Add(20 * time.Second)
		for left.alive() {
			if time.Now().After(deadline) {
				_ = syscall.Kill(-left.PID, syscall.SIGKILL)
				_ = syscall.Kill(left.PID, syscall.SIGKILL)
			}
			time.Sleep(tick)
		}
	}
}

func readRecord(folder string) stackRecord {
	var record stackRecord
	text, err := os.ReadFile(recordPath(folder))
	if err == nil {
		_ = json.Unmarshal(text, &record) // a torn record of a crash is no record
	}
	return record
}

func (o *ownership) write() error {
	text, err := json.MarshalIndent(o.record, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(o.path, text, 0o600)
}

// release gives the state folder back.
func (o *ownership) release() {
	_ = os.Remove(o.path)
	_ = o.lock.Close()
}

// replaceFile writes a file so that a reader sees the old or the new content.
func replaceFile(path string, content []byte, mode os.FileMode) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, mode); err != nil {
		return err
	}
	if err := os.Chmod(temporary, mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
