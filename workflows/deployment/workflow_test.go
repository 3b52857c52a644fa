package deployment_test

import (
	"context"
	"crypto/ed25519"
	"slices"
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

func TestAGoodReleaseTakesOverAndTheOldOneIsRetiredAfterItsWarmTime(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	began := s.env.Now()
	r := s.run(t)
	require.Equal(t, domain.DeploymentSucceeded, r.State)
	require.Equal(t, newDigest, r.Digest)
	require.Equal(t, []string{"plan", "inspect", "preflight", "bring_up", "await", "smoke", "switch", "confirm", "retire blue"}, s.did)
	require.GreaterOrEqual(t, s.env.Now().Sub(began), time.Hour)
	require.Equal(t, []string{"deployment_succeeded"}, s.alarms)
	require.Equal(t, oldDigest, s.final().Previous)
	seen := map[int]bool{}
	for _, step := range s.steps {
		if !step.Ended.IsZero() {
			require.False(t, seen[step.Seq], "each transition is kept once")
			seen[step.Seq] = true
		}
	}
	require.Len(t, seen, s.final().Seq)
}

func TestWhatFailsBeforeTheSwitchIsTakenAwayAndNothingHasChanged(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]domain.Code{
		acts.Plan: domain.CodeNotFound, acts.Preflight: domain.CodeNoArtifact, acts.BringUp: domain.CodeQuota, acts.Await: domain.CodeNotAvailable,
		acts.Smoke: domain.CodeSmokeFailed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.faults[name] = fault(code)
			require.Equal(t, domain.DeploymentFailed, s.run(t).State)
			require.Equal(t, code, s.final().Error)
			require.Equal(t, domain.Blue, s.state.Live)
			require.Equal(t, slices.Contains([]string{acts.BringUp, acts.Await, acts.Smoke}, name), slices.Contains(s.did, "retire green"))
			require.Equal(t, []string{"deployment_failed"}, s.alarms)
		})
	}
}

func TestWhatFailsAfterTheSwitchGoesBack(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*stage){
		"the front door does not give it to everybody": func(s *stage) {
			s.faults[acts.Confirm] = func(try int) error {
				if try == 1 {
					return fault(domain.CodeNotAvailable)(1)
				}
				return nil
			}
		},
		"it answers with errors": func(s *stage) { s.errors = 5 },
		"an instance dies": func(s *stage) {
			s.env.RegisterDelayedCallback(func() { s.state.Colours[domain.Green] = domain.ColourState{Digest: newDigest, Wanted: 1} }, 15*time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			change(s)
			r := s.run(t)
			require.Equal(t, domain.DeploymentRolledBack, r.State)
			require.Equal(t, oldDigest, r.Digest)
			require.Equal(t, domain.Blue, s.state.Live)
			require.Equal(t, []string{"go_back", "confirm", "retire green"}, s.did[len(s.did)-3:])
			require.Equal(t, []string{"deployment_rolled_back"}, s.alarms)
		})
	}
}

func TestGoingBackIsTriedForEverAndPages(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.errors = 5
	s.faults[acts.GoBack] = func(try int) error {
		if try < 500 {
			return temporal.NewApplicationError("the switch does not answer", string(domain.CodeUnavailable))
		}
		return nil
	}
	require.Equal(t, domain.DeploymentRolledBack, s.run(t).State)
	require.Contains(t, s.alarms, "deployment_rollback_stuck")
	require.Equal(t, domain.Blue, s.state.Live)
}

func TestAReleaseThatChangesTheDatabaseNeedsAProvenBackupFirst(t *testing.T) {
	t.Parallel()
	expands := func(in *deployment.Input) { in.Release.Schema = domain.SchemaExpands }
	s := newStage(t)
	require.Equal(t, domain.DeploymentFailed, s.run(t, expands).State)
	require.Equal(t, domain.CodeGateClosed, s.final().Error, "nobody has said which backups are the database's")

	s = newStage(t)
	s.plan.Database = "clinic"
	s.faults[acts.Gate] = fault(domain.CodeGateClosed)
	require.Equal(t, domain.DeploymentFailed, s.run(t, expands).State)
	require.NotContains(t, s.did, "migrate")

	s = newStage(t)
	s.plan.Database = "clinic"
	require.Equal(t, domain.DeploymentSucceeded, s.run(t, expands).State)
	require.Less(t, slices.Index(s.did, "gate"), slices.Index(s.did, "migrate"))
	require.Less(t, slices.Index(s.did, "migrate"), slices.Index(s.did, "bring_up"))
}

