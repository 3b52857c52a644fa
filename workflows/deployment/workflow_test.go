package deployment_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/deployment"
)

func TestAGoodReleaseTakesOverAndTheOldOneIsRetiredAfterItsWarmTime(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	began := s.env.Now()
	r := s.run(t)
	require.Equal(t, domain.DeploymentSucceeded, r.State)
	require.Equal(t, newDigest, r.Digest)
	require.Equal(t, []string{"plan", "inspect", "preflight", "bring_up", "await", "smoke", "switch", "confirm", "retire blue"}, s.did)
	require.GreaterOrEqual(t, s.env.Now().Sub(began), time.Hour)
	require.Equal(t, []string{"deployment_succeeded"}, s.alarms)
	require.Equal(t, oldDigest, s.final().Previous)
	retired := slices.IndexFunc(s.steps, func(step domain.DeploymentStep) bool { return step.Name == "retire blue" })
	require.Equal(t, oldDigest, s.steps[retired].Digest, "it is the old release that goes")
	seen := map[int]bool{}
	for _, step := range s.steps {
		if !step.Ended.IsZero() {
			require.False(t, seen[step.Seq], "each transition is kept once")
			seen[step.Seq] = true
		}
	}
	require.Len(t, seen, s.final().Seq)
}

func TestWhatFailsBeforeTheSwitchIsTakenAwayAndNothingHasChanged(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]domain.Code{
		acts.Plan: domain.CodeNotFound, acts.Preflight: domain.CodeNoArtifact, acts.BringUp: domain.CodeQuota, acts.Await: domain.CodeNotAvailable,
		acts.Smoke: domain.CodeSmokeFailed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.faults[name] = fault(code)
			require.Equal(t, domain.DeploymentFailed, s.run(t).State)
			require.Equal(t, code, s.final().Error)
			require.Equal(t, domain.Blue, s.state.Live)
			require.Equal(t, slices.Contains([]string{acts.BringUp, acts.Await, acts.Smoke}, name), slices.Contains(s.did, "retire green"))
			require.Equal(t, []string{"deployment_failed"}, s.alarms)
		})
	}
}

func TestAReleaseThatChangesTheDatabaseNeedsAProvenBackupFirst(t *testing.T) {
	t.Parallel()
	expands := func(in *deployment.Input) { in.Release.Schema = domain.SchemaExpands }
	s := newStage(t)
	require.Equal(t, domain.DeploymentFailed, s.run(t, expands).State)
	require.Equal(t, domain.CodeGateClosed, s.final().Error, "nobody has said which backups are the database's")

	s = newStage(t)
	s.plan.Database = "clinic"
	s.faults[acts.Gate] = fault(domain.CodeGateClosed)
	require.Equal(t, domain.DeploymentFailed, s.run(t, expands).State)
	require.NotContains(t, s.did, "migrate")

	s = newStage(t)
	s.plan.Database = "clinic"
	require.Equal(t, domain.DeploymentSucceeded, s.run(t, expands).State)
	require.Less(t, slices.Index(s.did, "gate"), slices.Index(s.did, "migrate"))
	require.Less(t, slices.Index(s.did, "migrate"), slices.Index(s.did, "bring_up"))
}

func TestWhatIsLiveAlreadyIsNotDeployedAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t, func(in *deployment.Input) { in.Release.Digest = oldDigest }).State)
	require.Equal(t, []string{"plan", "inspect"}, s.did)
}
