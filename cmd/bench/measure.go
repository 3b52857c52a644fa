package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/bench"
)

// figure is one line of the specification: it measures product and baseline in turns.
type figure struct {
	name string
	// limit is how long it may take, whatever the machine.
	limit time.Duration
	run   func(ctx context.Context, s *session) ([]bench.Row, error)
}

// figures in the order of the report.
func figures() []figure {
	return []figure{
		{"bookings", 20 * time.Minute, measureBookings},
		{"rush", 40 * time.Minute, measureRush},
		{"lifecycles", 20 * time.Minute, measureLives},
		{"latency", 15 * time.Minute, measureLatency},
		{"slots", 10 * time.Minute, measureSlots},
		{"reading", 10 * time.Minute, measureReading},
		{"cost", 10 * time.Minute, measureCost},
		{"backups", 20 * time.Minute, measureBackups},
		{"use", 10 * time.Minute, measureUse},
		{"open", 70 * time.Minute, measureOpen},
	}
}

// session is one run of the benchmark.
type session struct {
	options
	stack stack
	size  sizes
}

// sizes are the counts of a run.
type sizes struct {
	patients   int
	bookings   int           // of one measurement
	limit      time.Duration // of one measurement
	rush       int
	lives      int
	commands   int
	rushRounds int
	rest       time.Duration
	small      int // open appointments of the small clinic
	large      int // and of the large one
	probes     int
	others     int // visits that are there when a doctor's are read
}

func sizesOf(o options) sizes {
	if o.quick {
		return sizes{
			patients: 200, bookings: 200, limit: time.Second, rush: 60, lives: 8, commands: 16, rushRounds: 1,
			rest: time.Second, small: 20, large: 60, probes: 4, others: 300,
		}
	}
	return sizes{
		patients: 3000, bookings: 6000, limit: 4 * time.Second, rush: 3000, lives: 200, commands: 320, rushRounds: min(o.rounds, 3),
		rest: 15 * time.Second, small: 1000, large: o.open, probes: 40, others: 10_000,
	}
}

func measure(ctx context.Context, o options) error {
	s := &session{options: o, size: sizesOf(o)}
	var err error
	if s.stack, err = stackOf(); err != nil {
		return err
	}
	var earlier *bench.Report
	if o.compare != "" {
		r, err := bench.Read(o.compare)
		if err != nil {
			return err
		}
		earlier = &r
	}
	began := time.Now()
	report := bench.Report{At: began.UTC(), Commit: commit(ctx), Machine: machine(), Rounds: o.rounds, Quick: o.quick}
	if report.Stack, err = s.versions(ctx); err != nil {
		return err
	}
	for _, f := range figures() {
		if !o.only.MatchString(f.name) || ctx.Err() != nil {
			continue
		}
		s.say("%s", f.name)
		rows, err := s.figure(ctx, f)
		if err != nil {
			s.say("  failed: %v", err)
			report.Failed = append(report.Failed, f.name+": "+err.Error())
		}
		report.Rows = append(report.Rows, rows...)
	}
	report.Took = time.Since(began)
	return errors.Join(s.publish(report, earlier), context.Cause(ctx))
}

func (s *session) figure(ctx context.Context, f figure) ([]bench.Row, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.limit, fmt.Errorf("it took more than %s", f.limit))
	defer cancel()
	return f.run(ctx, s)
}

// publish prints the table and writes it beside the figures themselves.
func (s *session) publish(report bench.Report, earlier *bench.Report) error {
	table := report.Markdown(earlier)
	fmt.Println("\n" + table)
	if err := os.MkdirAll(s.out, 0o755); err != nil { //nolint:gosec // figures are no secret
		return err
	}
	path := filepath.Join(s.out, report.At.Format("20060102-150405"))
	if err := report.Write(path + ".json"); err != nil {
		return err
	}
	s.say("written to %s.md and .json; logs of the product's programs are in %s", path, s.stack.logs)
	if err := os.WriteFile(path+".md", []byte(table), 0o600); err != nil {
		return err
	}
	if len(report.Failed) > 0 {
		return fmt.Errorf("not measured: %s", strings.Join(report.Failed, "; "))
	}
	return nil
}

func (s *session) say(format string, args ...any) {
	fmt.Printf(time.Now().UTC().Format("15:04:05 ")+format+"\n", args...)
}

// turns measures product and baseline in turns, the one first in even rounds and the
// other in odd ones: the machine's speed drifts.
func (s *session) turns(ctx context.Context, rounds int, product, baseline func(ctx context.Context, round int) error) error {
	for round := range rounds {
		first, second := product, baseline
		if round%2 == 1 {
			first, second = baseline, product
		}
		for _, turn := range []func(context.Context, int) error{first, second} {
			if err := turn(ctx, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// withClinic brings up a populated clinic for one figure.
func (s *session) withClinic(ctx context.Context, worker bool, use func(c *clinic) ([]bench.Row, error)) ([]bench.Row, error) {
	c, err := newClinic(ctx, s.stack)
	if err != nil {
		return nil, err
	}
	defer c.close(ctx)
	if err := c.populate(ctx, s.size.patients); err != nil {
		return nil, err
	}
	if worker {
		if _, err := c.worker.start(ctx); err != nil {
			return nil, err
		}
	}
	return use(c)
}

func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=10").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func machine() string {
	model, memory := "unknown processor", ""
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err == nil {
			memory = fmt.Sprintf(", %d GiB", (kib+1<<19)>>20)
		}
	}
	return fmt.Sprintf("%d cores (%s)%s, everything on them, %s", runtime.NumCPU(), model, memory, runtime.Version())
}

// versions says what the baselines run on, and whether a commit waits for the disk.
func (s *session) versions(ctx context.Context) (string, error) {
	conn, err := pgx.Connect(ctx, s.stack.admin)
	if err != nil {
		return "", errors.New("the database of the stack cannot be reached")
	}
	defer func() { _ = conn.Close(ctx) }()
	var version, fsync, commits string
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&version, &fsync, &commits)
	name, _, _ := strings.Cut(version, " ")
	return fmt.Sprintf("PostgreSQL %s (fsync %s, synchronous_commit %s), Temporal %s", name, fsync, commits, cmp.Or(s.stack.serverVersion(ctx), "unknown")), err
}
