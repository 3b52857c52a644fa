package deployment_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/deployment"
)

func TestWhatFailsAfterTheSwitchGoesBack(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*stage){
		"the front door does not give it to everybody": func(s *stage) {
			s.faults[acts.Confirm] = func(try int) error {
				if try == 1 {
					return fault(domain.CodeNotAvailable)(1)
				}
				return nil
			}
		},
		"it answers with errors": func(s *stage) { s.errors = 5 },
		"an instance dies": func(s *stage) {
			s.env.RegisterDelayedCallback(func() { s.state.Colours[domain.Green] = domain.ColourState{Digest: newDigest, Wanted: 1} }, 15*time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			change(s)
			r := s.run(t)
			require.Equal(t, domain.DeploymentRolledBack, r.State)
			require.Equal(t, oldDigest, r.Digest)
			require.Equal(t, domain.Blue, s.state.Live)
			require.Equal(t, []string{"go_back", "confirm", "retire green"}, s.did[len(s.did)-3:])
			require.Equal(t, []string{"deployment_rolled_back"}, s.alarms)
		})
	}
}

func TestGoingBackIsTriedForEverAndPages(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.errors = 5
	s.faults[acts.GoBack] = func(try int) error {
		if try < 500 {
			return temporal.NewApplicationError("the switch does not answer", string(domain.CodeUnavailable))
		}
		return nil
	}
	require.Equal(t, domain.DeploymentRolledBack, s.run(t).State)
	require.Contains(t, s.alarms, "deployment_rollback_stuck")
	require.Equal(t, domain.Blue, s.state.Live)
}

func TestAHandOnTheSwitchPausesAndIsNotFought(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.env.RegisterDelayedCallback(func() { s.move(domain.Blue, 100) }, 10*time.Minute)
	looked := ""
	s.env.RegisterDelayedCallback(func() { looked = string(s.now().Live) }, 2*time.Hour)
	s.say(3*time.Hour, deployment.Resume, somebody)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.Equal(t, "blue", looked, "what somebody did stays until a person has spoken")
	require.Equal(t, domain.Green, s.state.Live)
	require.Contains(t, s.alarms, "deployment_paused")
	require.True(t, slices.ContainsFunc(s.steps, func(step domain.DeploymentStep) bool {
		return step.Name == "pause" && strings.Contains(step.Reason, "by hand")
	}))
}

func TestAWatchThatTellsNothingAsksAPerson(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.requests = 0
	s.say(time.Hour, deployment.Resume, somebody)
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.Contains(t, s.alarms, "deployment_paused")

	s = newStage(t)
	s.requests, s.plan.Watch.PassInconclusive = 0, true
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.NotContains(t, s.alarms, "deployment_paused")
}

func TestTheSwitchGoesInSteps(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.plan.Steps = []int{5, 25, 100}
	require.Equal(t, domain.DeploymentSucceeded, s.run(t).State)
	require.Equal(t, 3, s.tries[acts.Switch])
	require.Equal(t, 1, s.tries[acts.Confirm], "the front door gives it to everybody at the last one only")
}

func TestAFirstReleaseThatFailsHasNothingToGoBackTo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.state.Colours = map[domain.Colour]domain.ColourState{}
	s.errors = 5
	require.Equal(t, domain.DeploymentFailed, s.run(t).State)
	require.NotContains(t, s.did, "go_back")
}
