// Command bench measures Careflow against baselines in the same run on the same machine,
// and prints the ratios. `make bench` brings up the stack it needs; see docs/benchmarks.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
	_ "time/tzdata" // the doctors' zone, whatever the machine has
)

// options are what a caller chooses.
type options struct {
	rounds  int
	only    *regexp.Regexp
	quick   bool
	open    int
	out     string
	compare string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == "child" {
		return beChild(ctx, args[1])
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	// Whatever happens, it ends.
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Hour, errors.New("two hours are over"))
	defer cancel()
	return measure(ctx, o)
}

func parse(args []string) (options, error) {
	var o options
	var only string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "how often each figure is measured, in turns with its baseline")
	flags.StringVar(&only, "only", "", "a pattern: measure figures whose name it matches")
	flags.BoolVar(&o.quick, "quick", false, "tiny counts, to see that everything works")
	flags.IntVar(&o.open, "open", 20_000, "open appointments of the last figure; 100000 takes most of an hour")
	flags.StringVar(&o.out, "out", ".local/benchmarks", "folder for the results")
	flags.StringVar(&o.compare, "compare", "", "the JSON file of an earlier run")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.open < 2000 {
		return o, errors.New("usage: bench [-rounds N] [-only PATTERN] [-quick] [-open N (2000 and more)] [-out FOLDER] [-compare FILE]")
	}
	var err error
	o.only, err = regexp.Compile(only)
	return o, err
}
