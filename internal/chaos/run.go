package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

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
	// PortOffset is added to the ports of the local stack, beside CAREFLOW_PORT_OFFSET.
	PortOffset int
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
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	r.actors.stay = func(watch func(context.Context)) { r.watchers.Go(func() { watch(watching) }) }
	r.act(ctx)
	settled, open := r.settle(ctx)
	r.endWatching(stopWatching)
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
	// watchers are the patients who watch their visits until those are archived.
	watchers sync.WaitGroup
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
	ctx, cancel := context.WithTimeout(ctx, r.plan.Size.Faults+r.o.Settle)
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
	desk, closeDesk := context.WithCancel(ctx)
	var staff sync.WaitGroup
	staff.Go(func() { r.actors.desk(desk) })
	saving, endSaving := context.WithCancel(ctx)
	staff.Go(func() { r.saveTheClinic(saving) })
	r.harm(ctx, began)
	endSaving()
	r.o.Say("the faults are over after %s", time.Since(began).Round(time.Second))
	all.Wait()
	closeDesk()
	staff.Wait()
	stopKeeping()
	keeper.Wait()
}

// judge asks the reconciler what it would report, and then the oracle.
func (r *run) judge(ctx context.Context, settled time.Duration, open []string) (Report, error) {
	if err := r.reconcile(ctx); err != nil {
		open = append(open, err.Error())
	}
	world, err := oracle.Look(ctx, oracle.Sources{
		Database: r.stack.database(), API: r.stack.api(), Sandbox: r.stack.sandbox(), Temporal: r.stack.temporal(), Password: password, Backups: r.stack.backups(),
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
