package deployment_test

import (
	"context"
	"crypto/ed25519"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	alarmacts "github.com/careflow/careflow/activities/alarm"
	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/alarm"
	"github.com/careflow/careflow/workflows/deployment"
)

const (
	asker    = "01950000-0000-7000-8000-0000000000a1"
	somebody = "01950000-0000-7000-8000-0000000000a2"
)

var (
	public, private, _ = ed25519.GenerateKey(nil)
	oldDigest          = "sha256:" + strings.Repeat("1", 64)
	newDigest          = "sha256:" + strings.Repeat("2", 64)
)

// stage stands in for the place, the prober and the catalogue; faults are by activity.
type stage struct {
	mu       sync.Mutex
	plan     domain.DeploymentService
	state    domain.ColoursState
	faults   map[string]func(try int) error
	tries    map[string]int
	requests float64 // that each colour answers between two looks
	errors   float64 // of those of the release
	did      []string
	steps    []domain.DeploymentStep
	alarms   []string
	env      *testsuite.TestWorkflowEnvironment
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{
		plan: domain.DeploymentService{
			Environment: "production", Service: "api", Strategy: domain.BlueGreen, Instances: 1, Steps: []int{100}, AvailableWithin: time.Minute,
			Warm: time.Hour, BackupWithin: 24 * time.Hour,
			Watch: domain.WatchPolicy{For: 30 * time.Second, Every: 10 * time.Second, Fewest: 10, MostErrors: 0.01},
		},
		state: domain.ColoursState{Live: domain.Blue, Revision: "r0", Colours: map[domain.Colour]domain.ColourState{
			domain.Blue: {Digest: oldDigest, Version: "1", Artifact: "/old", Ready: 1, Wanted: 1, Preview: "http://blue", Instances: []string{"http://blue"}},
		}},
		faults: map[string]func(int) error{}, tries: map[string]int{}, requests: 100,
	}
	s.env = new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	s.env.SetTestTimeout(time.Minute)
	s.env.SetWorkflowRunTimeout(deployment.MostTime)
	s.env.RegisterWorkflowWithOptions(deployment.New(domain.ApprovalKeys{"k": public}).Workflow, workflow.RegisterOptions{Name: deployment.WorkflowName})
	s.env.RegisterWorkflowWithOptions(alarm.Workflow, workflow.RegisterOptions{Name: alarm.WorkflowName})
	s.register()
	return s
}

func (s *stage) register() {
	r := func(name string, f any) { s.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	r(acts.Begin, func(context.Context, domain.NewDeployment) error { return nil })
	r(acts.Note, func(_ context.Context, step domain.DeploymentStep) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.steps = append(s.steps, step)
		return nil
	})
	r(alarmacts.Send, func(_ context.Context, a domain.Alarm) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.alarms = append(s.alarms, a.Kind)
		return nil
	})
	r(acts.Plan, func(context.Context, acts.PlanInput) (domain.DeploymentService, error) {
		return s.plan, s.act(acts.Plan, nil)
	})
	r(acts.Gate, func(context.Context, acts.GateInput) (time.Time, error) { return time.Time{}, s.act(acts.Gate, nil) })
	r(acts.Preflight, func(context.Context, acts.ColourInput) error { return s.act(acts.Preflight, nil) })
	r(acts.Migrate, func(context.Context, acts.ColourInput) (domain.StepOutcome, error) {
		return domain.StepOutcome{}, s.act(acts.Migrate, nil)
	})
	r(acts.Inspect, func(context.Context, domain.DeploymentService) (domain.ColoursState, error) {
		return s.now(), s.act(acts.Inspect, nil)
	})
	r(acts.BringUp, func(_ context.Context, in acts.ColourInput) error {
		return s.act(acts.BringUp, func() {
			s.state.Colours[in.Colour] = domain.ColourState{Digest: in.Release.Digest, Ready: 1, Wanted: 1, Preview: "http://p", Instances: []string{"http://p"}}
		})
	})
	r(acts.Await, func(context.Context, acts.ColourInput) error { return s.act(acts.Await, nil) })
	r(acts.Smoke, func(context.Context, acts.SmokeInput) (domain.StepOutcome, error) {
		return domain.StepOutcome{Output: "ok"}, s.act(acts.Smoke, nil)
	})
	r(acts.Switch, func(_ context.Context, in acts.SwitchInput) (string, error) {
		err := s.act(acts.Switch, func() {
			if in.Revision != s.state.Revision {
				panic("a stale switch reached the place")
			}
			s.move(in.To, in.Share)
		})
		return s.now().Revision, err
	})
	r(acts.Confirm, func(context.Context, acts.ConfirmInput) (domain.StepOutcome, error) {
		return domain.StepOutcome{}, s.act(acts.Confirm, nil)
	})
	r(acts.Sample, func(context.Context, domain.DeploymentService) (acts.Look, error) {
		err := s.act(acts.Sample, nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		n := float64(s.tries[acts.Sample])
		return acts.Look{State: s.state, Traffic: map[domain.Colour]domain.TrafficSample{
			domain.Blue: {Requests: n * s.requests}, domain.Green: {Requests: n * s.requests, Errors: n * s.errors},
		}}, err
	})
	r(acts.GoBack, func(_ context.Context, in acts.ColourInput) (string, error) {
		err := s.act(acts.GoBack, func() { s.move(in.Colour, 100) })
		return s.now().Revision, err
	})
	r(acts.Retire, func(_ context.Context, in acts.RetireInput) error {
		return s.act(acts.Retire+" "+string(in.Colour), nil)
	})
}

