package stories_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/stories/site"
	process "github.com/careflow/careflow/workflows/deployment"
)

// deploy begins a deployment and returns its ID.
func deploy(t *testing.T, ops *clinic.User, release openapi.DeploymentRequest) string {
	t.Helper()
	var started openapi.DeploymentStarted
	testkit.Eventually(t, func() bool {
		a := ops.Do(http.MethodPost, "/v1/ops/deployments", release, "Idempotency-Key", domain.NewID())
		if a.Status != http.StatusAccepted {
			require.Contains(t, []string{string(domain.CodeNoDeployer), string(domain.CodeUnavailable)}, a.Problem(), a.String())
			return false
		}
		return json.Unmarshal(a.Body, &started) == nil
	}, "the deploy worker takes jobs")
	return started.ID
}

// deployed waits until a deployment is as expected.
func deployed(t *testing.T, ops *clinic.User, id string, states ...domain.DeploymentState) openapi.Deployment {
	t.Helper()
	var d openapi.Deployment
	testkit.Eventually(t, func() bool {
		a := ops.Do(http.MethodGet, "/v1/ops/deployments/"+id, nil)
		require.NoError(t, json.Unmarshal(a.Body, &d))
		for _, s := range states {
			if d.State == openapi.DeploymentState(s) {
				return true
			}
		}
		require.False(t, domain.DeploymentState(d.State).Ended(), "%+v", d)
		return false
	}, "deployment %s becomes %v", id, states)
	return d
}

// A release takes over, a broken one rolls itself back, and a person goes back within
// seconds, all under load and without a failed request.
func TestAReleaseTakesOverABrokenOneGoesAwayAndAPersonGoesBack(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{Env: []string{"CAREFLOW_OPS_MAIL=ops@clinic.example"}})
	s := site.New(t, c, site.Options{Switch: site.Nginx, Service: `available_within: 60s
warm: 15s
approval: {within: 10m}
watch: {for: 1s, every: 500ms, pass_inconclusive: true, fast_enough: 10s} # a busy machine is no slow release
smoke_file: ../deploy/smoke/careflow.yaml`})
	s.WorkerEnv = append(s.WorkerEnv, "CAREFLOW_DEPLOY_VALUES=email=patient@careflow.example password="+seed.Password+
		" doctor="+seed.DoctorDemoID+" type="+seed.TypeDemoID)
	ops, admin := c.Login("ops"), c.Login("admin")
	deployer := testkit.StartProcess(t, "deploy-worker", s.WorkerEnv)
	record := func(id, name string) {
		c.RecordRun(clinic.Run{Family: "deployment", ID: process.WorkflowID(s.Environment, "api"), RunID: id}, name)
	}
	takeOver := func(r openapi.DeploymentRequest) string {
		id := deploy(t, ops, r)
		deployed(t, ops, id, domain.DeploymentWaiting)
		require.Equal(t, string(domain.CodeForbidden), say(ops, id, "approve").Problem(), "who asked may not approve")
		require.Equal(t, http.StatusOK, say(admin, id, "approve").Status)
		deployed(t, ops, id, domain.DeploymentWarm)
		require.Equal(t, r.Digest, s.Live())
		return id
	}
	first, second := s.Release("1.0.0", ""), s.Release("1.1.0", "")
	id := takeOver(first)
	require.Equal(t, string(domain.CodeConflict), ops.Do(http.MethodPost, "/v1/ops/deployments", second, "Idempotency-Key", domain.NewID()).Problem())
	require.Equal(t, id, deploy(t, ops, first), "the same release joins")
	require.Equal(t, http.StatusOK, say(ops, id, "pause").Status)
	require.Equal(t, http.StatusOK, say(ops, id, "resume").Status)
	deployed(t, ops, id, domain.DeploymentSucceeded)
	record(id, "blue_green_succeeded")

	patient := c.Login("patient")
	load := s.Load(50, patient.Token(), patient.Book(clinic.Booking(clinic.InMinutes(300))).ID)
	broken := s.Release("1.0.1", "#!/bin/sh\necho the release says why; exit 3\n")
	id = deploy(t, ops, broken)
	d := deployed(t, ops, id, domain.DeploymentFailed)
	require.Equal(t, string(domain.CodeNotAvailable), d.ErrorCode)
	require.Equal(t, first.Digest, s.Live())
	require.Contains(t, outputOf(t, ops, d, "await"), "the release says why")
	record(id, "blue_green_failed")

	id = takeOver(second)
	deployer.Kill() // its colours live on, and another one takes the job
	deployer.Start()
	said := time.Now()
	require.Equal(t, http.StatusOK, say(ops, id, "rollback").Status)
	testkit.Eventually(t, func() bool { return s.Live() == first.Digest }, "the old release is back")
	t.Logf("back after %s", time.Since(said).Round(time.Millisecond))
	if os.Getenv("CAREFLOW_TEST_SWITCHES") != "" { // a machine of its own: make prove-switch
		require.Less(t, time.Since(said), rollbackWithin)
	}
	d = deployed(t, ops, id, domain.DeploymentRolledBack)
	require.Equal(t, first.Digest, d.PreviousDigest)
	record(id, "blue_green_rolled_back_by_hand")
	load.Stop()
	t.Log(load)
	require.Zero(t, load.Failed(), load.String())
	require.Contains(t, c.Careflow("ops", "deploy", "show", id), "rollback")
	require.Contains(t, c.Careflow("ops", "deploy", "services"), first.Digest)
	c.RecordRun(clinic.Run{Family: "deployment", ID: "deployment-services-" + c.Queue}, "services")
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(DISTINCT kind) FROM ops_alarms WHERE state = 'sent'
			AND kind IN ('deployment_succeeded', 'deployment_failed', 'deployment_paused', 'deployment_waiting', 'deployment_rolled_back_by_hand')`) >= 4
	}, "people were told")
}

// rollbackWithin is how soon after a person's word everybody has the old release again, on a
// machine that does nothing else.
const rollbackWithin = 5 * time.Second

// outputOf is what a step of a deployment printed.
func outputOf(t *testing.T, ops *clinic.User, d openapi.Deployment, name string) string {
	t.Helper()
	for _, step := range d.Steps {
		if step.Name == name {
			a := ops.Do(http.MethodGet, fmt.Sprintf("/v1/ops/deployments/%s/steps/%d", d.ID, step.Seq), nil)
			var s openapi.DeploymentStep
			require.NoError(t, json.Unmarshal(a.Body, &s))
			return s.Output
		}
	}
	require.FailNow(t, "no such step", name)
	return ""
}
