package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

// Options of a run.
type Options struct {
	Seed uint64
	Size Size
	// Program is the local stack's program (deploy/local), Root the checkout it builds
	// from, State the folder for everything the run makes, Tools the folder with the
	// stack's built tools.
	Program, Root, State, Tools string
	PortOffset                  int
	// Bug plants one of Bugs; empty plants none.
	Bug string
	// Env adds variables to the stack.
	Env []string
	// Settle bounds the wait after the faults. Defaults to 10 minutes.
	Settle time.Duration
	// Say gets a line for what happens. Defaults to silence.
	Say func(format string, args ...any)
}

// Report is what came of a run. It is written to report.json.
type Report struct {
	Seed     uint64           `json:"seed"`
	Bug      string           `json:"bug,omitempty"`
	Lives    int              `json:"lives"`
	Faults   map[string]int   `json:"faults"`
	Ends     map[string]int   `json:"ends"`
	Answers  map[string]int   `json:"answers"`
	Settled  string           `json:"settled_after"`
	Open     []string         `json:"not_settled,omitempty"`
	Figures  map[string]int   `json:"figures"`
	Findings []oracle.Finding `json:"findings"`
	Revived  int              `json:"supervisor_restarts"`
}

// Run carries a plan out on a stack of its own and lets the oracle judge. Its error says
// that the run itself failed; what it found is in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	if o.Settle == 0 {
		o.Settle = 10 * time.Minute
	}
	plan := NewPlan(o.Seed, o.Size)
	o.Say("seed %d: %d visits, faults for %s", plan.Seed, len(plan.Lives), o.Size.Faults)
	env, err := overlay(o)
	if err != nil {
		return Report{}, err
	}
	o.Env = append(o.Env, env...)
	s, err := newStack(ctx, o)
	if err != nil {
		return Report{}, err
	}
	defer s.close()
	if err := s.start(ctx); err != nil {
		return Report{}, err
	}
	if err := spoil(ctx, s.database(), o.Bug); err != nil {
		return Report{}, err
	}
	r := &run{o: o, plan: plan, stack: s, vendors: vendors{s.sandbox()}, journal: &oracle.Journal{}, faults: newTally(), ends: newTally(), answers: newTally()}
	if err := r.gather(ctx); err != nil {
		return Report{}, err
	}
	r.act(ctx)
	settled, open := r.settle(ctx)
	return r.judge(ctx, settled, open)
}

// run is a plan that is being carried out.
type run struct {
	o       Options
	plan    Plan
	stack   *stack
	vendors vendors
	journal *oracle.Journal
	actors  *actors
	faults  *tally
	ends    *tally
	answers *tally
	ops     *user
}

// gather founds the clinic and logs everybody in, before anything goes wrong.
func (r *run) gather(ctx context.Context) error {
	c, err := found(ctx, r.stack.database(), r.plan)
	if err != nil {
		return fmt.Errorf("founding the clinic: %w", err)
	}
	r.actors = &actors{clinic: c, vendors: r.vendors, journal: r.journal, ends: r.ends}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	n := 0
	person := func(email string) *user {
		n++
		return &user{base: r.stack.api(), email: email, address: fmt.Sprintf("10.0.%d.%d", n/250, 1+n%250), http: client, journal: r.journal, answers: r.answers}
	}
	for i := range c.patients {
		r.actors.patients = append(r.actors.patients, person(patientMail(i)))
	}
	for i := range c.doctors {
		r.actors.doctors = append(r.actors.doctors, person(doctorMail(i)))
	}
	r.actors.staff, r.ops = person("staff@careflow.example"), person("ops@careflow.example")
	for _, u := range []*user{r.actors.staff, r.ops} {
		if err := u.logIn(ctx); err != nil {
			return err
		}
	}
	return nil // the others log in when they are first refused
}

// act begins the visits while the faults come, then ends the faults and lets the people
// finish what they do.
func (r *run) act(ctx context.Context) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, r.plan.Size.Faults+r.o.Settle/2)
	defer cancel()
	keeping, stopKeeping := context.WithCancel(ctx)
	var all, keeper sync.WaitGroup
	keeper.Go(func() { r.stack.keep(keeping, r.o.Say) })
	for _, l := range r.plan.Lives {
		all.Go(func() {
			pause(ctx, time.Until(began.Add(l.Begins)))
			r.actors.live(ctx, l)
		})
	}
	r.harm(ctx, began)
	r.o.Say("the faults are over after %s", time.Since(began).Round(time.Second))
	all.Wait()
	stopKeeping()
	keeper.Wait()
}