// move changes the switch; s.mu is held, or nothing runs beside.
func (s *stage) move(to domain.Colour, share int) {
	s.state.Live, s.state.Share = to, 100-share
	if share < 50 {
		s.state.Live, s.state.Share = to.Other(), share
	}
	s.state.Revision += "x"
}

func (s *stage) act(name string, change func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[name]++
	if f := s.faults[strings.Fields(name)[0]]; f != nil {
		if err := f(s.tries[name]); err != nil {
			return err
		}
	}
	if name != acts.Sample {
		s.did = append(s.did, strings.TrimPrefix(name, "deployment."))
	}
	if change != nil {
		change()
	}
	return nil
}

func (s *stage) now() domain.ColoursState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// run deploys a release and returns what came of it.
func (s *stage) run(t *testing.T, change ...func(*deployment.Input)) deployment.Result {
	t.Helper()
	in := deployment.Input{
		Environment: "production", Service: "api", By: asker, Reason: "Weekly",
		Release: domain.Release{Version: "2", Digest: newDigest, Artifact: "/new"},
	}
	for _, c := range change {
		c(&in)
	}
	s.env.ExecuteWorkflow(deployment.WorkflowName, in)
	require.True(t, s.env.IsWorkflowCompleted())
	if s.env.GetWorkflowError() != nil {
		return deployment.Result{State: domain.DeploymentFailed}
	}
	var r deployment.Result
	require.NoError(t, s.env.GetWorkflowResult(&r))
	return r
}

// answer is what came of a word.
type answer struct{ refused, failed error }

func (a *answer) Accept()                   {}
func (a *answer) Reject(err error)          { a.refused = err }
func (a *answer) Complete(_ any, err error) { a.failed = err }

// say says a word after a while, as the API would. The first run ID is empty in the test
// environment.
func (s *stage) say(after time.Duration, word, by string) *answer {
	got := &answer{}
	s.env.RegisterDelayedCallback(func() {
		a, err := domain.Approval{
			Subject: domain.ApprovalSubject("default-test-workflow-id", "", word), By: by, Reason: "Because", At: s.env.Now(),
		}.Sign("k", private)
		if err != nil {
			panic(err)
		}
		s.env.UpdateWorkflow(word, domain.NewID(), got, a)
	}, after)
	return got
}

func fault(code domain.Code) func(int) error {
	return func(int) error {
		return temporal.NewNonRetryableApplicationError("because", string(code), nil, "printed")
	}
}

func (s *stage) final() domain.DeploymentStep { return s.steps[len(s.steps)-1] }
