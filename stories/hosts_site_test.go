package stories_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	alarmacts "github.com/careflow/careflow/activities/alarm"
	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/alarm"
	process "github.com/careflow/careflow/workflows/deployment"
)

// hostSite is hosts with an agent and a copy of the API each, behind a real HAProxy. Where the
// workflows run in the test, it sees each step when it begins.
type hostSite struct {
	t        *testing.T
	clinic   *clinic.Clinic
	temporal client.Client
	key      ed25519.PrivateKey
	folder   string // of the whole site
	front    string // where HAProxy listens
	socket   string // its runtime API
	plan     domain.DeploymentService
	agents   map[string]*testkit.Process
	// scriptsWithin bounds the scripts of releases.
	scriptsWithin string

	mu     sync.Mutex
	steps  []domain.DeploymentStep
	alarms []string
	// onStep is called for each step; see when.
	onStep func(domain.DeploymentStep)
}

// newSite is a site whose workflows run in the test.
func newSite(t *testing.T, hosts ...string) *hostSite {
	t.Helper()
	s := newHosts(t, clinic.New(t, clinic.Options{NoWorker: true}), hosts...)
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s.key = private
	s.startWorkers(domain.ApprovalKeys{"k": public})
	return s
}

// newHosts are hosts with their agents and a balancer before them.
func newHosts(t *testing.T, c *clinic.Clinic, hosts ...string) *hostSite {
	t.Helper()
	s := &hostSite{
		t: t, clinic: c, temporal: c.Temporal(), folder: t.TempDir(), agents: map[string]*testkit.Process{}, scriptsWithin: "20s",
		plan: domain.DeploymentService{
			Environment: "t" + word()[18:], Service: "api", Strategy: domain.OneAtATime, Hosts: hosts, Balancer: "edge",
		},
	}
	servers := map[string]string{}
	for _, host := range hosts {
		servers[host] = testkit.FreeAddress(t)
		s.describe(host, servers[host])
		s.startAgent(host)
	}
	s.startBalancer(servers)
	s.startAgent("edge", "CAREFLOW_AGENT_HAPROXY="+s.socket, "CAREFLOW_AGENT_DRAIN=5s")
	return s
}

// describe writes what the scripts of a host need to know.
func (s *hostSite) describe(host, address string) {
	s.t.Helper()
	folder := filepath.Join(s.folder, host)
	require.NoError(s.t, os.MkdirAll(folder, 0o755))
	_, port, _ := strings.Cut(address, ":")
	env := append(s.clinic.Env(), "CAREFLOW_HTTP_ADDRESS="+address, "PORT="+port)
	var text strings.Builder
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		_, _ = fmt.Fprintf(&text, "export %s='%s'\n", name, value)
	}
	require.NoError(s.t, os.WriteFile(filepath.Join(folder, "env"), []byte(text.String()), 0o600))
	s.t.Cleanup(func() { s.stopAPI(host) })
}

func (s *hostSite) stopAPI(host string) {
	pid, err := os.ReadFile(filepath.Join(s.folder, host, "pid"))
	if err == nil {
		_ = exec.CommandContext(context.WithoutCancel(s.t.Context()), "kill", "-9", strings.TrimSpace(string(pid))).Run()
	}
}

// startAgent starts `careflow agent` with what an agent may have, and no more.
func (s *hostSite) startAgent(host string, more ...string) {
	s.t.Helper()
	s.agents[host] = testkit.StartProcess(s.t, "agent", append([]string{
		"CAREFLOW_ENV=development", "CAREFLOW_LOG_FORMAT=text", "CAREFLOW_LOG_LEVEL=warn", "CAREFLOW_WORKER_ADDRESS=127.0.0.1:0",
		"CAREFLOW_TEMPORAL_ADDRESS=" + testkit.Env(s.t, "CAREFLOW_TEST_TEMPORAL_ADDRESS"),
		"CAREFLOW_TEMPORAL_TASK_QUEUE=" + s.clinic.Queue,
		"CAREFLOW_PAYLOAD_KEYS=" + clinic.PayloadKeys,
		"CAREFLOW_AGENT_HOST=" + host, "CAREFLOW_AGENT_ROOT=" + filepath.Join(s.folder, host, "releases"),
	}, more...))
}

