package stories_test

import (
	"context"
	"crypto/ed25519"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/worker"
	"github.com/careflow/careflow/workflows/alarm"
	process "github.com/careflow/careflow/workflows/deployment"
)

// fleet is workers of several builds on a real Temporal, with a process that follows the
// newest version and a job that ends on its own.
type fleet struct {
	t        *testing.T
	temporal client.Client
	name     string // of the fleet and of its queue
	key      ed25519.PrivateKey
	keys     domain.ApprovalKeys
	plan     domain.DeploymentService

	mu    sync.Mutex
	steps []domain.DeploymentStep
}

var (
	oldBuild = domain.Release{Version: "1.0", Digest: "sha256:" + strings.Repeat("1", 64), Artifact: "careflow"}
	newBuild = domain.Release{Version: "2.0", Digest: "sha256:" + strings.Repeat("2", 64), Artifact: "careflow"}
)

const (
	follows = "t.follows" // a long process
	job     = "t.job"     // a pinned job
)

func newFleet(t *testing.T) *fleet {
	t.Helper()
	ring, err := config.ParseKeyRing(clinic.PayloadKeys)
	require.NoError(t, err)
	c, err := temporalx.NewClient(temporalx.Options{
		Temporal: config.Temporal{Address: testkit.Env(t, "CAREFLOW_TEST_TEMPORAL_ADDRESS"), Namespace: "careflow"}, Keys: ring,
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	f := &fleet{t: t, temporal: c, name: "t-" + domain.NewID(), key: private, keys: domain.ApprovalKeys{"k": public}}
	f.plan = domain.DeploymentService{
		Environment: "test", Service: "worker", Strategy: domain.WorkerFleet, Fleet: f.name, Steps: []int{50, 100}, AvailableWithin: time.Minute,
		Watch: domain.WatchPolicy{For: time.Second, Every: 500 * time.Millisecond, PassInconclusive: true, MostErrors: 1},
	}
	deploying := sdk.New(c, f.name+acts.DeployQueueSuffix, sdk.Options{})
	deploying.RegisterActivityWithOptions(func(context.Context, acts.PlanInput) (domain.DeploymentService, error) { return f.plan, nil }, activity.RegisterOptions{Name: acts.Plan})
	require.NoError(t, deploying.Start())
	t.Cleanup(deploying.Stop)
	return f
}

// waits goes on at each signal and ends at the one that says so.
func waits(ctx workflow.Context) error {
	for said := ""; said != "end"; {
		workflow.GetSignalChannel(ctx, "say").Receive(ctx, &said)
	}
	return nil
}

// start starts workers of a build. Long is the code of the process that follows.
func (f *fleet) start(r domain.Release, long any) {
	f.t.Helper()
	w := sdk.New(f.temporal, f.name, sdk.Options{DeploymentOptions: sdk.DeploymentOptions{
		UseVersioning: true, Version: sdk.WorkerDeploymentVersion{DeploymentName: f.name, BuildID: r.BuildID()},
	}})
	made := process.New(f.keys)
	w.RegisterWorkflowWithOptions(long, workflow.RegisterOptions{Name: follows, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade})
	for name, pinned := range map[string]any{
		job: waits, process.WorkflowName: made.Workflow, process.ReplayName: process.Replay,
		alarm.WorkflowName: func(workflow.Context, domain.Alarm) error { return nil },
	} {
		w.RegisterWorkflowWithOptions(pinned, workflow.RegisterOptions{Name: name, VersioningBehavior: workflow.VersioningBehaviorPinned})
	}
	ring, err := config.ParseKeyRing(clinic.PayloadKeys)
	require.NoError(f.t, err)
	data, err := temporalx.NewDataConverter(ring)
	require.NoError(f.t, err)
	acts.RegisterFleeting(w, acts.NewFleeting(worker.NewFleets(f.temporal, "careflow")))
	acts.RegisterReplaying(w, acts.NewReplaying(worker.Replayer{
		Temporal: f.temporal, Namespace: "careflow", Converter: data, Failures: temporalx.NewFailureConverter(data),
	}))
	w.RegisterActivityWithOptions(func(context.Context, domain.NewDeployment) error { return nil }, activity.RegisterOptions{Name: acts.Begin})
	w.RegisterActivityWithOptions(f.note, activity.RegisterOptions{Name: acts.Note})
	require.NoError(f.t, w.Start())
	f.t.Cleanup(w.Stop)
}

func (f *fleet) note(_ context.Context, s domain.DeploymentStep) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps = append(f.steps, s)
	return nil
}

func (f *fleet) reached(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.steps {
		if s.Name == name {
			return true
		}
	}
	return false
}

// current makes a build current as soon as its workers poll.
func (f *fleet) current(r domain.Release) {
	f.t.Helper()
	fleets := worker.NewFleets(f.temporal, "careflow")
	testkit.Eventually(f.t, func() bool {
		return fleets.Route(testkit.Context(f.t), acts.FleetRouteInput{Fleet: f.name, To: domain.FleetRoute{Current: r.BuildID()}, Insist: true}) == nil
	}, "the first build does not become current")
}

func (f *fleet) open(name string) client.WorkflowRun {
	f.t.Helper()
	run, err := f.temporal.ExecuteWorkflow(testkit.Context(f.t), client.StartWorkflowOptions{ID: f.name + name, TaskQueue: f.name}, name)
	require.NoError(f.t, err)
	testkit.Eventually(f.t, func() bool { return f.buildOf(run) != "" }, "%s does not begin", name)
	return run
}

func (f *fleet) say(run client.WorkflowRun, what string) {
	f.t.Helper()
	require.NoError(f.t, f.temporal.SignalWorkflow(testkit.Context(f.t), run.GetID(), run.GetRunID(), "say", what))
}

// buildOf is the build that a process has last run on.
func (f *fleet) buildOf(run client.WorkflowRun) string {
	d, err := f.temporal.DescribeWorkflowExecution(testkit.Context(f.t), run.GetID(), run.GetRunID())
	require.NoError(f.t, err)
	return d.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId()
}

func (f *fleet) deploy(r domain.Release) client.WorkflowRun {
	f.t.Helper()
	run, err := f.temporal.ExecuteWorkflow(testkit.Context(f.t), client.StartWorkflowOptions{ID: "deployment-" + f.name, TaskQueue: f.name},
		process.WorkflowName, process.Input{Environment: "test", Service: "worker", Release: r, By: domain.NewID(), Reason: "a test"})
	require.NoError(f.t, err)
	return run
}

func (f *fleet) result(run client.WorkflowRun) process.Result {
	f.t.Helper()
	var result process.Result
	require.NoError(f.t, run.Get(testkit.Context(f.t), &result))
	return result
}

func (f *fleet) word(run client.WorkflowRun, word string) {
	f.t.Helper()
	a, err := domain.Approval{
		Subject: domain.ApprovalSubject(run.GetID(), run.GetRunID(), word), By: domain.NewID(), Reason: "a test", At: time.Now(),
	}.Sign("k", f.key)
	require.NoError(f.t, err)
	u, err := f.temporal.UpdateWorkflow(testkit.Context(f.t), client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: word, Args: []any{a}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(f.t, err)
	require.NoError(f.t, u.Get(testkit.Context(f.t), nil))
}

// A release of the workers waits for them, takes over in steps and waits for the jobs of the
// old version. Its own process stays on the old one all the while. In the middle of it a
// word brings everything back, and it is begun again.
func TestAFleetOfWorkersTakesARelease(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.start(oldBuild, waits)
	f.current(oldBuild)
	long, pinned := f.open(follows), f.open(job)

	// The first time, somebody takes it back while the old workers are kept.
	f.plan.Warm = time.Hour
	run := f.deploy(newBuild)
	testkit.Eventually(t, func() bool { return f.reached("await workers") }, "the deployment does not begin")
	f.start(newBuild, waits)
	testkit.Eventually(t, func() bool { return f.reached("warm") }, "the release does not take over")
	f.say(long, "go on")
	testkit.Eventually(t, func() bool { return f.buildOf(long) == newBuild.BuildID() }, "what follows the newest version does not")
	f.word(run, process.Rollback)
	require.Equal(t, domain.DeploymentRolledBack, f.result(run).State)
	require.Equal(t, oldBuild.BuildID(), f.buildOf(run), "the judge stays on the old version")
	f.say(long, "go on")
	testkit.Eventually(t, func() bool { return f.buildOf(long) == oldBuild.BuildID() }, "what follows the newest version does not go back with it")

	// The second time it is kept, and ends when the job of the old version has.
	f.plan.Warm, f.steps = 0, nil
	run = f.deploy(newBuild)
	testkit.Eventually(t, func() bool { return f.reached("drain") }, "the release does not take over")
	f.say(long, "go on")
	testkit.Eventually(t, func() bool { return f.buildOf(long) == newBuild.BuildID() }, "what follows the newest version does not")
	require.Equal(t, oldBuild.BuildID(), f.buildOf(pinned))
	require.False(t, f.reached(string(domain.DeploymentSucceeded)), "a job still needs the old workers")
	f.say(pinned, "end")
	require.Equal(t, domain.DeploymentSucceeded, f.result(run).State)
	require.Equal(t, oldBuild.BuildID(), f.buildOf(pinned))
	f.say(long, "end")
	require.NoError(t, long.Get(testkit.Context(t), nil))
}

// Code that does not fit what is open fails again and again. That is seen, and the old
// version gets its work back: the process goes on there as if nothing had been.
func TestAReleaseThatStrandsProcessesGoesBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.plan.Steps, f.plan.Watch.For = []int{100}, 2*time.Minute
	f.start(oldBuild, waits)
	f.current(oldBuild)
	long := f.open(follows)
	f.start(newBuild, func(workflow.Context) error { panic("this code knows nothing of what was begun") })
	run := f.deploy(newBuild)
	testkit.Eventually(t, func() bool { return f.reached("watch 100 %") }, "the release does not take over")
	f.say(long, "go on")
	require.Equal(t, domain.DeploymentRolledBack, f.result(run).State)
	f.say(long, "end")
	require.NoError(t, long.Get(testkit.Context(t), nil))
	require.Equal(t, oldBuild.BuildID(), f.buildOf(long))
}