// harm injects the faults of the plan and mends everything at the end.
func (r *run) harm(ctx context.Context, began time.Time) {
	var stopped sync.WaitGroup
	for _, f := range r.plan.Faults {
		pause(ctx, time.Until(began.Add(f.At)))
		if ctx.Err() != nil {
			break
		}
		switch f.Kind {
		case Kill:
			if pid, ok := r.stack.signal(f.Part, syscall.SIGKILL); ok {
				r.o.Say("%6s kill -9 %s (%d)", time.Since(began).Round(100*time.Millisecond), f.Part, pid)
				r.faults.count("kill " + f.Part)
			}
		case Stop:
			if pid, ok := r.stack.signal(f.Part, syscall.SIGSTOP); ok {
				r.o.Say("%6s stop %s (%d) for %s", time.Since(began).Round(100*time.Millisecond), f.Part, pid, f.Lasts.Round(100*time.Millisecond))
				r.faults.count("stop " + f.Part)
				stopped.Go(func() {
					pause(ctx, f.Lasts)
					_ = syscall.Kill(-pid, syscall.SIGCONT)
				})
			}
		case Lie:
			if err := r.vendors.lie(ctx, f, "", ""); err == nil {
				r.faults.count(f.Vendor + " " + f.Mode)
			}
		case Resend:
			if err := r.vendors.resend(ctx); err == nil {
				r.faults.count("webhooks resent")
			}
		}
	}
	pause(ctx, time.Until(began.Add(r.plan.Size.Faults)))
	stopped.Wait()
	r.stack.resume()
	_ = r.vendors.honest(context.WithoutCancel(ctx))
	_ = r.vendors.resend(context.WithoutCancel(ctx))
}

// settle waits until nothing is under way any more, and says what is when the wait is
// over.
func (r *run) settle(ctx context.Context) (took time.Duration, open []string) {
	began, spoke := time.Now(), time.Now()
	for {
		var err error
		if open, err = r.underWay(ctx); err != nil {
			open = []string{err.Error()}
		}
		if len(open) == 0 || time.Since(began) > r.o.Settle || ctx.Err() != nil {
			return time.Since(began), open
		}
		if time.Since(spoke) > 20*time.Second {
			spoke = time.Now()
			r.o.Say("settling: %v", open)
		}
		pause(ctx, time.Second)
	}
}

// underWay counts what has still to happen.
func (r *run) underWay(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var open []string
	if !r.stack.ready(ctx) {
		open = append(open, "API and worker are not ready")
	}
	conn, err := pgx.Connect(ctx, r.stack.database())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for what, query := range map[string]string{
		"visits that are not archived":   `SELECT count(*) FROM appointments WHERE status <> 'archived'`,
		"outbox rows that wait":          `SELECT count(*) FROM outbox WHERE done_at IS NULL AND topic <> 'unmatched'`,
		"letters that are not delivered": `SELECT count(*) FROM messages WHERE status IN ('pending', 'sending')`,
	} {
		var n int
		if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			open = append(open, fmt.Sprintf("%d %s", n, what))
		}
	}
	running, err := oracle.Running(ctx, r.stack.temporal())
	if err != nil {
		return nil, err
	}
	if running > 0 {
		open = append(open, fmt.Sprintf("%d processes run", running))
	}
	return open, nil
}

// judge asks the reconciler what it would report, and then the oracle.
func (r *run) judge(ctx context.Context, settled time.Duration, open []string) (Report, error) {
	if err := r.reconcile(ctx); err != nil {
		open = append(open, err.Error())
	}
	world, err := oracle.Look(ctx, oracle.Sources{
		Database: r.stack.database(), API: r.stack.api(), Sandbox: r.stack.sandbox(), Temporal: r.stack.temporal(), Password: password,
	}, r.journal)
	if err != nil {
		return Report{}, fmt.Errorf("looking at the world: %w", err)
	}
	findings, figures := oracle.Judge(world, r.journal)
	for _, what := range open {
		findings = append(findings, oracle.Finding{Rule: "not_settled", Subject: "run", Detail: what})
	}
	report := Report{
		Seed: r.plan.Seed, Bug: r.o.Bug, Lives: len(r.plan.Lives), Faults: r.faults.counts(), Ends: r.ends.counts(), Answers: r.answers.counts(),
		Settled: settled.Round(time.Second).String(), Open: open, Figures: figures, Findings: findings, Revived: r.stack.revived,
	}
	return report, r.write(report, world)
}

// write leaves everything that explains a finding beside the logs.
func (r *run) write(report Report, world *oracle.World) error {
	for name, what := range map[string]any{"report.json": report, "journal.json": r.journal, "world.json": world, "plan.json": r.plan} {
		raw, err := json.MarshalIndent(what, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.o.State, name), raw, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// reconcile lets the reconciler run once, so that what stands still is reported.
func (r *run) reconcile(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		a, err := r.ops.once(ctx, http.MethodPost, "/v1/ops/reconciliations", nil, newKey())
		if err == nil && a.status < 300 {
			break // it is under way: 202
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the reconciler cannot be asked: %d %s", a.status, a.body)
		}
		if a.status == http.StatusUnauthorized {
			if err := r.ops.logIn(ctx); err != nil {
				return err
			}
		}
		pause(ctx, time.Second)
	}
	for ctx.Err() == nil {
		list, err := r.ops.insist(ctx, http.MethodGet, "/v1/ops/reconciliations", nil, "")
		if err != nil {
			return err
		}
		var page struct {
			Items []struct {
				FinishedAt *time.Time `json:"finished_at"`
			} `json:"items"`
		}
		if err := json.Unmarshal(list.body, &page); err != nil {
			return err
		}
		if len(page.Items) > 0 && page.Items[0].FinishedAt != nil {
			return nil
		}
		pause(ctx, time.Second)
	}
	return fmt.Errorf("the reconciler did not finish within a minute")
}
