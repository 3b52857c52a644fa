package stories_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	process "github.com/careflow/careflow/workflows/deployment"
)

// ask sends HAProxy's runtime API one command.
func ask(socket, command string) string {
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, command+"\n")
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

// Three hosts with an agent and the real API each, behind a real HAProxy. A release goes to
// one after the other; a bad one that the second host finds out about takes the first back.
// Two of three serve at every instant, and no request fails.
func TestHostsAreDeployedToOneAtATimeAndABadReleaseGoesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, "app-1", "app-2", "app-3")
	_, err := s.deploy(process.Input{Release: s.release("1.0", nil)})
	require.NoError(t, err)
	require.Equal(t, 3, s.up())

	p := s.sample()
	result, err := s.deploy(process.Input{Release: s.release("2.0", nil)})
	require.NoError(t, err)
	require.Equal(t, domain.DeploymentSucceeded, result.State)
	require.Equal(t, s.every("2.0"), s.holds())

	bad := s.release("3.0", map[domain.LifecycleEvent]string{
		domain.ValidateService: "[ $CAREFLOW_HOST != app-2 ] || { echo 'the schema is not what I expect'; exit 4; }\n",
	})
	result, err = s.deploy(process.Input{Release: bad})
	require.NoError(t, err)
	p.end()
	require.Equal(t, domain.DeploymentRolledBack, result.State)
	require.Equal(t, s.every("2.0"), s.holds())
	require.Equal(t, 3, s.up())
	for _, step := range s.steps {
		if step.Name == string(domain.ValidateService) && step.Error == domain.CodeHookFailed {
			require.Equal(t, "app-2", step.Host)
			require.Equal(t, 4, step.ExitCode)
			require.Contains(t, step.Output, "the schema is not what I expect")
		}
	}
	testkit.Eventually(t, func() bool { return s.told("deployment_rolled_back") }, "nobody is told")
	t.Logf("%d requests, %d failed; %d looks, at least %d of 3 served", p.requests, p.failed, p.looks, p.fewest)
	require.GreaterOrEqual(t, p.fewest, 2)
	require.Greater(t, p.requests, 100)
	require.Zero(t, p.failed, p.failures)
}

// What is wrong with an agent, a bundle or a script is called that, and a host that was not
// touched stays as it is.
func TestEachFaultOfAHostIsCalledWhatItIs(t *testing.T) { //nolint:tparallel // one site, one after the other
	t.Parallel()
	s := newSite(t, "app-1", "app-2")
	old := s.release("1.0", map[domain.LifecycleEvent]string{
		// It cannot be stopped in the usual way any more once it is told to be broken.
		domain.ApplicationStop: "[ ! -e " + s.folder + "/broken ] || { echo 'no such unit'; exit 5; }\n" + strings.TrimPrefix(stopScript(s), "#!/bin/bash\n"),
	})
	_, err := s.deploy(process.Input{Release: old})
	require.NoError(t, err)

	t.Run("a bundle that is not its digest", func(t *testing.T) {
		forged := s.release("2.0", nil)
		forged.Digest = "sha256:" + strings.Repeat("0", 64)
		_, err := s.deploy(process.Input{Release: forged})
		require.ErrorContains(t, err, string(domain.CodeNoArtifact))
		require.Equal(t, s.every("1.0"), s.holds())
	})
	t.Run("a script that hangs", func(t *testing.T) {
		hangs := s.release("2.1", map[domain.LifecycleEvent]string{domain.BeforeInstall: "sleep 600\n"})
		result, err := s.deploy(process.Input{Release: hangs})
		require.NoError(t, err)
		require.Equal(t, domain.DeploymentRolledBack, result.State)
		require.Equal(t, s.every("1.0"), s.holds())
		var said string
		for _, step := range s.steps {
			if step.Name == string(domain.BeforeInstall) && step.Error == domain.CodeHookFailed {
				said = step.Detail
			}
		}
		require.Contains(t, said, "has not ended after 20s and was killed")
	})
	t.Run("a broken old stop script", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(s.folder, "broken"), nil, 0o600))
		result, err := s.deploy(process.Input{Release: s.release("2.2", nil)})
		require.NoError(t, err)
		require.Equal(t, domain.DeploymentRolledBack, result.State, "it blocks the release")
		result, err = s.deploy(process.Input{Release: s.release("2.2", nil), PassOldScripts: true})
		require.NoError(t, err)
		require.Equal(t, domain.DeploymentSucceeded, result.State, "unless it is passed over, which is kept")
		require.Equal(t, s.every("2.2"), s.holds())
		passed := s.find("app-2", string(domain.ApplicationStop))
		require.Equal(t, "passed over, as was asked for", passed.Reason)
		require.Equal(t, 5, passed.ExitCode)
	})
	t.Run("an agent that is gone", func(t *testing.T) {
		s.agents["app-2"].Kill()
		_, err := s.deploy(process.Input{Release: s.release("2.3", nil)})
		require.ErrorContains(t, err, string(domain.CodeAgentGone))
		require.ErrorContains(t, err, "no agent on app-2 takes its jobs")
		require.Equal(t, s.every("2.2"), s.holds(), "app-1 comes before it, and was not touched")
	})
}

func stopScript(s *hostSite) string { return strings.ReplaceAll(stopAPI, "%[1]s", s.folder) }

func TestADeploymentToHostsThatIsAbortedHalfwayGoesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, "app-1", "app-2")
	_, err := s.deploy(process.Input{Release: s.release("1.0", nil)})
	require.NoError(t, err)
	reached := make(chan struct{})
	s.whenBegins("app-2", string(domain.AfterInstall), func() { close(reached) })
	run := s.begin(process.Input{Release: s.release("2.0", map[domain.LifecycleEvent]string{domain.AfterInstall: "[ $CAREFLOW_HOST = app-1 ] || sleep 15\n"})})
	select {
	case <-reached:
	case <-time.After(testkit.Patience):
		require.Fail(t, "app-2 is never begun")
	}
	s.say(run, process.Abort)
	var result process.Result
	require.NoError(t, run.Get(testkit.Context(t), &result))
	require.Equal(t, domain.DeploymentRolledBack, result.State)
	require.Equal(t, s.every("1.0"), s.holds())
	require.Equal(t, 2, s.up())
}
