package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage:
  local up [-detach] [-infrastructure]
  local down
  local test [-keep] -- COMMAND [ARG...]
  local bench [-keep] -- COMMAND [ARG...]
  local kubernetes [-keep] -- COMMAND [ARG...]
  local reset
  local tools NAME...
  local nginx
`

// exitStatusError ends the program with a status of its own, such as that of the
// command a test stack was built around.
type exitStatusError int

func (e exitStatusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// errStopped is the cause of a context that ended because somebody asked for it.
var errStopped = errors.New("stopped on request")

func main() {
	out := newConsole(os.Stdout)
	err := run(out, os.Args[1:])
	var code exitStatusError
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		out.fail(err)
		os.Exit(1)
	}
}

func run(out *console, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return exitStatusError(2)
	}
	ctx, stop := stopContext(out)
	defer stop()

	name, rest := args[0], args[1:]
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage); flags.PrintDefaults() }
	detach := flags.Bool("detach", false, "up: go to the background once everything is ready")
	bare := flags.Bool("infrastructure", false, "up, test, bench: PostgreSQL, Temporal and its UI, without the product")
	keep := flags.Bool("keep", false, "test, bench, kubernetes: keep the stack's data for a look afterwards")
	if err := flags.Parse(rest); err != nil {
		return exitStatusError(2)
	}

	switch name {
	case "up":
		return up(ctx, out, upOptions{detach: *detach, infrastructure: *bare})
	case "down":
		return down(ctx, out)
	case "test":
		return test(ctx, out, testOptions{kind: kindTest, command: flags.Args(), infrastructure: *bare, keep: *keep})
	case "bench":
		return test(ctx, out, testOptions{kind: kindBench, command: flags.Args(), infrastructure: *bare, keep: *keep})
	case "kubernetes":
		return testOnKubernetes(ctx, out, testOptions{command: flags.Args(), keep: *keep})
	case "reset":
		return reset(ctx, out)
	case "nginx":
		_, err := needProxies(ctx, out)
		return err
	case "tools":
		return buildTools(ctx, out, toolFolder(), flags.Args())
	default:
		fmt.Fprint(os.Stderr, usage)
		return exitStatusError(2)
	}
}

// stopContext ends on the first SIGINT, SIGTERM or SIGHUP. A second signal is
// the person's way to say that the orderly way takes too long: everything that
// is still alive is killed.
func stopContext(out *console) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		cancel(errStopped)
		<-signals
		out.say("Again: killing what is left.")
		killAllChildren()
		os.Exit(130)
	}()
	followGoRun(func() { cancel(errStopped) })
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}
