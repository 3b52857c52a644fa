package stories_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/worker"
)

// Workers that are killed as a step of their own deployment begins, or as it ends, leave all
// work with the old version or all with the new one: those that carry the deployment, which
// are the old ones, and those of the release.
func TestWorkersThatAreKilledAtAnyStepLeaveOneVersion(t *testing.T) {
	t.Parallel()
	held := oldBuild
	w := newWorkers(t, held)
	c := w.clinic
	fleets := worker.NewFleets(c.Temporal(), "careflow")
	crashes := append([]crash{{ended: true, at: []string{"promote"}}}, moreCrashes(nil, nil)...)
	for i, k := range crashes {
		release := domain.Release{Version: fmt.Sprintf("2.%d", i), Digest: fmt.Sprintf("sha256:%012d%052d", i+10, 0), Artifact: "careflow"}
		comes, of := w.start(release), "the old"
		if k.victim = w.old; i > len(crashes)/2 {
			k.victim, of = comes, "the new"
		}
		ops := c.Login("ops") // all of them may outlive a token
		id := w.deploy(ops, release)
		kills := k.follow(t, ops, id, func(string) {})
		state := domain.DeploymentRolledBack
		goes := comes
		if !k.back {
			state, held, goes, w.old = domain.DeploymentSucceeded, release, w.old, comes
		}
		deployed(t, ops, id, state)
		t.Logf("%s workers %s: %d times, %s", of, k, kills, state)
		require.GreaterOrEqual(t, kills, len(k.at))
		look, err := fleets.Look(testkit.Context(t), acts.FleetInput{Fleet: w.environment, Queue: c.Queue})
		require.NoError(t, err)
		require.Equal(t, domain.FleetRoute{Current: held.BuildID()}, look.Route)
		w.over(id)
		goes.Kill()
	}
}
