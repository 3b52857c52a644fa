//go:build kubernetes

package kubernetes_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/kubernetes"
	"github.com/careflow/careflow/internal/kubetest"
	"github.com/careflow/careflow/internal/testkit"
)

var _ deployment.Colours = (*kubernetes.Target)(nil)

// place is a namespace with the manifests, and the target with the rights of
// careflow-deploy there: what the Role does not give fails the tests.
type place struct {
	*kubetest.Namespace
	t      *testing.T
	target *kubernetes.Target
	plan   domain.DeploymentService
}

func newPlace(t *testing.T) *place {
	t.Helper()
	n := kubetest.Open(t).Namespace(t, "local")
	n.Settings(t, nil, map[string]map[string]string{
		"careflow-database": {"url": "unused", "owner-url": "unused"},
		"careflow-keys":     {"payload": "", "column": "", "signing": "", "command": "", "link": "", "approval": ""},
		"careflow-stripe":   {"webhook-secret": ""}, "careflow-sendgrid": {"webhook-keys": ""},
	})
	target, err := kubernetes.Open(kubernetes.Config{
		Kubeconfig: n.Kubeconfig(t, "careflow-deploy"), Namespace: n.Name, UnschedulableFor: time.Second, Every: 100 * time.Millisecond,
	})
	require.NoError(t, err)
	return &place{Namespace: n, t: t, target: target, plan: domain.DeploymentService{
		Environment: "test", Service: "api", Strategy: domain.BlueGreen, Instances: 2, Steps: []int{100}, AvailableWithin: time.Minute,
	}}
}

// release is this very program as a service, under a digest of its own.
func release(t *testing.T, version string) domain.Release {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return kubetest.Image(t, self, version, version)
}

func (p *place) in(colour domain.Colour, r domain.Release) deployment.ColourInput {
	return deployment.ColourInput{Plan: p.plan, Colour: colour, Release: r}
}

// bringUp runs a release in a colour until it is whole.
func (p *place) bringUp(colour domain.Colour, r domain.Release) {
	p.t.Helper()
	ctx := testkit.Context(p.t)
	require.NoError(p.t, p.target.Preflight(ctx, p.in(colour, r)))
	require.NoError(p.t, p.target.BringUp(ctx, p.in(colour, r)))
	require.NoError(p.t, p.target.Await(ctx, p.in(colour, r), func(int, int) {}))
}

// failure brings up what cannot be brought up, and returns why.
func (p *place) failure(colour domain.Colour, r domain.Release) *domain.Error {
	p.t.Helper()
	ctx := testkit.Context(p.t)
	require.NoError(p.t, p.target.BringUp(ctx, p.in(colour, r)))
	err := p.target.Await(ctx, p.in(colour, r), func(int, int) {})
	var e *domain.Error
	require.ErrorAs(p.t, err, &e)
	return e
}

func (p *place) inspect() domain.ColoursState {
	p.t.Helper()
	state, err := p.target.Inspect(testkit.Context(p.t), p.plan)
	require.NoError(p.t, err)
	return state
}

func (p *place) switchTo(colour domain.Colour, revision string) (string, error) {
	return p.target.Switch(testkit.Context(p.t), deployment.SwitchInput{Plan: p.plan, To: colour, Share: 100, Revision: revision})
}

// answers asks an address of the cluster which release answers there.
func (p *place) answers(base, host string) string {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, base+"/v1/anything", nil)
	require.NoError(p.t, err)
	request.Host = host
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	_ = response.Body.Close()
	return response.Header.Get("X-Careflow-Release")
}

func TestAReleaseIsBroughtUpBesideTheOtherSwitchedToAndBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	one, two := release(t, "1.0"), release(t, "2.0")

	empty := p.inspect()
	require.Equal(t, domain.Blue, empty.Live, "a service that was never deployed has a live colour all the same")
	require.Empty(t, empty.Colours[domain.Blue].Digest)
	p.bringUp(domain.Blue, one)
	testkit.Eventually(t, func() bool { return p.answers(p.Front(), p.Host) == one.Digest }, "the front door leads to the first release")

	p.bringUp(domain.Green, two)
	state := p.inspect()
	require.True(t, state.Colours[domain.Green].Whole(two.Digest))
	require.Len(t, state.Colours[domain.Green].Instances, 2)
	require.Equal(t, two, state.Colours[domain.Green].Release())
	require.Equal(t, two.Digest, p.answers(state.Colours[domain.Green].Preview, ""), "the preview is past the switch")
	require.Equal(t, two.Digest, p.answers(state.Colours[domain.Green].Instances[0], ""))
	require.Equal(t, one.Digest, p.answers(p.Front(), p.Host), "nothing is switched by bringing up")

	before := state.Revision
	after, err := p.switchTo(domain.Green, before)
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return p.answers(p.Front(), p.Host) == two.Digest }, "the front door leads to the second release")
	again, err := p.switchTo(domain.Green, before)
	require.NoError(t, err, "the same switch once more, as after a lost answer")
	require.Equal(t, after, again)
	require.Equal(t, after, p.inspect().Revision)

	err = p.target.Retire(testkit.Context(t), p.plan, domain.Green)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "the live colour is not retired")
	err = p.target.BringUp(testkit.Context(t), p.in(domain.Green, one))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "nothing is put in the place of the live release")
	require.NoError(t, p.target.BringUp(testkit.Context(t), p.in(domain.Green, two)), "but it may be asked for again")

	_, err = p.switchTo(domain.Blue, after)
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return p.answers(p.Front(), p.Host) == one.Digest }, "and back")
	require.NoError(t, p.target.Retire(testkit.Context(t), p.plan, domain.Green))
	testkit.Eventually(t, func() bool { s := p.inspect().Colours[domain.Green]; return s.Ready == 0 && s.Wanted == 0 }, "the retired colour stops")
	require.NoError(t, p.target.Retire(testkit.Context(t), p.plan, domain.Green))
}

func TestASwitchThatSomebodyElseMovedIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	one := release(t, "1.0")
	p.bringUp(domain.Green, one)
	decidedOn := p.inspect().Revision

	_, err := p.Client.CoreV1().Services(p.Name).Patch(t.Context(), "careflow-api", types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"touched":"by hand"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.NotEqual(t, decidedOn, p.inspect().Revision, "drift shows")
	_, err = p.switchTo(domain.Green, decidedOn)
	require.Equal(t, domain.CodeStale, domain.CodeOf(err))
	require.Equal(t, domain.Blue, p.inspect().Live, "nothing has moved")
}

func TestOfTwoSwitchesDecidedOnTheSameRevisionOneWins(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.bringUp(domain.Green, release(t, "1.0"))
	revision := p.inspect().Revision
	raw := fmt.Sprintf(`[{"op":"test","path":"/metadata/resourceVersion","value":%q},{"op":"add","path":"/metadata/labels/raced","value":"yes"}]`, revision)
	_, err := p.Client.CoreV1().Services(p.Name).Patch(t.Context(), "careflow-api", types.JSONPatchType, []byte(raw), metav1.PatchOptions{})
	require.NoError(t, err, "the other one comes first")
	_, err = p.switchTo(domain.Green, revision)
	require.Equal(t, domain.CodeStale, domain.CodeOf(err))
}

func TestASwitchToNothingOrInStepsIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	revision := p.inspect().Revision
	_, err := p.switchTo(domain.Green, revision)
	require.Equal(t, domain.CodeNotAvailable, domain.CodeOf(err), "nobody would answer")
	_, err = p.target.Switch(t.Context(), deployment.SwitchInput{Plan: p.plan, To: domain.Green, Share: 25, Revision: revision})
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
	p.plan.Steps = []int{25, 100}
	err = p.target.Preflight(t.Context(), p.in(domain.Green, release(t, "1.0")))
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err), "and known before anything is brought up")
}

func TestAReleaseThatDoesNotComeUpTellsWhy(t *testing.T) {
	t.Parallel()
	t.Run("its image does not exist", func(t *testing.T) {
		t.Parallel()
		e := newPlace(t).failure(domain.Green, kubetest.Missing("9.9"))
		require.Equal(t, domain.CodeNoArtifact, e.Code)
		require.Contains(t, e.Message, "registry.test/careflow@sha256:abab")
	})
	t.Run("it crashes", func(t *testing.T) {
		t.Parallel()
		e := newPlace(t).failure(domain.Green, kubetest.Script(t, "2.0", "echo 'no such table: visits' >&2; exit 3"))
		require.Equal(t, domain.CodeNotAvailable, e.Code)
		require.Contains(t, e.Message, "exit code 3")
		require.Contains(t, e.Detail, "no such table: visits", "what it printed last is the cause")
	})
	t.Run("it never gets ready", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		p.plan.AvailableWithin = 3 * time.Second
		e := p.failure(domain.Green, kubetest.Script(t, "2.0", "sleep 600"))
		require.Equal(t, domain.CodeNotAvailable, e.Code)
		require.Contains(t, e.Message, "progress deadline")
		require.Contains(t, e.Message, "its readiness probe fails")
	})
	t.Run("a secret is missing", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		require.NoError(t, p.Client.CoreV1().Secrets(p.Name).Delete(t.Context(), "careflow-keys", metav1.DeleteOptions{}))
		e := p.failure(domain.Green, release(t, "2.0"))
		require.Equal(t, domain.CodeNotAvailable, e.Code)
		require.Contains(t, e.Message, `secrets "careflow-keys" not found`)
	})
	t.Run("no node takes it", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		p.template(`[{"op":"add","path":"/template/spec/containers/0/resources/requests/cpu","value":"400"}]`)
		e := p.failure(domain.Green, release(t, "2.0"))
		require.Equal(t, domain.CodeNotAvailable, e.Code)
		require.Contains(t, e.Message, "Insufficient cpu")
	})
	t.Run("it is not as strict as the namespace wants", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		p.template(`[{"op":"replace","path":"/template/spec/containers/0/securityContext/allowPrivilegeEscalation","value":true}]`)
		e := p.failure(domain.Green, release(t, "2.0"))
		require.Equal(t, domain.CodeNotAvailable, e.Code)
		require.Contains(t, e.Message, `violates PodSecurity "restricted:latest"`)
	})
	t.Run("the quota is full", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		p.quota("1")
		e := p.failure(domain.Green, release(t, "2.0"))
		require.Equal(t, domain.CodeQuota, e.Code)
	})
}

