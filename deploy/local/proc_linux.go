package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ownGroup gives a child a process group and makes the kernel send it its stop
// signal when this program dies without a chance to do so (kill -9).
func ownGroup(account *syscall.Credential, stop os.Signal) *syscall.SysProcAttr {
	death, ok := stop.(syscall.Signal)
	if !ok {
		death = syscall.SIGTERM
	}
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death, Credential: account}
}

// tied lets a child share our process group and terminal, but not outlive us.
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }

// adoptOrphans makes processes whose parent died our children instead of
// init's, so that a stray grandchild of a test can be found and ended.
func adoptOrphans() {
	const prSetChildSubreaper = 36
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
}

// followGoRun stops us when "go run", our parent, is terminated: it dies of
// SIGTERM without passing it on.
func followGoRun(stop func()) {
	parent := os.Getppid()
	if commandName(parent) != "go" {
		return
	}
	go func() {
		for os.Getppid() == parent {
			time.Sleep(500 * time.Millisecond)
		}
		stop()
	}()
}

func commandName(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(name))
}

// procStat reads the fields of /proc/PID/stat from the third (state) on.
func procStat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	// The second field is a name in parentheses that may itself hold spaces.
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return nil
	}
	return strings.Fields(string(text[end+1:]))
}

// birth identifies a process beyond its number, which is used again: the time
// of its start and the boot it belongs to. Empty when it is gone (or a zombie).
func birth(pid int) string {
	fields := procStat(pid)
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return fields[19] + "@" + strings.TrimSpace(string(boot))
}

// descendants lists all living processes below us, except those of the given
// process groups, children before grandchildren.
func descendants(except map[int]bool) []int {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	childrenOf := map[int][]int{}
	groupOf := map[int]int{}
	for _, folder := range folders {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		fields := procStat(pid)
		if len(fields) < 3 || fields[0] == "Z" {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		groupOf[pid], _ = strconv.Atoi(fields[2])
		childrenOf[parent] = append(childrenOf[parent], pid)
	}
	var found []int
	for level := []int{os.Getpid()}; len(level) > 0; {
		var next []int
		for _, parent := range level {
			for _, pid := range childrenOf[parent] {
				if !except[groupOf[pid]] {
					next = append(next, pid)
				}
			}
		}
		found = append(found, next...)
		level = next
	}
	return found
}

// portHolder names the process that listens on a TCP port, if we may know it.
func portHolder(port int) string {
	inodes := listeningInodes(port)
	if len(inodes) == 0 {
		return ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/[0-9]*")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !inodes[target] {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
		return fmt.Sprintf("%s (process %d)", commandName(pid), pid)
	}
	return ""
}

func listeningInodes(port int) map[string]bool {
	const listening = "0A"
	suffix := fmt.Sprintf(":%04X", port)
	found := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(table)
		for _, line := range strings.Split(string(text), "\n") {
			fields := strings.Fields(line)
			if len(fields) > 9 && strings.HasSuffix(fields[1], suffix) && fields[3] == listening {
				found["socket:["+fields[9]+"]"] = true
			}
		}
	}
	return found
}
