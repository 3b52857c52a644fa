package stories_test

import (
	"fmt"
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

// everyMoment is whether whoever carries out a deployment is killed at each of its steps, as
// `make prove-crashes` does, or at a few of them.
func everyMoment() bool { return os.Getenv("CAREFLOW_TEST_CRASHES") != "" }

// crash is a process that is killed as steps of a deployment begin, or as they end.
type crash struct {
	victim *testkit.Process
	ended  bool
	// at are the steps where not every moment is asked for.
	at []string
	// back has somebody say rollback once the release has taken over, so that the steps of going
	// back are killed at as well.
	back bool
}

// moreCrashes are of each victim at every moment, for `make prove-crashes`.
func moreCrashes(victims ...*testkit.Process) (all []crash) {
	if !everyMoment() {
		return nil
	}
	for _, v := range victims {
		all = append(all, crash{victim: v, back: true}, crash{victim: v, ended: true, back: true}, crash{victim: v}, crash{victim: v, ended: true})
	}
	return all
}

func (k crash) String() string {
	return fmt.Sprintf("killed as steps end: %t, on the way back: %t", k.ended, k.back)
}

func (k crash) strikes(s openapi.DeploymentStep) bool {
	if k.ended && s.EndedAt.IsZero() {
		return false
	}
	return everyMoment() || slices.Contains(k.at, s.Name)
}

// follow kills until the deployment has ended, calls whole after each kill, and returns how
// often that was.
func (k crash) follow(t *testing.T, ops *clinic.User, id string, whole func(step string)) (kills int) {
	t.Helper()
	struck, said, key := map[int]bool{}, !k.back, domain.NewID()
	for ended := false; !ended; {
		testkit.Eventually(t, func() bool { // each kill has its own patience
			d := deployment(t, ops, id)
			ended = domain.DeploymentState(d.State).Ended()
			for _, step := range d.Steps {
				if !said && (step.Name == "watch 100 %" || step.Name == "watch app-1") {
					a := sayUnder(key, ops, id, "rollback")
					said = a.Status == http.StatusOK
					require.True(t, said || a.Status == http.StatusServiceUnavailable, a.String()) // who hears it may be dead: again
				}
				if struck[step.Seq] || ended || !k.strikes(step) {
					continue
				}
				struck[step.Seq] = true
				k.victim.Kill()
				whole(step.Name)
				k.victim.Start()
				kills++
				return true
			}
			return ended
		}, "the deployment goes on: %s", k)
	}
	return kills
}

// A worker that is killed as a step begins, and as it ends, leaves all requests with the old
// release or all with the new one, and the deployment goes on to its end.
func TestAWorkerThatIsKilledAtAnyStepLeavesOneRelease(t *testing.T) {
	t.Parallel()
	kinds, warm := map[site.Switch]string{site.Nginx: "[100]"}, "1s"
	if everyMoment() {
		kinds[site.HAProxy], warm = "[25, 100]", "5s" // somebody says rollback meanwhile
	}
	for kind, steps := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c := clinic.New(t, clinic.Options{})
			s := site.New(t, c, site.Options{Switch: kind, Service: "steps: " + steps + "\nwarm: " + warm + "\nwatch: {for: 1s, every: 500ms, pass_inconclusive: true, fast_enough: 10s}"})
			ops := c.Login("ops")
			deployer := testkit.StartProcess(t, "deploy-worker", s.WorkerEnv)
			before := s.Release("1.0.0", "")
			deployed(t, ops, deploy(t, ops, before), domain.DeploymentSucceeded)
			require.Equal(t, before.Digest, s.Live())

			crashes := []crash{{victim: deployer, at: []string{"bring up"}}, {victim: deployer, ended: true, at: []string{"switch 100 %"}}}
			for i, k := range append(crashes, moreCrashes(deployer, c.WorkerProcess)...) {
				ops = c.Login("ops") // all of them may outlive a token
				release := s.Release(fmt.Sprintf("2.%d.0", i), "")
				id := deploy(t, ops, release)
				kills := k.follow(t, ops, id, func(step string) {
					require.Contains(t, []string{before.Digest, release.Digest}, s.Live(), "at %s", step)
				})
				t.Logf("%s: %d times, %s", k, kills, deployment(t, ops, id).State)
				require.GreaterOrEqual(t, kills, len(k.at))
				if k.back {
					deployed(t, ops, id, domain.DeploymentRolledBack)
				} else {
					require.Equal(t, before.Digest, deployed(t, ops, id, domain.DeploymentSucceeded).PreviousDigest)
					before = release
				}
				require.Equal(t, before.Digest, s.Live())
				place, plan := s.Place()
				state, err := place.Inspect(t.Context(), plan)
				require.NoError(t, err)
				require.Zero(t, state.Share)
				require.Equal(t, before.Digest, state.Colours[state.Live].Digest)
				require.Equal(t, 0, state.Colours[state.Live.Other()].Wanted, "the other one was retired")
			}
		})
	}
}
