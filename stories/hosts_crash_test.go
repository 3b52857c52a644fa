package stories_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	process "github.com/careflow/careflow/workflows/deployment"
)

// blow is a moment at which an agent is killed: as an event begins, or when it has ended and
// before the next one begins, while a release comes or while it goes back.
type blow struct {
	event domain.LifecycleEvent
	ended bool
	back  bool
}

func (b blow) String() string {
	return fmt.Sprintf("%s, ended: %t, on the way back: %t", b.event, b.ended, b.back)
}

// blows are all there are for `make prove-crashes`, else those while something changes.
func blows() []blow {
	if !everyMoment() {
		return []blow{{event: domain.ApplicationStop}, {event: domain.Install}, {event: domain.ApplicationStart}}
	}
	var all []blow
	for _, event := range domain.LifecycleEvents() {
		for _, back := range []bool{false, true} {
			all = append(all, blow{event, false, back}, blow{event, true, back})
		}
	}
	return all
}

// An agent that is killed in the middle of an event comes back and the deployment goes on:
// each host ends with all of one release. The balancer's is killed where it moves requests.
func TestAnAgentThatIsKilledInTheMiddleGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s := newSite(t, "app-1")
	held := "1.0"
	_, err := s.deploy(process.Input{Release: s.release(held, nil)})
	require.NoError(t, err)
	for i, b := range blows() {
		agent := s.agents["app-1"]
		if b.event.Traffic() {
			agent = s.agents["edge"]
		}
		version, goes := fmt.Sprintf("2.%d", i), false
		var once sync.Once
		s.when(func(step domain.DeploymentStep) {
			goes = goes || step.State == domain.DeploymentRolling
			if step.Name == string(b.event) && step.Ended.IsZero() != b.ended && goes == b.back {
				once.Do(func() { agent.Kill(); agent.Start() })
			}
		})
		var scripts map[domain.LifecycleEvent]string
		if b.back {
			scripts = map[domain.LifecycleEvent]string{domain.AfterAllowTraffic: "exit 4\n"}
		}
		result, err := s.deploy(process.Input{Release: s.release(version, scripts)})
		require.NoError(t, err, b)
		want := domain.DeploymentRolledBack
		if !b.back {
			want, held = domain.DeploymentSucceeded, version
		}
		require.Equal(t, want, result.State, b)
		require.Equal(t, s.every(held), s.holds(), b)
		require.Equal(t, 1, s.up(), b)
		struck := true
		once.Do(func() { struck = false })
		require.True(t, struck, "the agent was killed: %s", b)
	}
	t.Logf("%d agents were killed", len(blows()))
}
