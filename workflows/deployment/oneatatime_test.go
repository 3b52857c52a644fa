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
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	alarmacts "github.com/careflow/careflow/activities/alarm"
	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/alarm"
	"github.com/careflow/careflow/workflows/deployment"
)

// trainID is the run of the test environment, whose runs have no first one: the IDs of other
// deployments are empty.
const trainID = "default-test-run-id"

var (
	oldRelease = domain.Release{Version: "1.0", Digest: "sha256:" + strings.Repeat("1", 64), Artifact: "/bundles/1"}
	newRelease = domain.Release{Version: "2.0", Digest: "sha256:" + strings.Repeat("2", 64), Artifact: "/bundles/2"}
)

// rack stands in for three hosts with their agents; it notes what was asked of them.
type rack struct {
	env  *testsuite.TestWorkflowEnvironment
	key  ed25519.PrivateKey
	plan domain.DeploymentService
	// fails says which job fails, and with what.
	fails func(domain.HostJob) error

	mu     sync.Mutex
	jobs   []string // "app-1 Install 2.0"
	steps  []domain.DeploymentStep
	alarms []string
}

func newRack(t *testing.T) *rack {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	r := &rack{
		env: new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment(), key: private, fails: func(domain.HostJob) error { return nil },
		plan: domain.DeploymentService{
			Environment: "production", Service: "api", Strategy: domain.OneAtATime, Hosts: []string{"app-1", "app-2", "app-3"},
			Balancer: "edge-1", Warm: time.Hour,
		},
	}
	process := deployment.New(domain.ApprovalKeys{"k": public})
	for name, f := range map[string]any{deployment.WorkflowName: process.Workflow, deployment.TrainName: process.Train, deployment.HostName: deployment.Host, alarm.WorkflowName: alarm.Workflow} {
		r.env.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
	for name, f := range map[string]any{
		acts.Plan: func(_ context.Context, in acts.PlanInput) (domain.DeploymentService, error) {
			plan := r.plan
			plan.Service = in.Service
			return plan, nil
		},
		acts.Begin: func(context.Context, domain.NewDeployment) error { return nil },
		acts.Note:  r.note, acts.HostPrepare: r.prepare, acts.HostEvent: r.event, acts.HostTraffic: r.traffic,
		alarmacts.Send: func(_ context.Context, a domain.Alarm) error { r.alarms = append(r.alarms, a.Kind); return nil },
	} {
		r.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	r.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: deployment.WorkflowID("production", "api"), TaskQueue: "careflow"})
	return r
}

func (r *rack) note(_ context.Context, s domain.DeploymentStep) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, s)
	return nil
}

func (r *rack) prepare(_ context.Context, job domain.HostJob) (domain.HostState, error) {
	return domain.HostState{Current: oldRelease, Agent: "test"}, r.fails(job)
}

func (r *rack) event(_ context.Context, job domain.HostJob) (domain.StepOutcome, error) {
	what := job.Host + " " + string(job.Event) + " " + job.Release.Version
	if job.Service != "api" {
		what = job.Service + ": " + what
	}
	r.did(what)
	return domain.StepOutcome{}, r.fails(job)
}

func (r *rack) traffic(_ context.Context, in acts.TrafficInput) (domain.StepOutcome, error) {
	r.did(in.Host + " " + string(in.Move))
	return domain.StepOutcome{}, nil
}

func (r *rack) did(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs = append(r.jobs, what)
}

// only are the jobs whose text has one of the parts.
func (r *rack) only(parts ...string) []string {
	var found []string
	for _, j := range r.jobs {
		for _, p := range parts {
			if strings.Contains(j, p) {
				found = append(found, j)
			}
		}
	}
	return found
}

