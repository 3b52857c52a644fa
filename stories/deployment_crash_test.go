package stories_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/stories/site"
)

// killedAt are the steps at which the deploy worker is killed: those that change something.
// `make prove-switch` kills it at each one.
func killedAt() []string {
	if os.Getenv("CAREFLOW_TEST_SWITCHES") != "" {
		return []string{"inspect", "preflight", "bring up", "await", "smoke tests", "switch 100 %", "confirm", "watch 100 %", "retire blue", "retire green"}
	}
	return []string{"bring up", "switch 100 %"}
}

// A deploy worker that is killed as a step begins, and as it ends, leaves all requests with the
// old release or all with the new one, and the deployment goes on to its end.
func TestADeployWorkerThatIsKilledAtAnyStepLeavesOneRelease(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	s := site.New(t, c, site.Options{Switch: site.Nginx, Service: "warm: 1s\nwatch: {for: 1s, every: 500ms, pass_inconclusive: true}"})
	ops := c.Login("ops")
	deployer := testkit.StartProcess(t, "deploy-worker", s.WorkerEnv)
	first := s.Release("1.0.0", "")
	deployed(t, ops, deploy(t, ops, first), domain.DeploymentSucceeded)
	require.Equal(t, first.Digest, s.Live())

	before, kills := first, 0
	for _, version := range []string{"begin", "end"} {
		release := s.Release(version, "")
		id, killed := deploy(t, ops, release), map[string]bool{}
		testkit.Eventually(t, func() bool {
			var d openapi.Deployment
			require.NoError(t, json.Unmarshal(ops.Do(http.MethodGet, "/v1/ops/deployments/"+id, nil).Body, &d))
			for _, step := range d.Steps {
				if killed[step.Name] || !slices.Contains(killedAt(), step.Name) || (version == "end" && step.EndedAt.IsZero()) {
					continue
				}
				killed[step.Name] = true
				deployer.Kill()
				require.Contains(t, []string{before.Digest, release.Digest}, s.Live(), "at %s", step.Name)
				deployer.Start()
				kills++
			}
			return domain.DeploymentState(d.State).Ended()
		}, "the deployment ends")
		d := deployed(t, ops, id, domain.DeploymentSucceeded)
		require.Equal(t, release.Digest, s.Live())
		require.Equal(t, before.Digest, d.PreviousDigest)
		before = release
	}
	require.GreaterOrEqual(t, kills, len(killedAt()))
	place, plan := s.Place()
	state, err := place.Inspect(t.Context(), plan)
	require.NoError(t, err)
	require.Zero(t, state.Share)
	require.Equal(t, 0, state.Colours[state.Live.Other()].Wanted, "the old one was retired")
}