func (s *hostSite) startBalancer(servers map[string]string) {
	s.t.Helper()
	s.front, s.socket = testkit.FreeAddress(s.t), filepath.Join(s.folder, "haproxy.sock")
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, `global
    stats socket %s mode 600 level admin
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout check 5s
frontend door
    bind %s
    default_backend api
backend api
    option httpchk GET /readyz
    default-server check inter 100ms fall 2 rise 1
`, s.socket, s.front)
	for _, host := range s.plan.Hosts {
		_, _ = fmt.Fprintf(&text, "    server %s %s\n", host, servers[host])
	}
	path := filepath.Join(s.folder, "haproxy.cfg")
	require.NoError(s.t, os.WriteFile(path, []byte(text.String()), 0o600))
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), testkit.Env(s.t, "CAREFLOW_TEST_HAPROXY"), "-db", "-f", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(s.t, cmd.Start())
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	testkit.Eventually(s.t, func() bool { _, err := os.Stat(s.socket); return err == nil }, "HAProxy does not start")
}

func (s *hostSite) startWorkers(keys domain.ApprovalKeys) {
	s.t.Helper()
	main := sdk.New(s.temporal, s.clinic.Queue, sdk.Options{})
	made := process.New(keys)
	for name, f := range map[string]any{process.WorkflowName: made.Workflow, process.HostName: process.Host, alarm.WorkflowName: alarm.Workflow} {
		main.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
	register := func(w sdk.Worker, name string, f any) {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	register(main, acts.Begin, func(context.Context, domain.NewDeployment) error { return nil })
	register(main, acts.Note, s.note)
	deploying := sdk.New(s.temporal, s.clinic.Queue+acts.DeployQueueSuffix, sdk.Options{})
	register(deploying, acts.Plan, func(context.Context, acts.PlanInput) (domain.DeploymentService, error) { return s.plan, nil })
	mailing := sdk.New(s.temporal, s.clinic.Queue+"-sendgrid", sdk.Options{})
	register(mailing, alarmacts.Send, func(_ context.Context, a domain.Alarm) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.alarms = append(s.alarms, a.Kind)
		return nil
	})
	for _, w := range []sdk.Worker{main, deploying, mailing} {
		require.NoError(s.t, w.Start())
		s.t.Cleanup(w.Stop)
	}
}

func (s *hostSite) note(_ context.Context, step domain.DeploymentStep) error {
	s.mu.Lock()
	s.steps = append(s.steps, step)
	heed := s.onStep
	s.mu.Unlock()
	if heed != nil {
		heed(step)
	}
	return nil
}

// told reports whether people were told of something.
func (s *hostSite) told(kind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.alarms, kind)
}

// whenBegins calls f once, when a step begins on a host.
func (s *hostSite) whenBegins(host, name string, f func()) {
	var once sync.Once
	s.when(func(step domain.DeploymentStep) {
		if step.Host == host && step.Name == name && step.Ended.IsZero() {
			once.Do(f)
		}
	})
}

// when calls heed as steps begin and when they have ended, before the next one begins.
func (s *hostSite) when(heed func(domain.DeploymentStep)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onStep = heed
}

// find is the last that was kept of a step.
func (s *hostSite) find(host, name string) domain.DeploymentStep {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, step := range slices.Backward(s.steps) {
		if step.Host == host && step.Name == name {
			return step
		}
	}
	return domain.DeploymentStep{}
}

// begin starts a deployment.
func (s *hostSite) begin(in process.Input) client.WorkflowRun {
	s.t.Helper()
	in.Environment, in.Service, in.By, in.Reason = s.plan.Environment, s.plan.Service, domain.NewID(), "a test"
	run, err := s.temporal.ExecuteWorkflow(testkit.Context(s.t), client.StartWorkflowOptions{
		ID: "t-" + s.clinic.Queue, TaskQueue: s.clinic.Queue,
	}, process.WorkflowName, in)
	require.NoError(s.t, err)
	return run
}

// deploy carries a release to the hosts and returns what it came to.
func (s *hostSite) deploy(in process.Input) (process.Result, error) {
	s.t.Helper()
	var result process.Result
	err := s.begin(in).Get(testkit.Context(s.t), &result)
	return result, err
}

// say gives a word on the deployment under way.
func (s *hostSite) say(run client.WorkflowRun, word string) {
	a, err := domain.Approval{
		Subject: domain.ApprovalSubject(run.GetID(), run.GetRunID(), word), By: domain.NewID(), Reason: "a test", At: time.Now(),
	}.Sign("k", s.key)
	require.NoError(s.t, err)
	u, err := s.temporal.UpdateWorkflow(testkit.Context(s.t), client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: word, Args: []any{a}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(s.t, err)
	require.NoError(s.t, u.Get(testkit.Context(s.t), nil))
}