func TestPreflightFindsOutBeforeAnythingIsBroughtUp(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	one := release(t, "1.0")

	tagged := one
	tagged.Artifact = "registry.test/careflow:1.0"
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(p.target.Preflight(t.Context(), p.in(domain.Green, tagged))))

	unknown := p.plan
	unknown.Service = "nothing"
	err := p.target.Preflight(t.Context(), deployment.ColourInput{Plan: unknown, Colour: domain.Green, Release: one})
	require.Equal(t, domain.CodeDeployAccess, domain.CodeOf(err), "its rights are for the services of the manifests only")

	p.quota("1")
	err = p.target.Preflight(t.Context(), p.in(domain.Green, one))
	require.Equal(t, domain.CodeQuota, domain.CodeOf(err))
	require.ErrorContains(t, err, "2 instances need 2 pods, 1 is left")
	require.Empty(t, p.inspect().Colours[domain.Green].Digest, "nothing was brought up")
}

func TestCredentialsThatAreMissingWrongOrTooWeakAreCalledSo(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	_, err := kubernetes.Open(kubernetes.Config{Kubeconfig: "/nowhere/kubeconfig", Namespace: p.Name})
	require.Equal(t, domain.CodeDeployAccess, domain.CodeOf(err))
	require.ErrorContains(t, err, "the file /nowhere/kubeconfig does not exist")

	stranger, err := kubernetes.Open(kubernetes.Config{Kubeconfig: p.Stranger(t), Namespace: p.Name})
	require.NoError(t, err)
	_, err = stranger.Inspect(t.Context(), p.plan)
	require.Equal(t, domain.CodeDeployAccess, domain.CodeOf(err))
	require.ErrorContains(t, err, "does not accept the credentials")

	weak, err := kubernetes.Open(kubernetes.Config{Kubeconfig: p.Kubeconfig(t, "careflow-api"), Namespace: p.Name})
	require.NoError(t, err)
	err = weak.Preflight(t.Context(), p.in(domain.Green, release(t, "1.0")))
	require.Equal(t, domain.CodeDeployAccess, domain.CodeOf(err))
	require.ErrorContains(t, err, "patch services", "every right that is lacking is named")
	require.ErrorContains(t, err, "create deployments")
}

func TestAMigrationRunsOnceAndItsFailureTellsWhatItPrinted(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	fine := kubetest.Script(t, "2.0", "exit 0")
	outcome, err := p.target.Migrate(testkit.Context(t), p.in(domain.Green, fine))
	require.NoError(t, err)
	require.Zero(t, outcome.ExitCode)
	_, err = p.target.Migrate(testkit.Context(t), p.in(domain.Green, fine))
	require.NoError(t, err)
	jobs, err := p.Client.BatchV1().Jobs(p.Name).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, jobs.Items, 1, "asked again, it is the same job")

	broken := kubetest.Script(t, "3.0", "echo 'column exists' >&2; exit 1")
	for range 2 { // a failed one is replaced at another try
		outcome, err = p.target.Migrate(testkit.Context(t), p.in(domain.Green, broken))
		require.Equal(t, domain.CodeHookFailed, domain.CodeOf(err))
		require.Equal(t, 1, outcome.ExitCode)
		require.Contains(t, outcome.Output, "column exists")
	}
}

// template changes the PodTemplate of the API.
func (p *place) template(patch string) {
	p.t.Helper()
	_, err := p.Client.CoreV1().PodTemplates(p.Name).Patch(p.t.Context(), "careflow-api", types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(p.t, err)
}

// quota leaves room for so many pods, and waits until that is in force.
func (p *place) quota(pods string) {
	p.t.Helper()
	quotas := p.Client.CoreV1().ResourceQuotas(p.Name)
	_, err := quotas.Create(p.t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse(pods)}},
	}, metav1.CreateOptions{})
	require.NoError(p.t, err)
	testkit.Eventually(p.t, func() bool {
		q, err := quotas.Get(p.t.Context(), "small", metav1.GetOptions{})
		return err == nil && len(q.Status.Used) > 0
	}, "the quota is counted")
}
