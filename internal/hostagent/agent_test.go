package hostagent_test

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/hostagent"
	"github.com/careflow/careflow/internal/hostagent/bundletest"
)

// host is an agent with a folder of its own.
type host struct {
	t     *testing.T
	agent *hostagent.Agent
}

func newHost(t *testing.T) *host {
	t.Helper()
	return &host{t: t, agent: &hostagent.Agent{Root: t.TempDir(), Version: "test"}}
}

func (h *host) job(event domain.LifecycleEvent, comes, goes domain.Release) domain.HostJob {
	return domain.HostJob{
		DeploymentID: "d1", Environment: "test", Service: "api", Host: "app-1", Event: event, Release: comes, Previous: goes.Digest,
	}
}

func (h *host) run(event domain.LifecycleEvent, comes, goes domain.Release) (domain.StepOutcome, error) {
	return h.agent.Run(h.t.Context(), h.job(event, comes, goes))
}

// deploy carries out every event of the agent's.
func (h *host) deploy(comes, goes domain.Release) {
	h.t.Helper()
	for _, event := range domain.LifecycleEvents() {
		if event.Traffic() {
			continue
		}
		_, err := h.run(event, comes, goes)
		require.NoError(h.t, err, event)
	}
}

func (h *host) current() string {
	h.t.Helper()
	s, err := h.agent.Prepare(h.t.Context(), h.job("", domain.Release{}, domain.Release{}))
	require.NoError(h.t, err)
	return s.Current.Digest
}

// scripted is a release whose scripts each add a line to a file.
func scripted(t *testing.T, version, into string) domain.Release {
	files := bundletest.Files{"version": version}
	var events []domain.LifecycleEvent
	for _, e := range domain.LifecycleEvents() {
		if e.Scripted() {
			events = append(events, e)
			files["scripts/"+string(e)+".sh"] = fmt.Sprintf("#!/bin/sh\necho \"%s of %s, $(cat version), $(readlink $CAREFLOW_CURRENT | wc -l) in place\" >> %s\n", e, version, into)
		}
	}
	files[hostagent.SpecFile] = bundletest.Spec(events...)
	return bundletest.Pack(t, version, files)
}

func TestTheReleaseThatGoesIsStoppedByItsOwnScripts(t *testing.T) {
	t.Parallel()
	h, into := newHost(t), filepath.Join(t.TempDir(), "ran")
	one, two := scripted(t, "1.0", into), scripted(t, "2.0", into)
	h.deploy(one, domain.Release{})
	h.deploy(two, one)
	require.Equal(t, two.Digest, h.current())
	ran, err := os.ReadFile(into)
	require.NoError(t, err)
	require.Equal(t, `BeforeInstall of 1.0, 1.0, 0 in place
AfterInstall of 1.0, 1.0, 1 in place
ApplicationStart of 1.0, 1.0, 1 in place
ValidateService of 1.0, 1.0, 1 in place
BeforeAllowTraffic of 1.0, 1.0, 1 in place
AfterAllowTraffic of 1.0, 1.0, 1 in place
BeforeBlockTraffic of 1.0, 1.0, 1 in place
AfterBlockTraffic of 1.0, 1.0, 1 in place
ApplicationStop of 1.0, 1.0, 1 in place
BeforeInstall of 2.0, 2.0, 1 in place
AfterInstall of 2.0, 2.0, 1 in place
ApplicationStart of 2.0, 2.0, 1 in place
ValidateService of 2.0, 2.0, 1 in place
BeforeAllowTraffic of 2.0, 2.0, 1 in place
AfterAllowTraffic of 2.0, 2.0, 1 in place
`, string(ran))
}

type refusedBundle struct {
	release domain.Release
	says    string
}

func refuse(t *testing.T, cases map[string]refusedBundle, unpacked int) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			_, err := h.agent.Prepare(t.Context(), h.job("", c.release, domain.Release{}))
			require.Equal(t, domain.CodeNoArtifact, domain.CodeOf(err), err)
			require.ErrorContains(t, err, c.says)
			left, err := filepath.Glob(filepath.Join(h.agent.Root, "test/api/releases/*/"+hostagent.SpecFile))
			require.NoError(t, err)
			require.LessOrEqual(t, len(left), unpacked)
		})
	}
}

