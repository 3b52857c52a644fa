// Package kubetest gives tests a real Kubernetes: `make test-k8s` brings up the control
// plane, and a node that runs pods as processes. Each test has a namespace of its own with
// the manifests of deploy/kubernetes in it.
package kubetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/kubenode"
	"github.com/careflow/careflow/internal/testkit"
)

// Cluster is the control plane as its administrator sees it.
type Cluster struct {
	t      testing.TB
	access *rest.Config
	Client kubernetes.Interface
	kinds  meta.RESTMapper
	any    dynamic.Interface
}

// Open connects to the cluster of `make test-k8s`.
func Open(t testing.TB) *Cluster {
	t.Helper()
	access, err := clientcmd.BuildConfigFromFlags("", testkit.Env(t, "CAREFLOW_TEST_KUBECONFIG"))
	require.NoError(t, err)
	access.QPS = -1
	client, err := kubernetes.NewForConfig(access)
	require.NoError(t, err)
	kinds, err := discovery.NewDiscoveryClientForConfig(access)
	require.NoError(t, err)
	groups, err := restmapper.GetAPIGroupResources(kinds)
	require.NoError(t, err)
	anything, err := dynamic.NewForConfig(access)
	require.NoError(t, err)
	return &Cluster{t: t, access: access, Client: client, kinds: restmapper.NewDiscoveryRESTMapper(groups), any: anything}
}

// Front is the base URL of the front door, which obeys the Ingresses of all namespaces.
func (c *Cluster) Front() string { return "http://" + testkit.Env(c.t, "CAREFLOW_TEST_KUBE_FRONT") }

// Namespace is a namespace of a test's own.
type Namespace struct {
	*Cluster
	Name string
	// Host is the name that the namespace's Ingress for the API answers to.
	Host string
}

// Namespace makes a namespace with what an overlay of deploy/kubernetes says, applied
// strictly: a field that the API does not know is an error. Deployments of the overlay
// get no instances: tests start what they are about.
func (c *Cluster) Namespace(t testing.TB, overlay string) *Namespace {
	t.Helper()
	name := "t-" + domain.NewID()
	n := &Namespace{Cluster: c, Name: name, Host: name + ".test"}
	t.Cleanup(func() {
		now := int64(0) // processes of a test that is over need no grace
		ctx := context.Background()
		_ = c.Client.CoreV1().Pods(name).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
		_ = c.Client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	})
	for _, object := range Build(t, overlay) {
		n.adapt(object)
		require.NoError(t, n.Apply(object), "%s %s", object.GetKind(), object.GetName())
	}
	return n
}

// adapt moves an object of an overlay into the test's namespace.
func (n *Namespace) adapt(object *unstructured.Unstructured) {
	switch object.GetKind() {
	case "Namespace":
		object.SetName(n.Name)
		return
	case "Deployment":
		_ = unstructured.SetNestedField(object.Object, int64(0), "spec", "replicas")
	case "Ingress":
		rules, _, _ := unstructured.NestedSlice(object.Object, "spec", "rules")
		if object.GetName() == "careflow-api" {
			rules[0].(map[string]any)["host"] = n.Host
		} else {
			rules[0].(map[string]any)["host"] = object.GetName() + "." + n.Host
		}
		_ = unstructured.SetNestedSlice(object.Object, rules, "spec", "rules")
	case "RoleBinding":
		subjects, _, _ := unstructured.NestedSlice(object.Object, "subjects")
		for _, s := range subjects {
			s.(map[string]any)["namespace"] = n.Name
		}
		_ = unstructured.SetNestedSlice(object.Object, subjects, "subjects")
	}
	object.SetNamespace(n.Name)
}

// Build is what kustomize makes of an overlay.
func Build(t testing.TB, overlay string) []*unstructured.Unstructured {
	t.Helper()
	cmd := exec.CommandContext(testkit.Context(t), filepath.Join(testkit.Env(t, "CAREFLOW_TEST_TOOLS"), "kustomize"), "build",
		filepath.Join(root(t), "deploy", "kubernetes", "overlays", overlay))
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	text, err := cmd.Output()
	require.NoError(t, err, complaint.String())
	return Decode(t, text)
}

// Read is what a file of deploy/kubernetes holds.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "deploy", "kubernetes", path))
	require.NoError(t, err)
	return text
}

// Decode are the objects of a file.
func Decode(t testing.TB, text []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		var fields map[string]any
		err := decoder.Decode(&fields)
		if errors.Is(err, io.EOF) {
			return objects
		}
		require.NoError(t, err)
		objects = append(objects, &unstructured.Unstructured{Object: fields})
	}
}

// root is the folder of the checkout.
func root(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		require.NotEqual(t, "/", folder, "the tests run in the checkout")
		folder = filepath.Dir(folder)
	}
}

// Apply applies an object by the server, strictly.
func (n *Namespace) Apply(object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := n.kinds.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	var place dynamic.ResourceInterface = n.any.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		place = n.any.Resource(mapping.Resource).Namespace(n.Name)
	}
	force := true
	_, err = place.Patch(context.Background(), object.GetName(), types.ApplyPatchType, text, metav1.PatchOptions{
		FieldManager: "manifests", Force: &force, FieldValidation: metav1.FieldValidationStrict,
	})
	return err
}

// Settings fills the settings and secrets that pods of the manifests read.
func (n *Namespace) Settings(t testing.TB, settings map[string]string, secrets map[string]map[string]string) {
	t.Helper()
	ctx := testkit.Context(t)
	m, err := n.Client.CoreV1().ConfigMaps(n.Name).Get(ctx, "careflow", metav1.GetOptions{})
	require.NoError(t, err)
	for name, value := range settings {
		m.Data[name] = value
	}
	_, err = n.Client.CoreV1().ConfigMaps(n.Name).Update(ctx, m, metav1.UpdateOptions{})
	require.NoError(t, err)
	for name, values := range secrets {
		_, err := n.Client.CoreV1().Secrets(n.Name).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: values,
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
}

// Kubeconfig writes the credentials of a service account of the namespace into a file.
func (n *Namespace) Kubeconfig(t testing.TB, account string) string {
	t.Helper()
	request, err := n.Client.CoreV1().ServiceAccounts(n.Name).CreateToken(testkit.Context(t), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return n.kubeconfig(t, request.Status.Token)
}

// Stranger writes a file with credentials that nobody gave out.
func (n *Namespace) Stranger(t testing.TB) string { t.Helper(); return n.kubeconfig(t, "made-up") }

func (n *Namespace) kubeconfig(t testing.TB, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"test": {Server: n.access.Host, CertificateAuthority: n.access.CAFile, CertificateAuthorityData: n.access.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"account": {Token: token}},
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "account"}},
		CurrentContext: "test",
	}, path))
	return path
}

// Image makes a release of a program. The mark tells releases of the same program apart:
// it changes the digest and nothing else.
func Image(t testing.TB, program, version, mark string) domain.Release {
	t.Helper()
	content, err := os.ReadFile(program)
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(copied, append(content, mark...), 0o700))
	digest, err := kubenode.Load(testkit.Env(t, "CAREFLOW_TEST_KUBE_IMAGES"), copied)
	require.NoError(t, err)
	return domain.Release{Version: version, Digest: digest, Artifact: "registry.test/careflow"}
}

// Script makes a release that is a shell script.
func Script(t testing.TB, version, script string) domain.Release {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	return Image(t, path, version, "")
}

// Missing is a release whose image is nowhere.
func Missing(version string) domain.Release {
	return domain.Release{Version: version, Digest: "sha256:" + strings.Repeat("ab", 32), Artifact: "registry.test/careflow"}
}
