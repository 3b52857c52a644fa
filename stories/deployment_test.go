package stories_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/stories/site"
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

// deployment waits until a deployment is as expected.
func deployment(t *testing.T, ops *clinic.User, id string, states ...domain.DeploymentState) openapi.Deployment {
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

func TestAReleaseTakesOverAndIsGoneBackFrom(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	s := site.New(t, c, site.Options{Switch: site.Nginx, Service: "warm: 10m\nwatch: {for: 1s, every: 500ms, pass_inconclusive: true}"})
	ops := c.Login("ops")
	testkit.StartProcess(t, "deploy-worker", s.WorkerEnv)

	first := s.Release("1.0.0", "")
	deployment(t, ops, deploy(t, ops, first), domain.DeploymentWarm)
	require.Equal(t, first.Digest, s.Live())
}
