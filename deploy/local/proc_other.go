//go:build !linux

package main

import (
	"os"
	"strconv"
	"syscall"
)

// Other systems have neither a parent-death signal nor /proc: the stack works
// there as long as it is stopped in the orderly way.

func ownGroup(account *syscall.Credential, _ os.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: account}
}

func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func adoptOrphans() {}

func followGoRun(func()) {}

func commandName(int) string { return "" }

// birth can tell only whether the process lives.
func birth(pid int) string {
	if pid > 0 && syscall.Kill(pid, 0) == nil {
		return strconv.Itoa(pid)
	}
	return ""
}

func descendants(map[int]bool) []int { return nil }

func portHolder(int) string { return "" }
