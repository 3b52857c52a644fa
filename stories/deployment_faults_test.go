package stories_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/stories/clinic"
)

// Each fault has a code and says what to do, in the API and on the command line: credentials
// that are missing, a bundle that does not exist, a script that hangs, an agent that is gone.
func TestOpsReadWhatIsWrongWithADeployment(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	s := newHosts(t, c, "app-1")
	s.scriptsWithin = "2s"
	folder := t.TempDir()
	blueGreen := func(service, target, section string) string {
		return fmt.Sprintf("  - {environment: %s, service: %s, strategy: blue_green, target: %s, front_door: %q, %s}\n", s.plan.Environment, service, target, c.API, section)
	}
	deployWorker(t, c, s.onHosts("api", s.plan.Hosts, "balancer: edge")+s.onHosts("jobs", []string{"nobody"}, "")+
		blueGreen("web", "kubernetes", fmt.Sprintf("kubernetes: {kubeconfig: %s/kubeconfig, namespace: careflow}", folder))+
		blueGreen("pages", "host", fmt.Sprintf(`host: {folder: %[1]s/pages, colours: {blue: ["127.0.0.1:1"], green: ["127.0.0.1:2"]}, run: [serve], nginx: {flag: %[1]s/live}}`, folder)))
	ops := c.Login("ops")
	hangs := s.release("1.0", map[domain.LifecycleEvent]string{domain.BeforeInstall: "sleep 600\n"})
	nowhere := domain.Release{Version: "1.0", Digest: "sha256:" + strings.Repeat("f", 64), Artifact: "file://" + filepath.Join(folder, "no-such-bundle.tar.gz")}
	begun := map[string]string{}
	for service, r := range map[string]domain.Release{"api": hangs, "jobs": hangs, "web": nowhere, "pages": nowhere} {
		begun[service] = deploy(t, ops, asked(s.plan.Environment, service, r))
	}
	for service, want := range map[string]struct {
		code  domain.Code
		says  string
		state domain.DeploymentState
		exit  int
	}{
		"web":   {domain.CodeDeployAccess, "there are no credentials for Kubernetes: the file " + folder + "/kubeconfig does not exist", domain.DeploymentFailed, 3},
		"pages": {domain.CodeNoArtifact, "no-such-bundle.tar.gz", domain.DeploymentFailed, 3},
		"api":   {domain.CodeHookFailed, "BeforeInstall on app-1: scripts/BeforeInstall.sh has not ended after 2s and was killed", domain.DeploymentRolledBack, 4},
		"jobs":  {domain.CodeAgentGone, "no agent on nobody takes its jobs: start `careflow agent` there", domain.DeploymentFailed, 3},
	} {
		id := begun[service]
		d := deployed(t, ops, id, want.state)
		require.Equal(t, string(want.code), d.ErrorCode, service)
		require.Contains(t, d.ErrorDetail, want.says)
		said, exit := c.CareflowSays("ops", "deploy", "follow", id)
		require.Equal(t, want.exit, exit, said)
		require.Contains(t, said, fmt.Sprintf("FAILED %s: ", want.code))
		require.Contains(t, said, want.says)
		require.Contains(t, c.Careflow("ops", "deploy", "show", id), want.says)
	}
	require.Regexp(t, `web .*deploy_access there are no credentials for Kubernetes`, c.Careflow("ops", "deploy", "services"))
}