func TestSomebodyElseApprovesOrItIsAbortedInTime(t *testing.T) {
	t.Parallel()
	waits := func() *stage {
		s := newStage(t)
		s.plan.Approval, s.plan.ApprovalWithin = true, time.Hour
		return s
	}
	s := waits()
	own, early, others := s.say(10*time.Minute, deployment.Approve, asker), s.say(0, deployment.Rollback, somebody), s.say(20*time.Minute, deployment.Approve, somebody)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.ErrorContains(t, own.refused, "may not approve")
	require.ErrorContains(t, early.refused, "nothing was switched")
	require.NoError(t, others.refused)
	i := slices.IndexFunc(s.steps, func(step domain.DeploymentStep) bool { return step.Name == "approve" })
	require.Equal(t, []string{somebody, "Because"}, []string{s.steps[i].By, s.steps[i].Reason})

	s = waits()
	s.plan.AskerMayApprove = true
	s.say(10*time.Minute, deployment.Approve, asker)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)

	s = waits()
	require.Equal(t, domain.DeploymentAborted, s.run(t).State)
	require.Contains(t, s.did, "retire green")
	require.NotContains(t, s.did, "switch")
	require.Contains(t, s.alarms, "deployment_aborted")
}

func TestAWordThatTheAPIHasNotSignedIsRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	got := &answer{}
	s.env.RegisterDelayedCallback(func() {
		s.env.UpdateWorkflow(deployment.Rollback, "u", got, domain.Approval{
			Subject: domain.ApprovalSubject("default-test-workflow-id", "", deployment.Rollback), By: somebody, Reason: "Mischief", At: s.env.Now(), KeyID: "k",
		})
	}, 10*time.Minute)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.ErrorContains(t, got.refused, "not signed")
}

func TestAPersonGoesBackWhileTheOldReleaseIsWarmAndNotAfter(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	abort, back := s.say(20*time.Minute, deployment.Abort, somebody), s.say(30*time.Minute, deployment.Rollback, somebody)
	require.Equal(t, domain.DeploymentRolledBack, s.run(t).State)
	require.ErrorContains(t, abort.refused, "say rollback")
	require.NoError(t, back.refused)
	require.Equal(t, []string{"deployment_rolled_back_by_hand"}, s.alarms)
	require.Equal(t, domain.Blue, s.state.Live)
}

func TestAnAbortedDeploymentCallsOffWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.plan.Watch.For = time.Hour
	s.say(5*time.Minute, deployment.Abort, somebody)
	require.Equal(t, domain.DeploymentRolledBack, s.run(t).State, "requests had met the release already")
	require.Less(t, s.tries[acts.Sample], 60)
}

func TestAPauseHoldsAndIsNotForgotten(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.say(5*time.Second, deployment.Pause, somebody)
	s.say(10*time.Hour, deployment.Resume, somebody)
	began := s.env.Now()
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.Greater(t, s.env.Now().Sub(began), 10*time.Hour)
	paused := slices.DeleteFunc(slices.Clone(s.alarms), func(kind string) bool { return kind != "deployment_paused" })
	require.Len(t, paused, 3, "at once, and every four hours")
}

func TestAHandOnTheSwitchPausesAndIsNotFought(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.env.RegisterDelayedCallback(func() { s.move(domain.Blue, 100) }, 10*time.Minute)
	looked := ""
	s.env.RegisterDelayedCallback(func() { looked = string(s.now().Live) }, 2*time.Hour)
	s.say(3*time.Hour, deployment.Resume, somebody)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.Equal(t, "blue", looked, "what somebody did stays until a person has spoken")
	require.Equal(t, domain.Green, s.state.Live)
	require.Contains(t, s.alarms, "deployment_paused")
	require.True(t, slices.ContainsFunc(s.steps, func(step domain.DeploymentStep) bool {
		return step.Name == "pause" && strings.Contains(step.Reason, "by hand")
	}))
}

func TestAWatchThatTellsNothingAsksAPerson(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.requests = 0
	s.say(time.Hour, deployment.Resume, somebody)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.Contains(t, s.alarms, "deployment_paused")

	s = newStage(t)
	s.requests, s.plan.Watch.PassInconclusive = 0, true
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.NotContains(t, s.alarms, "deployment_paused")
}

func TestTheSwitchGoesInSteps(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.plan.Steps = []int{5, 25, 100}
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.Equal(t, 3, s.tries[acts.Switch])
	require.Equal(t, 1, s.tries[acts.Confirm], "the front door gives it to everybody at the last one only")
}

func TestWhatIsLiveAlreadyIsNotDeployedAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t, func(in *deployment.Input) { in.Release.Digest = oldDigest }).State)
	require.Equal(t, []string{"plan", "inspect"}, s.did)
}

func TestAFirstReleaseThatFailsHasNothingToGoBackTo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.state.Colours = map[domain.Colour]domain.ColourState{}
	s.errors = 5
	require.Equal(t, domain.DeploymentFailed, s.run(t).State)
	require.NotContains(t, s.did, "go_back")
}
