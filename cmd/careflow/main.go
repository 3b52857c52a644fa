// Command careflow is the product's one binary. Each process of an installation is one
// of its sub-commands; `careflow help` lists them. Settings come from the environment,
// see package internal/config.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	// Zones must not depend on what the host or the container image has installed.
	_ "time/tzdata"

	"go.uber.org/dig"

	"github.com/careflow/careflow/internal/config"
)

// Exit codes: 2 says that asking again in the same way fails again.
const (
	exitFailed      = 1
	exitMistaken    = 2
	exitInterrupted = 130 // as shells report an end by Ctrl-C
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a stop; from then on the second one ends the process.
	context.AfterFunc(ctx, stop)
	code := run(ctx, invocation{args: os.Args[1:], environ: os.Environ(), out: os.Stdout, errors: os.Stderr})
	stop()
	os.Exit(code)
}

// invocation is what a command gets from the outside.
type invocation struct {
	args    []string
	environ []string
	in      io.Reader // what a command asks for; nil is standard input
	out     io.Writer // what was asked for
	errors  io.Writer // logs, and why it failed
}

// run carries out a command and returns the exit code. A failure is one message; its
// first words say what failed.
func run(ctx context.Context, in invocation) int {
	root := newRoot(in)
	root.SetArgs(in.args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit exitCode
	if errors.As(err, &exit) {
		return int(exit)
	}
	// fx tells through which constructors a fault came; people want the fault.
	err = dig.RootCause(err)
	fmt.Fprintf(in.errors, "careflow: %v\n", err)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return exitInterrupted
	}
	var problems config.Problems
	var wrongUse usageError
	if errors.As(err, &problems) || errors.As(err, &wrongUse) {
		return exitMistaken
	}
	return exitFailed
}

// exitCode ends the process with a code after everything was said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a wrong flag or argument.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }
