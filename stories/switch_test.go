package stories_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	acts "github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/frontload"
	"github.com/careflow/careflow/internal/hosts"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/stories/site"
)

// switches is how often a story switches, and perSecond its load: `make prove-switch` does it
// a hundred times, at 300 requests a second.
func switches(t *testing.T) (n, perSecond int) {
	t.Helper()
	if text := os.Getenv("CAREFLOW_TEST_SWITCHES"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n, 300
	}
	return 20, 100
}

// bothColours is a site with a release in each colour, and a load that meets blue.
func bothColours(t *testing.T, kind site.Switch) (*site.Site, *hosts.Host, domain.DeploymentService, map[domain.Colour]string, *frontload.Load) {
	t.Helper()
	c := clinic.New(t, clinic.Options{NoWorker: true})
	s := site.New(t, c, site.Options{Switch: kind})
	place, plan := s.Place()
	digests := map[domain.Colour]string{}
	for _, colour := range []domain.Colour{domain.Blue, domain.Green} {
		r := s.Release(string(colour), "")
		digests[colour] = r.Digest
		in := acts.ColourInput{Plan: plan, Colour: colour, Release: domain.Release{Version: r.Version, Digest: r.Digest, Artifact: r.Artifact}}
		if colour == domain.Blue { // while nothing was deployed, blue takes requests: bring it up as green takes them
			turn(t, place, plan, domain.Green, 100)
		}
		require.NoError(t, place.BringUp(t.Context(), in))
		require.NoError(t, place.Await(t.Context(), in, func(int, int) {}))
		if colour == domain.Blue {
			turn(t, place, plan, domain.Blue, 100)
		}
	}
	_, perSecond := switches(t)
	patient := c.Login("patient")
	visit := patient.Book(clinic.Booking(clinic.InMinutes(300)))
	return s, place, plan, digests, s.Load(perSecond, patient.Token(), visit.ID)
}

// turn switches as a deployment does: on the revision that it has looked at.
func turn(t *testing.T, place *hosts.Host, plan domain.DeploymentService, to domain.Colour, share int) string {
	t.Helper()
	state, err := place.Inspect(t.Context(), plan)
	require.NoError(t, err)
	revision, err := place.Switch(t.Context(), acts.SwitchInput{Plan: plan, To: to, Share: share, Revision: state.Revision})
	require.NoError(t, err)
	return revision
}

// No request fails in many switches under load, whatever way the switch goes.
func TestSwitchingLosesNoRequest(t *testing.T) {
	t.Parallel()
	for kind, shares := range map[site.Switch][]int{site.Nginx: {100}, site.HAProxy: {25, 100}} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			_, place, plan, digests, load := bothColours(t, kind)
			n, _ := switches(t)
			for i := range n {
				to := []domain.Colour{domain.Green, domain.Blue}[i%2] // there, and back as a rollback does
				for _, share := range shares {
					turn(t, place, plan, to, share)
				}
				before := load.Answered(digests[to])
				testkit.Eventually(t, func() bool { return load.Answered(digests[to]) >= before+10 }, "%s answers", to)
			}
			load.Stop()
			t.Logf("%s: %d switches: %s", kind, n, load)
			require.Zero(t, load.Failed(), load.String())
		})
	}
}

// The negative: a reload of nginx does lose requests, and this load shows it.
func TestReloadingInsteadDoesLoseRequests(t *testing.T) {
	t.Parallel()
	s, _, _, _, load := bothColours(t, site.Nginx)
	reloads := 0
	testkit.Eventually(t, func() bool {
		s.Reload([]domain.Colour{domain.Green, domain.Blue}[reloads%2])
		reloads++
		return load.Failed() > 0
	}, "a request fails")
	load.Stop()
	t.Logf("%d reloads: %s", reloads, load)
}

// A switch is refused that was decided on what is not there any more; the same one again is
// the first.
func TestAStaleSwitchIsRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []site.Switch{site.Nginx, site.HAProxy} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := site.New(t, clinic.New(t, clinic.Options{NoWorker: true}), site.Options{Switch: kind})
			place, plan := s.Place()
			seen, err := place.Inspect(t.Context(), plan)
			require.NoError(t, err)
			now := turn(t, place, plan, domain.Green, 100)
			require.NotEqual(t, seen.Revision, now)
			_, err = place.Switch(t.Context(), acts.SwitchInput{Plan: plan, To: domain.Blue, Share: 100, Revision: seen.Revision})
			require.Equal(t, domain.CodeStale, domain.CodeOf(err))
			again, err := place.Switch(t.Context(), acts.SwitchInput{Plan: plan, To: domain.Green, Share: 100, Revision: seen.Revision})
			require.NoError(t, err)
			require.Equal(t, now, again)
			state, err := place.Inspect(t.Context(), plan)
			require.NoError(t, err)
			require.Equal(t, domain.Green, state.Live)
			require.Equal(t, domain.CodeConflict, domain.CodeOf(place.Retire(t.Context(), plan, domain.Green)))
		})
	}
}
