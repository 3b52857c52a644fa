//go:build kubernetes

package kubernetes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/kubetest"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// deployer is a deploy worker with the rights of careflow-deploy, and ops who uses it.
type deployer struct {
	*cluster
	ops         *clinic.User
	worker      *testkit.Process
	environment string // names the test, so that it meets no other one's deployment
}

func newDeployer(t *testing.T, c *cluster) *deployer {
	t.Helper()
	// The address of the Service itself: who switches is confirmed by is not an ingress.
	s, err := c.Client.CoreV1().Services(c.Name).Get(t.Context(), "careflow-api", metav1.GetOptions{})
	require.NoError(t, err)
	environment := "t" + strings.ReplaceAll(domain.NewID(), "-", "")[18:]
	file := filepath.Join(t.TempDir(), "services.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `services:
  - environment: %s
    service: api
    strategy: blue_green
    target: kubernetes
    front_door: http://%s
    instances: 2
    available_within: 2m
    warm: 8s
    watch: {for: 1s, every: 500ms, pass_inconclusive: true, most_slower: 100, fast_enough: 10s} # a busy machine is no slow release
    smoke:
      - {name: it lives, path: /healthz, status: 200}
      - {name: strangers are refused, path: /v1/me, status: 401}
    kubernetes: {kubeconfig: %q, namespace: %s}
`, environment, s.Spec.ClusterIP, c.Kubeconfig(t, "careflow-deploy"), c.Name), 0o600))
	return &deployer{cluster: c, ops: c.clinic.Login("ops"), environment: environment, worker: testkit.StartProcess(t, "deploy-worker", []string{
		"CAREFLOW_ENV=development", "CAREFLOW_LOG_FORMAT=text", "CAREFLOW_TEMPORAL_ADDRESS=" + testkit.Env(t, "CAREFLOW_TEST_TEMPORAL_ADDRESS"),
		"CAREFLOW_TEMPORAL_TASK_QUEUE=" + c.clinic.Queue, "CAREFLOW_PAYLOAD_KEYS=" + clinic.PayloadKeys, "CAREFLOW_WORKER_ADDRESS=127.0.0.1:0",
		"CAREFLOW_DEPLOY_SERVICES=" + file,
	})}
}

// begin asks for a deployment, and returns its ID.
func (d *deployer) begin(r domain.Release) string {
	d.t.Helper()
	var started openapi.DeploymentStarted
	testkit.Eventually(d.t, func() bool {
		a := d.ops.Do(http.MethodPost, "/v1/ops/deployments", openapi.DeploymentRequest{
			Environment: d.environment, Service: "api", Version: r.Version, Digest: r.Digest, Artifact: r.Artifact, Reason: "A story",
		}, "Idempotency-Key", domain.NewID())
		return a.Status == http.StatusAccepted && json.Unmarshal(a.Body, &started) == nil
	}, "the deployment of %s begins", r.Version)
	return started.ID
}

func (d *deployer) show(id string) openapi.Deployment {
	d.t.Helper()
	var shown openapi.Deployment
	a := d.ops.Do(http.MethodGet, "/v1/ops/deployments/"+id, nil)
	require.NoError(d.t, json.Unmarshal(a.Body, &shown), a)
	return shown
}

// until waits for a state, calling look at each step that it sees for the first time.
func (d *deployer) until(id string, state domain.DeploymentState, look func(step string)) openapi.Deployment {
	d.t.Helper()
	seen := map[string]bool{}
	deadline := time.Now().Add(4 * testkit.Patience)
	for {
		shown := d.show(id)
		if step := shown.Step; look != nil && step != "" && !seen[step] {
			seen[step] = true
			look(step)
		}
		if shown.State == openapi.DeploymentState(state) {
			return shown
		}
		require.False(d.t, domain.DeploymentState(shown.State).Ended(), "wanted %s: %+v", state, shown)
		require.True(d.t, time.Now().Before(deadline), "wanted %s: %+v", state, shown)
		d.pause()
	}
}

// pause is between two looks.
func (d *deployer) pause() {
	d.t.Helper()
	tick := time.NewTimer(50 * time.Millisecond)
	defer tick.Stop()
	select {
	case <-tick.C:
	case <-d.t.Context().Done():
	}
}

func (d *deployer) say(id, word string) {
	d.t.Helper()
	a := d.ops.Do(http.MethodPost, "/v1/ops/deployments/"+id+"/"+word, openapi.DeploymentWord{Reason: "A story"}, "Idempotency-Key", domain.NewID())
	require.Equal(d.t, http.StatusOK, a.Status, a)
}

// TestAReleaseIsDeployedToKubernetesAndTakenBackUnderLoad is the whole process on a real
// control plane: ops ask the API, a worker with the rights of a Role deploys, patients go on.
func TestAReleaseIsDeployedToKubernetesAndTakenBackUnderLoad(t *testing.T) {
	c := newCluster(t, clinic.New(t, clinic.Options{}))
	d := newDeployer(t, c)
	one, two := c.release("1.0.0"), c.release("1.1.0")
	d.until(d.begin(one), domain.DeploymentSucceeded, nil)
	require.Equal(t, one.Digest, c.live())

	load := newLoad(t, c.clinic, c.Front(), c.Host)
	load.rate = 50 // the process is what this is about
	stop := load.run(t)
	id := d.begin(two)
	d.until(id, domain.DeploymentWarm, nil)
	testkit.Eventually(t, func() bool { return c.live() == two.Digest }, "the second release is live")
	decided := time.Now()
	d.say(id, "rollback")
	testkit.Eventually(t, func() bool { return c.live() == one.Digest }, "the first release is back")
	back := time.Since(decided)
	d.until(id, domain.DeploymentRolledBack, nil)

	broken := d.begin(kubetest.Script(t, "1.2.0", "echo 'the tables are not mine' >&2; exit 3"))
	failed := d.until(broken, domain.DeploymentFailed, nil)
	require.Equal(t, string(domain.CodeNotAvailable), failed.ErrorCode)
	missing := d.until(d.begin(kubetest.Missing("1.3.0")), domain.DeploymentFailed, nil)
	require.Equal(t, string(domain.CodeNoArtifact), missing.ErrorCode)
	require.Equal(t, one.Digest, c.live(), "what failed has changed nothing")
	stop()
	count, what := load.failures()
	t.Logf("%s; from the word to the old release: %s", load.figures(), back.Round(time.Millisecond))
	require.Zero(t, count, what)
	require.Less(t, back, 10*time.Second)
}

// TestWorkersKilledAtEachStepLeaveAllOldOrAllNew kills the deploy worker as each step is
// first seen, and the worker of the process itself at every other one.
func TestWorkersKilledAtEachStepLeaveAllOldOrAllNew(t *testing.T) {
	c := newCluster(t, clinic.New(t, clinic.Options{}))
	d := newDeployer(t, c)
	one, two := c.release("1.0.0"), c.release("1.1.0")
	d.until(d.begin(one), domain.DeploymentSucceeded, nil)

	var killed []string
	kill := func(step string) {
		killed = append(killed, step)
		d.worker.Kill()
		d.worker.Start()
		if len(killed)%2 == 0 {
			c.clinic.WorkerProcess.Kill()
			c.clinic.StartWorker()
		}
	}
	d.until(d.begin(two), domain.DeploymentSucceeded, kill)
	require.Equal(t, two.Digest, c.live())
	state, err := c.target().Inspect(t.Context(), plan)
	require.NoError(t, err)
	require.True(t, state.Colours[state.Live].Whole(two.Digest), "all new")
	require.Zero(t, state.Colours[state.Live.Other()].Wanted, "and nothing of the old")

	d.until(d.begin(kubetest.Script(t, "1.2.0", "exit 3")), domain.DeploymentFailed, kill)
	require.Equal(t, two.Digest, c.live())
	after, err := c.target().Inspect(t.Context(), plan)
	require.NoError(t, err)
	require.Equal(t, state.Revision, after.Revision, "the switch was not touched")
	require.True(t, after.Colours[after.Live].Whole(two.Digest), "all old")
	require.Zero(t, after.Colours[after.Live.Other()].Wanted, "and nothing of what failed")
	t.Logf("killed at %d steps: %s", len(killed), strings.Join(killed, ", "))
	require.GreaterOrEqual(t, len(killed), 10)
}
