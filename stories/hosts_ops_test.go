package stories_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/hostagent"
	"github.com/careflow/careflow/internal/hostagent/bundletest"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	process "github.com/careflow/careflow/workflows/deployment"
)

// onHosts is a service of a site in the file of services; more is YAML beside that.
func (s *hostSite) onHosts(service string, hosts []string, more string) string {
	return fmt.Sprintf("  - {environment: %s, service: %s, strategy: one_at_a_time, hosts: [%s], watch: {for: 200ms}, warm: 1s, %s}\n",
		s.plan.Environment, service, strings.Join(hosts, ", "), more)
}

// Ops begin a deployment over the API, another one approves it on the command line, which
// also shows each step as it happens. The deploy worker is killed meanwhile, and so is the
// clinic's worker, which carries the process.
func TestOpsDeployToHostsAndFollowItWhileTheWorkersAreKilled(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{Env: []string{"CAREFLOW_OPS_MAIL=ops@clinic.example"}})
	s := newHosts(t, c, "app-1", "app-2")
	held := s.release("1.0", nil)
	ops := c.Login("ops")
	said, exit := c.CareflowSays("ops", "deploy", "start", "--env", s.plan.Environment, "--service", "api", "--version", held.Version,
		"--digest", held.Digest, "--artifact", held.Artifact, "--reason", "A story")
	require.NotZero(t, exit)
	require.Contains(t, said, "start `careflow deploy-worker`")

	deployer := deployWorker(t, c, s.onHosts("api", s.plan.Hosts, "balancer: edge, approval: {within: 10m}"))
	begin := func(r domain.Release) string {
		id := deploy(t, ops, asked(s.plan.Environment, "api", r))
		deployed(t, ops, id, domain.DeploymentWaiting)
		deployer.Kill()
		c.Careflow("admin", "deploy", "approve", id, "--reason", "Seen by two")
		deployer.Start()
		return id
	}
	deployed(t, ops, begin(held), domain.DeploymentSucceeded)

	second := s.release("2.0", nil)
	id := deploy(t, ops, asked(s.plan.Environment, "api", second))
	deployed(t, ops, id, domain.DeploymentWaiting)
	said, exit = c.CareflowSays("ops", "deploy", "approve", id, "--reason", "Mine")
	require.NotZero(t, exit)
	require.Contains(t, said, "may not approve it: ask somebody else")
	followed := make(chan string, 1)
	go func() {
		said, exit := c.CareflowSays("ops", "deploy", "follow", id, "--wait", "end")
		followed <- fmt.Sprintf("%s\nexit code %d", said, exit)
	}()
	c.Careflow("admin", "deploy", "approve", id, "--reason", "Seen by two")
	k := crash{victim: c.WorkerProcess, at: []string{string(domain.ApplicationStart)}}
	kills := k.follow(t, ops, id, func(step string) { require.NotZero(t, s.up(), "at %s", step) })
	require.GreaterOrEqual(t, kills, 2)
	d := deployed(t, ops, id, domain.DeploymentSucceeded)
	require.Equal(t, held.Digest, d.PreviousDigest)
	require.Equal(t, s.every("2.0"), s.holds())
	require.Equal(t, 2, s.up())

	said = <-followed
	require.Contains(t, said, "exit code 0")
	for _, event := range domain.LifecycleEvents() {
		require.Regexp(t, string(event)+` +app-1`, said)
	}
	require.Contains(t, said, "Seen by two")
	require.Regexp(t, id+` .* 2\.0 .*succeeded`, c.Careflow("ops", "deploy", "list", "--env", s.plan.Environment))
	require.Regexp(t, `approve .*Seen by two`, c.Careflow("ops", "deploy", "show", id))
	require.Contains(t, deployer.Log(), c.Queue+"-deploy]", "it says what it polls")
	require.NotContains(t, deployer.Log(), "-stripe")
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM ops_alarms WHERE state = 'sent' AND kind IN ('deployment_waiting', 'deployment_succeeded')`) == 4
	}, "people were told")
	c.RecordRun(clinic.Run{Family: "deployment", ID: process.WorkflowID(s.plan.Environment, "api"), RunID: id}, "one_at_a_time_succeeded")
	c.RecordRun(clinic.Run{Family: "deployment", ID: process.HostWorkflowID(id, "app-1", 1)}, "host_succeeded")

	held = second
	for i, k := range moreCrashes(c.WorkerProcess) {
		ops = c.Login("ops") // a pass may outlive a token
		r := s.release(fmt.Sprintf("3.%d", i), nil)
		id := begin(r)
		kills := k.follow(t, ops, id, func(step string) { require.NotZero(t, s.up(), "at %s", step) })
		state := domain.DeploymentRolledBack
		if !k.back {
			state, held = domain.DeploymentSucceeded, r
		}
		deployed(t, ops, id, state)
		t.Logf("%s: %d times, %s", k, kills, state)
		require.Equal(t, s.every(held.Version), s.holds())
		require.Equal(t, 2, s.up())
	}
}

// jobs is a release of a service that runs nothing, whose script of an event may fail.
func jobs(t *testing.T, version string, scripts map[domain.LifecycleEvent]string) domain.Release {
	t.Helper()
	files := bundletest.Files{"version": version}
	spec := "version: 1\nhooks:\n"
	for event, script := range scripts {
		files["scripts/hook.sh"] = "#!/bin/sh\n" + script
		spec += fmt.Sprintf("  %s: [{script: scripts/hook.sh, timeout: 2s}]\n", event)
	}
	files[hostagent.SpecFile] = spec
	return bundletest.Pack(t, version, files)
}

// A train carries its services in their order, with one approval for all. One that fails
// takes those before it back. Another train does not join it.
func TestATrainOfServicesArrivesOrGoesBackAsAWhole(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	s := newHosts(t, c, "app-1")
	deployWorker(t, c, s.onHosts("api", s.plan.Hosts, "balancer: edge")+s.onHosts("jobs", s.plan.Hosts, "approval: {within: 10m}"))
	ops, admin := c.Login("ops"), c.Login("admin")
	train := func(version string, scripts map[domain.LifecycleEvent]string) openapi.TrainRequest {
		in := openapi.TrainRequest{Environment: s.plan.Environment, Reason: "A story", OneApproval: true}
		for service, r := range map[string]domain.Release{"api": s.release(version, nil), "jobs": jobs(t, version, scripts)} {
			in.Stops = append(in.Stops, openapi.TrainStop{Service: service, Version: r.Version, Digest: r.Digest, Artifact: r.Artifact})
		}
		slices.SortFunc(in.Stops, func(a, b openapi.TrainStop) int { return strings.Compare(a.Service, b.Service) })
		return in
	}
	start := func(in openapi.TrainRequest) (a clinic.Answer) {
		testkit.Eventually(t, func() bool {
			a = ops.Do(http.MethodPost, "/v1/ops/trains", in, "Idempotency-Key", domain.NewID())
			return a.Status != http.StatusServiceUnavailable && a.Problem() != string(domain.CodeNoDeployer)
		}, "the deploy worker takes jobs")
		return a
	}
	started := func(a clinic.Answer) (s openapi.DeploymentStarted) {
		require.Equal(t, http.StatusAccepted, a.Status, a)
		require.NoError(t, json.Unmarshal(a.Body, &s))
		return s
	}
	ride := func(in openapi.TrainRequest, state domain.DeploymentState) string {
		id := started(start(in)).ID
		deployed(t, ops, id, domain.DeploymentWaiting)
		require.Equal(t, openapi.DeploymentStarted{ID: id, Joined: true}, started(start(in)))
		require.Equal(t, string(domain.CodeConflict), start(train("9.9", nil)).Problem())
		require.Equal(t, http.StatusOK, say(admin, id, "approve").Status)
		deployed(t, ops, id, state)
		return id
	}
	holds := func(service string) string {
		version, err := os.ReadFile(filepath.Join(s.folder, "app-1/releases", s.plan.Environment, service, "current/version"))
		require.NoError(t, err)
		return string(version)
	}
	id := ride(train("1.0", nil), domain.DeploymentSucceeded)
	require.Equal(t, []string{"1.0", "1.0"}, []string{holds("api"), holds("jobs")})
	c.RecordRun(clinic.Run{Family: "deployment", ID: process.TrainID(s.plan.Environment), RunID: id}, "train_succeeded")

	id = ride(train("2.0", map[domain.LifecycleEvent]string{domain.AfterInstall: "echo no room; exit 7\n"}), domain.DeploymentRolledBack)
	require.Equal(t, []string{"1.0", "1.0"}, []string{holds("api"), holds("jobs")})
	require.Equal(t, 1, s.up())
	var back []string
	for _, step := range deployment(t, ops, id).Steps {
		if strings.HasPrefix(step.Name, "go back with ") {
			back = append(back, step.Name)
		}
	}
	require.Equal(t, []string{"go back with api"}, back, "the one that failed has gone back by itself")
	c.RecordRun(clinic.Run{Family: "deployment", ID: process.TrainID(s.plan.Environment), RunID: id}, "train_rolled_back")
	c.RecordRun(clinic.Run{Family: "deployment", ID: process.WorkflowID(s.plan.Environment, "api")}, "one_at_a_time_on_a_train_rolled_back")
	c.RecordRun(clinic.Run{Family: "deployment", ID: process.WorkflowID(s.plan.Environment, "jobs")}, "one_at_a_time_rolled_back")
}
