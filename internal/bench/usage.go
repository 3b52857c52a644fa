package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
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
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, err
	}
	// The name may hold blanks: the fields begin after its closing bracket, with field 3.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 22 {
		return Usage{}, fmt.Errorf("/proc/%d/stat is not as expected", pid)
	}
	number := func(field int) int64 {
		n, parseErr := strconv.ParseInt(fields[field-3], 10, 64)
		if parseErr != nil {
			err = parseErr
		}
		return n
	}
	u := Usage{
		CPU:      time.Duration(number(14)+number(15)) * time.Second / clockTicks,
		Resident: number(24) * int64(os.Getpagesize()), At: time.Now(),
	}
	return u, err
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
