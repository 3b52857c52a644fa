//go:build kubernetes

package kubernetes_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/kubernetes"
	"github.com/careflow/careflow/internal/kubetest"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

const headerRelease = "X-Careflow-Release"

// cluster is a clinic whose API runs as pods.
type cluster struct {
	*kubetest.Namespace
	t      *testing.T
	clinic *clinic.Clinic
}

// secretOf says which of the API's variables come from which secret.
var secretOf = map[string][2]string{
	"CAREFLOW_DATABASE_URL": {"careflow-database", "url"},
	"CAREFLOW_PAYLOAD_KEYS": {"careflow-keys", "payload"}, "CAREFLOW_COLUMN_KEYS": {"careflow-keys", "column"},
	"CAREFLOW_SIGNING_KEYS": {"careflow-keys", "signing"}, "CAREFLOW_COMMAND_KEYS": {"careflow-keys", "command"},
	"CAREFLOW_LINK_KEYS":             {"careflow-keys", "link"},
	"CAREFLOW_STRIPE_WEBHOOK_SECRET": {"careflow-stripe", "webhook-secret"}, "CAREFLOW_STRIPE_KEY": {"careflow-stripe", "key"},
	"CAREFLOW_SENDGRID_WEBHOOK_KEYS": {"careflow-sendgrid", "webhook-keys"}, "CAREFLOW_SENDGRID_KEY": {"careflow-sendgrid", "key"},
}

// newCluster puts the manifests and the clinic's settings into a namespace.
func newCluster(t *testing.T, c *clinic.Clinic) *cluster {
	t.Helper()
	n := kubetest.Open(t).Namespace(t, "local")
	settings, secrets := map[string]string{}, map[string]map[string]string{}
	for _, variable := range c.Env() {
		name, value, _ := strings.Cut(variable, "=")
		if at, secret := secretOf[name]; secret {
			if secrets[at[0]] == nil {
				secrets[at[0]] = map[string]string{}
			}
			secrets[at[0]][at[1]] = value
			continue
		}
		settings[name] = value
	}
	delete(settings, "CAREFLOW_HTTP_ADDRESS") // of a pod: its own
	secrets["careflow-database"]["owner-url"] = secrets["careflow-database"]["url"]
	n.Settings(t, settings, secrets)
	return &cluster{Namespace: n, t: t, clinic: c}
}

// release is the product under a digest of its own.
func (c *cluster) release(version string) domain.Release {
	c.t.Helper()
	return kubetest.Image(c.t, filepath.Join(testkit.Env(c.t, "CAREFLOW_TEST_BIN"), "careflow"), version, version)
}

// live is the release that the front door gives to a new connection, "" while there is none.
func (c *cluster) live() string {
	request, err := http.NewRequest(http.MethodGet, c.Front()+"/.well-known/jwks.json", nil)
	require.NoError(c.t, err)
	request.Host = c.Host
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		return ""
	}
	_ = response.Body.Close()
	return response.Header.Get(headerRelease)
}

// target deploys with the rights of careflow-deploy.
func (c *cluster) target() *kubernetes.Target {
	c.t.Helper()
	target, err := kubernetes.Open(kubernetes.Config{Kubeconfig: c.Kubeconfig(c.t, "careflow-deploy"), Namespace: c.Name, Every: 100 * time.Millisecond})
	require.NoError(c.t, err)
	return target
}

var plan = domain.DeploymentService{
	Environment: "test", Service: "api", Strategy: domain.BlueGreen, Instances: 2, Steps: []int{100}, AvailableWithin: 2 * time.Minute,
}

// bringUp runs a release in a colour until it is whole.
func (c *cluster) bringUp(target *kubernetes.Target, colour domain.Colour, r domain.Release) {
	c.t.Helper()
	ctx, in := testkit.Context(c.t), deployment.ColourInput{Plan: plan, Colour: colour, Release: r}
	require.NoError(c.t, target.Preflight(ctx, in))
	require.NoError(c.t, target.BringUp(ctx, in))
	require.NoError(c.t, target.Await(ctx, in, func(int, int) {}))
}

// move switches to a colour on what the switch is now.
func (c *cluster) move(target *kubernetes.Target, to domain.Colour) {
	c.t.Helper()
	ctx := testkit.Context(c.t)
	state, err := target.Inspect(ctx, plan)
	require.NoError(c.t, err)
	_, err = target.Switch(ctx, deployment.SwitchInput{Plan: plan, To: to, Share: 100, Revision: state.Revision})
	require.NoError(c.t, err)
}
