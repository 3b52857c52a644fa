//go:build kubernetes

package kubernetes_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/careflow/careflow/internal/kubetest"
	"github.com/careflow/careflow/internal/testkit"
)

// TestTheManifestsOfEachEnvironmentAreWhatTheAPIServerKnows applies them strictly: a field
// that is misspelt, in the wrong place or of another type is refused by the server itself.
func TestTheManifestsOfEachEnvironmentAreWhatTheAPIServerKnows(t *testing.T) {
	t.Parallel()
	for _, overlay := range []string{"local", "staging", "production"} {
		t.Run(overlay, func(t *testing.T) {
			t.Parallel()
			kubetest.Open(t).Namespace(t, overlay)
		})
	}
}

func TestAMisspeltFieldIsRefused(t *testing.T) {
	t.Parallel()
	n := kubetest.Open(t).Namespace(t, "production")
	for _, object := range kubetest.Build(t, "production") {
		if object.GetKind() != "PodDisruptionBudget" {
			continue
		}
		object.SetNamespace(n.Name)
		object.Object["spec"].(map[string]any)["maxUnavailible"] = 1
		require.ErrorContains(t, n.Apply(object), "maxUnavailible")
		return
	}
	require.Fail(t, "there is no disruption budget")
}

// TestNoPodIsRefusedByThePolicyOfItsNamespace makes a pod of each template, without
// keeping it, where the namespace demands the restricted standard.
func TestNoPodIsRefusedByThePolicyOfItsNamespace(t *testing.T) {
	t.Parallel()
	n := kubetest.Open(t).Namespace(t, "production")
	ctx := testkit.Context(t)
	namespace, err := n.Client.CoreV1().Namespaces().Get(ctx, n.Name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "restricted", namespace.Labels["pod-security.kubernetes.io/enforce"])

	templates := map[string]corev1.PodTemplateSpec{}
	deployments, err := n.Client.AppsV1().Deployments(n.Name).List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	for _, d := range deployments.Items {
		templates[d.Name] = d.Spec.Template
	}
	own, err := n.Client.CoreV1().PodTemplates(n.Name).List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	for _, p := range own.Items {
		templates[p.Name] = p.Template
	}
	require.GreaterOrEqual(t, len(templates), 5)
	for name, template := range templates {
		_, err := n.Client.CoreV1().Pods(n.Name).Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: template.Labels}, Spec: template.Spec,
		}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		require.NoError(t, err, name)
		for _, c := range template.Spec.Containers {
			require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, "%s writes to its image", name)
			require.NotEmpty(t, c.Resources.Requests, "%s asks for nothing", name)
			require.Contains(t, c.Resources.Limits, corev1.ResourceMemory, "%s may take a node's memory", name)
		}
	}
}

// TestTheRunbooksPatchMovesTheSwitchWhereItIsMeantTo is what ops do when nothing of ours is
// there to do it: the patch as it stands in the runbook, and not where somebody else was first.
func TestTheRunbooksPatchMovesTheSwitchWhereItIsMeantTo(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`(?s)kubectl patch service careflow-api --type json --patch '(.*?)'`).FindSubmatch(kubetest.Read(t, "../RUNBOOK.md"))
	require.NotNil(t, found)
	n := kubetest.Open(t).Namespace(t, "production")
	services := n.Client.CoreV1().Services(n.Name)
	patch := func(text string) error {
		_, err := services.Patch(testkit.Context(t), "careflow-api", types.JSONPatchType, []byte(text), metav1.PatchOptions{})
		return err
	}
	back := string(found[1])
	require.Error(t, patch(back), "it is blue already")
	there := strings.NewReplacer("green", "blue", "blue", "green").Replace(back)
	require.NoError(t, patch(there))
	require.NoError(t, patch(back))
	s, err := services.Get(testkit.Context(t), "careflow-api", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "blue", s.Spec.Selector["careflow.dev/colour"])
}