func (r *rack) run(t *testing.T, in deployment.Input) (deployment.Result, error) {
	t.Helper()
	in.Environment, in.Service, in.Release, in.By, in.Reason = "production", "api", newRelease, "u1", "because"
	r.env.ExecuteWorkflow(deployment.WorkflowName, in)
	require.True(t, r.env.IsWorkflowCompleted())
	var result deployment.Result
	if err := r.env.GetWorkflowError(); err != nil {
		return result, err
	}
	require.NoError(t, r.env.GetWorkflowResult(&result))
	return result, nil
}

// say gives a word at a time after the beginning.
func (r *rack) say(t *testing.T, word string, after time.Duration) {
	r.env.RegisterDelayedCallback(func() { r.sayNow(t, word) }, after)
}

func (r *rack) sayNow(t *testing.T, word string) { r.sayTo(t, "api", word) }

func (r *rack) sayTo(t *testing.T, service, word string) {
	id := ""
	if service == deployment.TrainService {
		id = trainID
	}
	a, err := domain.Approval{
		Subject: domain.ApprovalSubject(deployment.WorkflowID("production", service), id, word), By: "u2", Reason: "said " + word, At: r.env.Now(),
	}.Sign("k", r.key)
	require.NoError(t, err)
	r.env.UpdateWorkflow(word, domain.NewID(), &testsuite.TestUpdateCallback{
		OnAccept: func() {}, OnReject: func(err error) { require.NoError(t, err) }, OnComplete: func(any, error) {},
	}, a)
}

func broken(host string, event domain.LifecycleEvent, version string) func(domain.HostJob) error {
	return func(j domain.HostJob) error {
		if j.Host == host && j.Event == event && j.Release.Version == version {
			return temporal.NewNonRetryableApplicationError("broken", string(domain.CodeHookFailed), nil, "what it printed", 7)
		}
		return nil
	}
}

func TestHostsGetTheReleaseOneAfterTheOther(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	result, err := r.run(t, deployment.Input{})
	require.NoError(t, err)
	require.Equal(t, domain.DeploymentSucceeded, result.State)
	require.Equal(t, newRelease.Digest, result.Digest)
	require.Equal(t, []string{"app-1 check", "app-1 block", "app-1 Install 2.0", "app-1 allow", "app-2 block", "app-2 Install 2.0", "app-2 allow", "app-3 block", "app-3 Install 2.0", "app-3 allow"},
		r.only("check", "block", "allow", " Install"))
	require.Equal(t, []string{
		"app-1 BeforeBlockTraffic 2.0", "app-1 block", "app-1 AfterBlockTraffic 2.0", "app-1 ApplicationStop 2.0", "app-1 DownloadBundle 2.0",
		"app-1 BeforeInstall 2.0", "app-1 Install 2.0", "app-1 AfterInstall 2.0", "app-1 ApplicationStart 2.0", "app-1 ValidateService 2.0",
		"app-1 BeforeAllowTraffic 2.0", "app-1 allow", "app-1 AfterAllowTraffic 2.0",
	}, r.only("app-1 ")[1:])
}

func TestTheFirstFailureStopsTheFleetAndThoseDoneGoBackInReverse(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	r.fails = broken("app-2", domain.ValidateService, "2.0")
	result, err := r.run(t, deployment.Input{})
	require.NoError(t, err)
	require.Equal(t, domain.DeploymentRolledBack, result.State)
	require.Equal(t, oldRelease.Digest, result.Digest)
	require.Equal(t, []string{"app-1 Install 2.0", "app-2 Install 2.0", "app-2 Install 1.0", "app-1 Install 1.0"}, r.only(" Install"))
	require.Equal(t, []string{"deployment_rolled_back"}, r.alarms)
	for _, s := range r.steps {
		if s.Name == string(domain.ValidateService) && s.Error != "" {
			require.Equal(t, domain.StepOutcome{ExitCode: 7, Output: "what it printed"}, s.StepOutcome)
			require.Equal(t, "app-2", s.Host)
			return
		}
	}
	require.Fail(t, "the step that failed is not kept")
}

func TestAReleaseThatAHostCannotHaveChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	r.fails = func(j domain.HostJob) error {
		if j.Event == "" && j.Host == "app-3" {
			return temporal.NewNonRetryableApplicationError("not its digest", string(domain.CodeNoArtifact), nil)
		}
		return nil
	}
	_, err := r.run(t, deployment.Input{})
	require.ErrorContains(t, err, "app-3: not its digest")
	require.Empty(t, r.jobs)
}

func TestABrokenStopScriptIsPassedOverOnlyWhereThatIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	r.fails = broken("app-1", domain.ApplicationStop, "2.0")
	result, err := r.run(t, deployment.Input{})
	require.NoError(t, err)
	require.Equal(t, domain.DeploymentRolledBack, result.State)

	r = newRack(t)
	r.fails = broken("app-1", domain.ApplicationStop, "2.0")
	result, err = r.run(t, deployment.Input{PassOldScripts: true})
	require.NoError(t, err)
	require.Equal(t, domain.DeploymentSucceeded, result.State)
	for _, s := range r.steps {
		if s.Error == domain.CodeHookFailed {
			require.Equal(t, "passed over, as was asked for", s.Reason)
			return
		}
	}
	require.Fail(t, "what was passed over is not kept")
}

func TestGoingBackIsTriedUntilItSucceeds(t *testing.T) {
	t.Parallel()
	r, tries := newRack(t), 0
	r.fails = func(j domain.HostJob) error {
		if j.Event == domain.ApplicationStart && j.Host == "app-1" {
			if tries++; tries < 5 {
				return temporal.NewNonRetryableApplicationError("broken", string(domain.CodeHookFailed), nil)
			}
		}
		return nil
	}
	result, err := r.run(t, deployment.Input{})
	require.NoError(t, err)
	require.Equal(t, domain.DeploymentRolledBack, result.State)
	require.Equal(t, 5, tries)
	require.Contains(t, r.alarms, "deployment_rollback_stuck")
}

func TestAWordBringsBackTheOldReleaseWhileItIsWarm(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	r.say(t, deployment.Rollback, 30*time.Minute)
	result, err := r.run(t, deployment.Input{})
	require.NoError(t, err)
	require.Equal(t, domain.DeploymentRolledBack, result.State)
	require.Equal(t, []string{"app-1 Install 2.0", "app-2 Install 2.0", "app-3 Install 2.0", "app-3 Install 1.0", "app-2 Install 1.0", "app-1 Install 1.0"}, r.only(" Install"))
	require.Equal(t, []string{"deployment_rolled_back_by_hand"}, r.alarms)
}

// A pause takes hold between two hosts: one that has begun comes to its end.
func TestAPauseHoldsBetweenTwoHosts(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	r.fails = func(j domain.HostJob) error {
		if j.Host == "app-1" && j.Event == domain.Install {
			r.env.RegisterDelayedCallback(func() { r.sayNow(t, deployment.Pause) }, 0)
			r.env.RegisterDelayedCallback(func() {
				require.Equal(t, []string{"app-1 allow"}, r.only("allow"), "app-1 has come to its end and app-2 has not begun")
				r.sayNow(t, deployment.Resume)
			}, time.Hour)
		}
		return nil
	}
	result, err := r.run(t, deployment.Input{})
	require.NoError(t, err)
	require.Equal(t, domain.DeploymentSucceeded, result.State)
	require.Contains(t, r.alarms, "deployment_paused")
}

func TestAnAbortBetweenHostsTakesBackWhatWasDone(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	r.plan.Watch.For = time.Hour
	r.say(t, deployment.Abort, 90*time.Minute) // while app-2 is watched
	result, err := r.run(t, deployment.Input{})
	require.NoError(t, err)
	require.Equal(t, domain.DeploymentRolledBack, result.State)
	require.Equal(t, []string{"app-1 Install 2.0", "app-2 Install 2.0", "app-2 Install 1.0", "app-1 Install 1.0"}, r.only(" Install"))
}
