package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Usage is what a process has used so far.
type Usage struct {
	CPU      time.Duration // user and system
	Resident int64         // bytes in memory at the moment
	At       time.Time
}

// clockTicks is USER_HZ, which Linux fixes at 100 for everything it shows to programs.
const clockTicks = 100

// UsageOf reads a process's usage (Linux).
func UsageOf(pid int) (Usage, error) {
	s, err := statOf(pid)
	return Usage{CPU: s.own, Resident: s.resident, At: time.Now()}, err
}

// FamilyCPU is what a process and all its children have used, those that are gone
// included: a database server's, whose sessions are processes.
func FamilyCPU(pid int) (time.Duration, error) {
	parent, err := statOf(pid)
	if err != nil {
		return 0, err
	}
	all := parent.own + parent.gone
	entries, err := os.ReadDir("/proc")
	for _, entry := range entries {
		child, notAProcess := strconv.Atoi(entry.Name())
		if notAProcess != nil {
			continue
		}
		if s, ended := statOf(child); ended == nil && s.parent == pid {
			all += s.own
		}
	}
	return all, err
}

// ParentOf is the process that started another.
func ParentOf(pid int) (int, error) {
	s, err := statOf(pid)
	return s.parent, err
}

// stat is what counts of /proc/<pid>/stat.
type stat struct {
	parent    int
	own, gone time.Duration // gone is of children that have ended
	resident  int64
}

func statOf(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The name may hold blanks: the fields begin after its closing bracket, with field 3.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 22 {
		return stat{}, fmt.Errorf("/proc/%d/stat is not as expected", pid)
	}
	number := func(field int) int64 {
		n, parseErr := strconv.ParseInt(fields[field-3], 10, 64)
		if parseErr != nil {
			err = parseErr
		}
		return n
	}
	ticks := func(user, system int) time.Duration {
		return time.Duration(number(user)+number(system)) * time.Second / clockTicks
	}
	s := stat{parent: int(number(4)), own: ticks(14, 15), gone: ticks(16, 17), resident: number(24) * int64(os.Getpagesize())}
	return s, err
}

// ownCPU is what this process has used so far.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Cores is how many cores were busy on average since an earlier moment.
func (u Usage) Cores(earlier Usage) float64 {
	passed := u.At.Sub(earlier.At)
	if passed <= 0 {
		return 0
	}
	return float64(u.CPU-earlier.CPU) / float64(passed)
}

// MiB is the memory in MiB.
func (u Usage) MiB() float64 { return float64(u.Resident) / (1 << 20) }
