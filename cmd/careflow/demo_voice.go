package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// demoVoice prints what is told, each sentence with the time since the beginning.
type demoVoice struct {
	out      io.Writer
	began    time.Time
	terminal bool // a countdown is written over itself there, and not at all elsewhere
	counting bool
}

func newDemoVoice(out io.Writer) *demoVoice {
	v := &demoVoice{out: out, began: time.Now()}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		v.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return v
}

// say tells something with its time; the first line of a chapter follows a blank one.
func (v *demoVoice) say(format string, args ...any) {
	passed := time.Since(v.began).Truncate(time.Second)
	v.line(fmt.Sprintf("%2d:%02d  ", int(passed/time.Minute), int(passed%time.Minute/time.Second)) + fmt.Sprintf(format, args...))
}

// more adds a line to what was said.
func (v *demoVoice) more(format string, args ...any) {
	v.line("       " + fmt.Sprintf(format, args...))
}

func (v *demoVoice) chapter(title string) { v.line("\n" + title) }

func (v *demoVoice) line(text string) {
	v.clear()
	fmt.Fprintln(v.out, text)
}

// count shows what is waited for, on a terminal.
func (v *demoVoice) count(text string) {
	if !v.terminal {
		return
	}
	fmt.Fprintf(v.out, "\r\x1b[K       %s", text)
	v.counting = true
}

// clear takes a countdown away.
func (v *demoVoice) clear() {
	if v.counting {
		fmt.Fprint(v.out, "\r\x1b[K")
		v.counting = false
	}
}

// words writes a code as people say it: checked_in is "checked in".
func words(code string) string { return strings.ReplaceAll(code, "_", " ") }
