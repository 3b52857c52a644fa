package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// console prints progress as plain lines, so that it reads the same in a
// terminal, in a log file and in CI.
type console struct {
	mu  sync.Mutex
	out io.Writer
}

func newConsole(out io.Writer) *console { return &console{out: out} }

// say prints one line.
func (c *console) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format+"\n", args...)
}

// step prints one line about a part of the stack.
func (c *console) step(part, format string, args ...any) {
	c.say("  %-11s %s", part, fmt.Sprintf(format, args...))
}

func (c *console) fail(err error) {
	c.say("\nCareflow's local stack: %v", err)
}

// rounded prints a duration as people say it.
func rounded(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