func TestABundleThatIsNotWhatItShouldBeIsNotUnpacked(t *testing.T) {
	t.Parallel()
	good := bundletest.Files{hostagent.SpecFile: "version: 1\n", "a": "x"}
	entry := func(h tar.Header) domain.Release {
		return bundletest.PackEntries(t, "1.0", []tar.Header{{Name: hostagent.SpecFile, Mode: 0o644, Size: int64(len(good[hostagent.SpecFile]))}, h}, good)
	}
	forged := bundletest.Pack(t, "1.0", good)
	forged.Digest = "sha256:" + strings.Repeat("0", 64)
	gone := forged
	gone.Artifact = "file:///nowhere/there.tar.zst"
	refuse(t, map[string]refusedBundle{
		"another digest":      {forged, "not sha256:000"},
		"nothing there":       {gone, "no bundle at /nowhere"},
		"a path that escapes": {entry(tar.Header{Name: "../evil", Mode: 0o644}), "outside"},
		"an absolute path":    {entry(tar.Header{Name: "/etc/evil", Mode: 0o644}), "outside"},
		"a link that escapes": {entry(tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../../etc"}), "leads out"},
		"a device":            {entry(tar.Header{Name: "d", Typeflag: tar.TypeBlock}), "neither a file"},
		"a name twice":        {entry(tar.Header{Name: hostagent.SpecFile, Mode: 0o644}), "exists"},
	}, 0)
}

func TestABundleThatCannotBeCarriedOutIsRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	spec := func(text string) domain.Release {
		return bundletest.Pack(t, "1.0", bundletest.Files{hostagent.SpecFile: text, "plain.sh": "echo", "good.sh": "#!/bin/sh\n"})
	}
	refuse(t, map[string]refusedBundle{
		"no release file":     {bundletest.Pack(t, "1.0", bundletest.Files{"a": "x"}), "has no careflow-release.yaml"},
		"a word misspelt":     {spec("version: 1\nhook: {}\n"), "cannot be read"},
		"another version":     {spec("version: 2\n"), "knows version 1"},
		"an event of ours":    {spec("version: 1\nhooks: {Install: [{script: good.sh}]}\n"), "no event that runs any"},
		"a script not there":  {spec("version: 1\nhooks: {AfterInstall: [{script: no.sh}]}\n"), "does not hold"},
		"a script outside":    {spec("version: 1\nhooks: {AfterInstall: [{script: /bin/true}]}\n"), "within the bundle"},
		"not executable":      {spec("version: 1\nhooks: {AfterInstall: [{script: plain.sh}]}\n"), "not an executable"},
		"more than is waited": {spec("version: 1\nhooks: {AfterInstall: [{script: good.sh, timeout: 31m}]}\n"), "at most 30m"},
		"a link to nothing":   {spec("version: 1\nfiles: [{source: no, destination: /etc/no}]\n"), "does not hold"},
	}, 1)
}

func one(event domain.LifecycleEvent, script string) bundletest.Files {
	return bundletest.Files{hostagent.SpecFile: bundletest.Spec(event), "scripts/" + string(event) + ".sh": "#!/bin/sh\n" + script}
}

// prepared is a host that holds a release with one script.
func prepared(t *testing.T, event domain.LifecycleEvent, script string) (*host, domain.Release) {
	h, r := newHost(t), bundletest.Pack(t, "1.0", one(event, script))
	_, err := h.agent.Prepare(t.Context(), h.job("", r, domain.Release{}))
	require.NoError(t, err)
	return h, r
}

func TestAScriptThatFailsKeepsTheLastOfWhatItPrinted(t *testing.T) {
	t.Parallel()
	h, r := prepared(t, domain.ValidateService, "seq 1 20000; echo broken >&2; exit 3\n")
	outcome, err := h.run(domain.ValidateService, r, domain.Release{})
	require.Equal(t, domain.CodeHookFailed, domain.CodeOf(err))
	require.ErrorContains(t, err, "exit status 3")
	require.Equal(t, 3, outcome.ExitCode)
	require.LessOrEqual(t, len(outcome.Output), domain.MostOutput)
	require.Greater(t, len(outcome.Output), domain.MostOutput-100)
	require.Contains(t, outcome.Output, "20000\nbroken\n")
}

func TestAScriptKnowsNothingOfTheAgentsSettings(t *testing.T) {
	require.NoError(t, os.Setenv("CAREFLOW_PAYLOAD_KEYS", "secret")) //nolint:usetesting // the test is parallel to none
	t.Cleanup(func() { _ = os.Unsetenv("CAREFLOW_PAYLOAD_KEYS") })
	h, r := prepared(t, domain.AfterInstall, "env\n")
	outcome, err := h.run(domain.AfterInstall, r, domain.Release{})
	require.NoError(t, err)
	require.Contains(t, outcome.Output, "CAREFLOW_EVENT=AfterInstall\n")
	require.Contains(t, outcome.Output, "CAREFLOW_DIGEST="+r.Digest+"\n")
	require.NotContains(t, outcome.Output, "secret")
}

// The script starts what leaves its group and its session.
const hangs = "setsid sh -c 'echo $$ >> pids; exec sleep 600' & echo $$ >> pids; wait\n"

func pids(t *testing.T, h *host, r domain.Release) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.agent.Root, "test/api/releases", strings.TrimPrefix(r.Digest, "sha256:"), "pids"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

func alive(pid string) bool {
	state, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(state), ") Z ")
}

