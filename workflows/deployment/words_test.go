package deployment_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/deployment"
)

func TestSomebodyElseApprovesOrItIsAbortedInTime(t *testing.T) {
	t.Parallel()
	waits := func() *stage {
		s := newStage(t)
		s.plan.Approval, s.plan.ApprovalWithin = true, time.Hour
		return s
	}
	s := waits()
	own, others := s.say(10*time.Minute, deployment.Approve, asker), s.say(20*time.Minute, deployment.Approve, somebody)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.ErrorContains(t, own.refused, "may not approve")
	require.NoError(t, others.refused)
	i := slices.IndexFunc(s.steps, func(step domain.DeploymentStep) bool { return step.Name == "approve" })
	require.Equal(t, []string{somebody, "Because"}, []string{s.steps[i].By, s.steps[i].Reason})

	s = waits()
	s.plan.AskerMayApprove = true
	s.say(10*time.Minute, deployment.Approve, asker)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)

	s = waits()
	require.Equal(t, domain.DeploymentAborted, s.run(t).State)
	require.Contains(t, s.did, "retire green")
	require.NotContains(t, s.did, "switch")
	require.Contains(t, s.alarms, "deployment_aborted")
}

func TestAWordThatTheAPIHasNotSignedIsRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	got := &answer{}
	s.env.RegisterDelayedCallback(func() {
		s.env.UpdateWorkflow(deployment.Rollback, "u", got, domain.Approval{
			Subject: domain.ApprovalSubject("default-test-workflow-id", "", deployment.Rollback), By: somebody, Reason: "Mischief", At: s.env.Now(), KeyID: "k",
		})
	}, 10*time.Minute)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.ErrorContains(t, got.refused, "not signed")
}

func TestAPersonGoesBackWhileTheOldReleaseIsWarmAndNotAfter(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	abort, back := s.say(20*time.Minute, deployment.Abort, somebody), s.say(30*time.Minute, deployment.Rollback, somebody)
	require.Equal(t, domain.DeploymentRolledBack, s.run(t).State)
	require.ErrorContains(t, abort.refused, "say rollback")
	require.NoError(t, back.refused)
	require.Equal(t, []string{"deployment_rolled_back_by_hand"}, s.alarms)
	require.Equal(t, domain.Blue, s.state.Live)
}

func TestAnAbortedDeploymentCallsOffWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.plan.Watch.For = time.Hour
	s.say(5*time.Minute, deployment.Abort, somebody)
	require.Equal(t, domain.DeploymentRolledBack, s.run(t).State, "requests had met the release already")
	require.Less(t, s.tries[acts.Sample], 60)
}

func TestAPauseHoldsAndIsNotForgotten(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.say(5*time.Second, deployment.Pause, somebody)
	s.say(10*time.Hour, deployment.Resume, somebody)
	began := s.env.Now()
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.Greater(t, s.env.Now().Sub(began), 10*time.Hour)
	paused := slices.DeleteFunc(slices.Clone(s.alarms), func(kind string) bool { return kind != "deployment_paused" })
	require.Len(t, paused, 3, "at once, and every four hours")
}

// Who wants the old release back is heard whatever goes on, also while the place does not
// answer: what is under way is called off, and the old release has all requests within seconds.
func TestARollbackIsAcceptedInEachPhase(t *testing.T) {
	t.Parallel()
	approval := func(s *stage) { s.plan.Approval, s.plan.ApprovalWithin = true, time.Hour }
	for name, phase := range map[string]struct {
		hangs string // the activity that does not come to its end
		from  int    // its first such try
		makes func(*stage)
		said  time.Duration
		want  domain.DeploymentState
	}{
		"inspect":                               {hangs: acts.Inspect, want: domain.DeploymentAborted},
		"preflight":                             {hangs: acts.Preflight, want: domain.DeploymentAborted},
		"bring up":                              {hangs: acts.BringUp, want: domain.DeploymentAborted},
		"await":                                 {hangs: acts.Await, want: domain.DeploymentAborted},
		"smoke":                                 {hangs: acts.Smoke, want: domain.DeploymentAborted},
		"approval":                              {makes: approval, want: domain.DeploymentAborted},
		"switch":                                {hangs: acts.Switch, want: domain.DeploymentRolledBack},
		"confirm":                               {hangs: acts.Confirm, want: domain.DeploymentRolledBack},
		"watch":                                 {want: domain.DeploymentRolledBack},
		"a watch whose figures cannot be had":   {hangs: acts.Sample, from: 2, want: domain.DeploymentRolledBack},
		"a pause after an inconclusive watch":   {makes: func(s *stage) { s.requests = 0 }, said: time.Minute, want: domain.DeploymentRolledBack},
		"warm":                                  {said: 20 * time.Minute, want: domain.DeploymentRolledBack},
		"warm, and the place does not answer":   {hangs: acts.Sample, from: 10, said: 20 * time.Minute, want: domain.DeploymentRolledBack},
		"warm, and a hand has moved the switch": {makes: func(s *stage) { s.env.RegisterDelayedCallback(func() { s.move(domain.Blue, 100) }, 10*time.Minute) }, said: 20 * time.Minute, want: domain.DeploymentRolledBack},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			if phase.makes != nil {
				phase.makes(s)
			}
			said := max(phase.said, 5*time.Second)
			over := s.env.Now().Add(said)
			if phase.hangs != "" {
				s.faults[phase.hangs] = func(try int) error {
					if try < phase.from || s.env.Now().After(over) {
						return nil
					}
					return temporal.NewApplicationError("it does not answer", string(domain.CodeUnavailable))
				}
			}
			heard := s.say(said, deployment.Rollback, somebody)
			require.Equal(t, phase.want, s.run(t).State)
			require.NoError(t, heard.refused)
			require.Equal(t, domain.Blue, s.state.Live)
			require.Zero(t, s.state.Share)
			require.Less(t, s.env.Now().Sub(over), 5*time.Second)
			require.Equal(t, phase.want == domain.DeploymentRolledBack, slices.Contains(s.did, "go_back"))
		})
	}
}

func TestARollbackOfWhatGoesBackAlreadyIsAConflict(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.errors = 5
	began := s.env.Now()
	s.faults[acts.GoBack] = func(int) error {
		if s.env.Now().Sub(began) > time.Hour {
			return nil
		}
		return temporal.NewApplicationError("the switch does not answer", string(domain.CodeUnavailable))
	}
	late := s.say(30*time.Minute, deployment.Rollback, somebody)
	require.Equal(t, domain.DeploymentRolledBack, s.run(t).State)
	require.ErrorContains(t, late.refused, "goes back already")
}
