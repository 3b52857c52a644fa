// Command chaos runs visits on a stack of its own while its parts are killed and stopped,
// and judges what is left, see internal/chaos and docs/chaos.md. It is never part of
// production.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/careflow/careflow/internal/chaos"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1) //nolint:gocritic // nothing else is deferred
	}
}

// errFound says that the oracle found something.
var errFound = errors.New("the oracle found something")

func run(ctx context.Context) error {
	var (
		seed   = flag.Uint64("seed", 0, "run this seed only")
		seeds  = flag.Int("seeds", 1, "how many seeds to run: those that once found something first, then new ones")
		lives  = flag.Int("lives", 200, "visits a seed")
		faults = flag.Duration("faults", 3*time.Minute, "how long things go wrong")
		settle = flag.Duration("settle", 10*time.Minute, "how long everything may take to settle after the faults")
		bug    = flag.String("bug", "", "plant a mistake, to see it found: "+names())
		state  = flag.String("state", envOr("CAREFLOW_STATE", ".local"), "folder for everything the runs make")
		offset = flag.Int("port-offset", 3000, "added to the ports of the local stack")
	)
	flag.Parse()
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	folder, err := filepath.Abs(*state)
	if err != nil {
		return err
	}
	o := chaos.Options{
		Size: chaos.Size{Lives: *lives, Faults: *faults}, Root: root, State: filepath.Join(folder, "chaos"), Tools: filepath.Join(folder, "bin"),
		Program: filepath.Join(folder, "bin", "careflow-local"), PortOffset: *offset, Bug: *bug, Settle: *settle,
		Say: func(format string, args ...any) {
			fmt.Printf(time.Now().Format("15:04:05 ")+format+"\n", args...)
		},
	}
	if _, err := os.Stat(o.Program); err != nil {
		return fmt.Errorf("%w: run it as `make chaos`, or build ./deploy/local there first", err)
	}
	chosen := []uint64{*seed}
	if *seed == 0 {
		if chosen, err = choose(root, *seeds); err != nil {
			return err
		}
	}
	var bad []uint64
	for _, n := range chosen {
		o.Seed = n
		report, err := chaos.Run(ctx, o)
		if err != nil {
			return fmt.Errorf("seed %d: %w", n, err)
		}
		report.Print(os.Stdout)
		if len(report.Findings) == 0 {
			continue
		}
		bad = append(bad, n)
		if err := keep(o.State, filepath.Join(folder, fmt.Sprintf("chaos-found-%d", n))); err != nil {
			return err
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%w: seeds %v; reports and logs are in %s", errFound, bad, filepath.Join(folder, "chaos-found-*"))
	}
	return nil
}

// choose takes the kept seeds first.
func choose(root string, n int) ([]uint64, error) {
	seeds, err := chaos.KeptSeeds(root)
	if err != nil {
		return nil, err
	}
	for len(seeds) < n {
		seeds = append(seeds, rand.Uint64N(1_000_000)) //nolint:gosec // a seed is no secret
	}
	return seeds[:n], nil
}

// keep copies what explains a finding out of the way of the next seed.
func keep(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(from, "*.json"))
	if err != nil {
		return err
	}
	files = append(files, filepath.Join(from, "stack.log"), filepath.Join(from, "up", "logs"))
	return exec.Command("cp", append([]string{"-r", "--"}, append(files, to)...)...).Run() //nolint:gosec,noctx // our own files
}

func names() string {
	var all []string
	for name := range chaos.Bugs {
		all = append(all, name)
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