func TestAScriptThatHangsIsKilledWithAllThatItStarted(t *testing.T) {
	t.Parallel()
	files := one(domain.ApplicationStart, hangs)
	files[hostagent.SpecFile] = "version: 1\nhooks:\n  ApplicationStart: [{script: scripts/ApplicationStart.sh, timeout: 1s}]\n"
	h, r := newHost(t), bundletest.Pack(t, "1.0", files)
	_, err := h.agent.Prepare(t.Context(), h.job("", r, domain.Release{}))
	require.NoError(t, err)
	began := time.Now()
	_, err = h.run(domain.ApplicationStart, r, domain.Release{})
	require.Equal(t, domain.CodeHookFailed, domain.CodeOf(err))
	require.ErrorContains(t, err, "has not ended after 1s and was killed")
	require.Less(t, time.Since(began), time.Minute, "the script would go on for ten")
	require.Len(t, pids(t, h, r), 2)
	for _, pid := range pids(t, h, r) {
		require.False(t, alive(pid), "process %s is alive", pid)
	}
}

// An agent that was killed may leave a script running. The next try ends it and begins
// again, alone.
func TestWhatACrashLeftIsEndedBeforeTheScriptRunsAgain(t *testing.T) {
	t.Parallel()
	h, r := prepared(t, domain.ApplicationStart, "exit 0\n")
	left := exec.CommandContext(context.WithoutCancel(t.Context()), "setsid", "sleep", "600")
	left.Env = []string{"CAREFLOW_HOOK=before-the-crash"}
	require.NoError(t, left.Start())
	ended := make(chan error, 1)
	go func() { ended <- left.Wait() }()
	require.NoError(t, os.WriteFile(filepath.Join(h.agent.Root, "test/api/unfinished"), []byte("before-the-crash"), 0o600))
	_, err := h.run(domain.ApplicationStart, r, domain.Release{})
	require.NoError(t, err)
	require.ErrorContains(t, <-ended, "killed")
}

func TestAServiceThatAScriptStartedGoesOn(t *testing.T) {
	t.Parallel()
	h, r := prepared(t, domain.ApplicationStart, "setsid sh -c 'echo $$ > pids; exec sleep 600' > /dev/null 2>&1 &\nwhile [ ! -s pids ]; do :; done\n")
	_, err := h.run(domain.ApplicationStart, r, domain.Release{})
	require.NoError(t, err)
	require.Len(t, pids(t, h, r), 1)
	require.True(t, alive(pids(t, h, r)[0]))
	require.NoError(t, exec.CommandContext(t.Context(), "kill", pids(t, h, r)[0]).Run())
}

func TestFiveReleasesStayOnAHost(t *testing.T) {
	t.Parallel()
	h, last := newHost(t), domain.Release{}
	for i := range 8 {
		next := bundletest.Pack(t, fmt.Sprintf("%d.0", i), bundletest.Files{hostagent.SpecFile: "version: 1\n", "v": fmt.Sprint(i)})
		h.deploy(next, last)
		last = next
	}
	kept, err := filepath.Glob(filepath.Join(h.agent.Root, "test/api/releases/*/v"))
	require.NoError(t, err)
	require.Len(t, kept, 5)
	require.Equal(t, last.Digest, h.current())
}

func TestTheFirstReleaseOfAHostCanGoAgain(t *testing.T) {
	t.Parallel()
	h, r := newHost(t), bundletest.Pack(t, "1.0", bundletest.Files{hostagent.SpecFile: "version: 1\n"})
	h.deploy(r, domain.Release{})
	_, err := h.run(domain.Install, domain.Release{}, r)
	require.NoError(t, err)
	require.Empty(t, h.current())
}

func TestLinksToFilesArePlacedWhereTheHostAllowsItAndOverNothingElse(t *testing.T) {
	t.Parallel()
	h, units := newHost(t), t.TempDir()
	release := func(version string) domain.Release {
		return bundletest.Pack(t, version, bundletest.Files{
			hostagent.SpecFile: "version: 1\nfiles: [{source: unit, destination: " + units + "/api.service}]\n", "unit": version,
		})
	}
	first, second := release("1.0"), release("2.0")
	_, err := h.agent.Prepare(t.Context(), h.job("", first, domain.Release{}))
	require.NoError(t, err)
	_, err = h.run(domain.Install, first, domain.Release{})
	require.Equal(t, domain.CodeDeployAccess, domain.CodeOf(err), "the host's settings do not allow it")

	h.agent.Files = []string{units}
	h.deploy(first, domain.Release{})
	h.deploy(second, first)
	there, err := os.ReadFile(filepath.Join(units, "api.service"))
	require.NoError(t, err)
	require.Equal(t, "2.0", string(there))

	require.NoError(t, os.Remove(filepath.Join(units, "api.service")))
	require.NoError(t, os.WriteFile(filepath.Join(units, "api.service"), []byte("by hand"), 0o600))
	_, err = h.run(domain.Install, first, second)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
}
