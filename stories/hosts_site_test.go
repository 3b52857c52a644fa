package stories_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
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
	"github.com/careflow/careflow/internal/hostagent"
	"github.com/careflow/careflow/internal/hostagent/bundletest"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/alarm"
	process "github.com/careflow/careflow/workflows/deployment"
)

// hostSite is hosts with an agent and a copy of the API each, behind a real HAProxy. The
// workflows run in the test, which so sees each step when it begins.
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

	mu     sync.Mutex
	steps  []domain.DeploymentStep
	alarms []string
	// onBegin is called when a step begins.
	onBegin func(domain.DeploymentStep)
}

func newSite(t *testing.T, hosts ...string) *hostSite {
	t.Helper()
	s := &hostSite{
		t: t, clinic: clinic.New(t, clinic.Options{NoWorker: true}), folder: t.TempDir(), agents: map[string]*testkit.Process{},
		plan: domain.DeploymentService{
			Environment: "test", Service: "api", Strategy: domain.OneAtATime, Hosts: hosts, Balancer: "edge",
		},
	}
	s.temporal = s.clinic.Temporal()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s.key = private
	servers := map[string]string{}
	for _, host := range hosts {
		servers[host] = testkit.FreeAddress(t)
		s.describe(host, servers[host])
		s.startAgent(host)
	}
	s.startBalancer(servers)
	s.startAgent("edge", "CAREFLOW_AGENT_HAPROXY="+s.socket, "CAREFLOW_AGENT_DRAIN=5s")
	s.startWorkers(domain.ApprovalKeys{"k": public})
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
	begun := s.onBegin
	s.mu.Unlock()
	if step.Ended.IsZero() && begun != nil {
		begun(step)
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
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onBegin = func(step domain.DeploymentStep) {
		if step.Host == host && step.Name == name {
			once.Do(f)
		}
	}
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

const startAPI = `#!/bin/bash
set -eu
site='%[1]s'; . "$site/$CAREFLOW_HOST/env"
! pid=$(cat "$site/$CAREFLOW_HOST/pid" 2> /dev/null) || kill -9 "$pid" 2> /dev/null || true # whatever runs still
export CAREFLOW_RELEASE="$CAREFLOW_DIGEST"
setsid '%[2]s/careflow' api < /dev/null >> "$site/$CAREFLOW_HOST/log" 2>&1 &
echo $! > "$site/$CAREFLOW_HOST/pid"
`

const stopAPI = `#!/bin/bash
set -eu
pid=$(cat '%[1]s'/"$CAREFLOW_HOST"/pid 2> /dev/null) || exit 0
kill -TERM "$pid" 2> /dev/null || exit 0
# One that has ended and that nobody has asked about yet (Z) is no process any more.
while read -r _ _ state _ < "/proc/$pid/stat" && [ "$state" != Z ]; do sleep 0.02; done 2> /dev/null
`

const validateAPI = `#!/bin/bash
set -eu
. '%[1]s'/"$CAREFLOW_HOST"/env
until (exec 3<> "/dev/tcp/127.0.0.1/$PORT"; printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3; head -1 <&3 | grep -q ' 200 ') 2> /dev/null; do sleep 0.05; done
`

// release is a bundle that runs the API; changes replace or add scripts, by their event.
func (s *hostSite) release(version string, changes map[domain.LifecycleEvent]string) domain.Release {
	s.t.Helper()
	bin := testkit.Env(s.t, "CAREFLOW_TEST_BIN")
	scripts := map[domain.LifecycleEvent]string{
		domain.ApplicationStart: fmt.Sprintf(startAPI, s.folder, bin), domain.ApplicationStop: fmt.Sprintf(stopAPI, s.folder),
		domain.ValidateService: fmt.Sprintf(validateAPI, s.folder),
	}
	for event, script := range changes {
		scripts[event] = "#!/bin/bash\n" + script
	}
	files := bundletest.Files{"version": version}
	spec := "version: 1\nhooks:\n"
	for _, event := range domain.LifecycleEvents() {
		if script, ok := scripts[event]; ok {
			files["scripts/"+string(event)+".sh"] = script
			spec += fmt.Sprintf("  %[1]s: [{script: scripts/%[1]s.sh, timeout: 20s}]\n", event)
		}
	}
	files[hostagent.SpecFile] = spec
	return bundletest.Pack(s.t, version, files)
}

// begin starts a deployment.
func (s *hostSite) begin(in process.Input) client.WorkflowRun {
	s.t.Helper()
	in.Environment, in.Service, in.By, in.Reason = "test", "api", domain.NewID(), "a test"
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

// holds says which release each host has in place.
func (s *hostSite) holds() map[string]string {
	s.t.Helper()
	held := map[string]string{}
	for _, host := range s.plan.Hosts {
		target, err := os.Readlink(filepath.Join(s.folder, host, "releases/test/api/current"))
		require.NoError(s.t, err)
		version, err := os.ReadFile(filepath.Join(s.folder, host, "releases/test/api", target, "version"))
		require.NoError(s.t, err)
		held[host] = string(version)
	}
	return held
}

// every is a map with the same version for each host.
func (s *hostSite) every(version string) map[string]string {
	all := map[string]string{}
	for _, host := range s.plan.Hosts {
		all[host] = version
	}
	return all
}

// sampler asks the front door without a pause and counts the servers that get requests.
type sampler struct {
	stop             context.CancelFunc
	done             sync.WaitGroup
	requests, failed int
	looks, fewest    int
	failures         []string
}

func (s *hostSite) sample() *sampler {
	ctx, cancel := context.WithCancel(s.t.Context())
	p := &sampler{stop: cancel, fewest: 1 << 30}
	p.done.Go(func() {
		for ctx.Err() == nil {
			resp, err := http.Post("http://"+s.front+"/v1/sessions", "application/json", strings.NewReader(`{}`))
			p.requests++
			switch {
			case err != nil:
				p.failed++
				p.failures = append(p.failures, err.Error())
			case resp.StatusCode >= 500:
				p.failed++
				p.failures = append(p.failures, resp.Status)
			}
			if err == nil {
				_ = resp.Body.Close()
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	p.done.Go(func() {
		for ctx.Err() == nil {
			p.looks++
			if up := s.up(); up >= 0 {
				p.fewest = min(p.fewest, up)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	return p
}

// up is how many servers HAProxy gives requests to, -1 where it was not asked.
func (s *hostSite) up() int {
	answer := ask(s.socket, "show stat api 4 -1")
	if answer == "" {
		return -1
	}
	return strings.Count(answer, ",UP") // "UP 1/2" gets requests too
}

func (p *sampler) end() {
	p.stop()
	p.done.Wait()
}
