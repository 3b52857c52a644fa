//go:build kubernetes

package kubernetes_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

const switches = 100

// TestAHundredSwitchesUnderLoadFailNoRequest moves the switch to and fro between two
// releases of the real API. Half of the switches go back: a rollback is one of them.
func TestAHundredSwitchesUnderLoadFailNoRequest(t *testing.T) {
	c := newCluster(t, clinic.New(t, clinic.Options{NoWorker: true}))
	target, blue, green := c.target(), c.release("1.0.0"), c.release("1.1.0")
	c.bringUp(target, domain.Blue, blue)
	c.bringUp(target, domain.Green, green)
	l := newLoad(t, c.clinic, c.Front(), c.Host)
	testkit.Eventually(t, func() bool { return c.live() == blue.Digest }, "the front door leads to the first release")

	stop := l.run(t)
	var took []time.Duration
	for i := range switches {
		to, digest := domain.Green, green.Digest
		if i%2 == 1 {
			to, digest = domain.Blue, blue.Digest
		}
		decided := time.Now()
		c.move(target, to)
		testkit.Eventually(t, func() bool { return c.live() == digest }, "switch %d reaches the front door", i)
		took = append(took, time.Since(decided))
	}
	stop()
	slices.Sort(took)
	failed, what := l.failures()
	t.Logf("%s; from decision to traffic: median %s, longest %s", l.figures(), took[switches/2].Round(time.Millisecond), took[switches-1].Round(time.Millisecond))
	require.Zero(t, failed, what)
	require.Less(t, took[switches-1], 5*time.Second, "a rollback is there within five seconds")
	for _, digest := range []string{blue.Digest, green.Digest} {
		require.Greater(t, l.counts[digest], 10*switches/2, "both releases have answered")
	}
	require.Positive(t, l.slow)
}

// TestTheLoadSeesWhatAHarshSwitchBreaks is the control: the same load while the old
// instances are killed with the switch, as a deployment without a warm colour would do it.
func TestTheLoadSeesWhatAHarshSwitchBreaks(t *testing.T) {
	c := newCluster(t, clinic.New(t, clinic.Options{NoWorker: true}))
	target, blue, green := c.target(), c.release("1.0.0"), c.release("1.1.0")
	c.bringUp(target, domain.Blue, blue)
	c.bringUp(target, domain.Green, green)
	l := newLoad(t, c.clinic, c.Front(), c.Host)
	testkit.Eventually(t, func() bool { return c.live() == blue.Digest }, "the front door leads to the first release")

	stop := l.run(t)
	now := int64(0)
	for _, to := range []domain.Colour{domain.Green, domain.Blue, domain.Green} {
		c.move(target, to)
		require.NoError(t, c.Client.CoreV1().Pods(c.Name).DeleteCollection(t.Context(), metav1.DeleteOptions{GracePeriodSeconds: &now},
			metav1.ListOptions{LabelSelector: "careflow.dev/colour=" + string(to.Other())}))
		testkit.Eventually(t, func() bool {
			state, err := target.Inspect(t.Context(), plan)
			return err == nil && state.Colours[to.Other()].Ready == plan.Instances
		}, "the colour comes back")
	}
	stop()
	t.Log(l.figures())
	failed, _ := l.failures()
	require.Positive(t, failed, "a load that sees nothing proves nothing")
}
