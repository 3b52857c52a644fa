//go:build kubernetes

package kubernetes_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/kubetest"
	"github.com/careflow/careflow/internal/testkit"
)

// TestThePostgreSQLClustersAreWhatTheirOperatorTakes applies them strictly to an API server
// that has the operator's own definitions, of the version that the file names.
func TestThePostgreSQLClustersAreWhatTheirOperatorTakes(t *testing.T) {
	t.Parallel()
	text := kubetest.Read(t, "postgresql/clusters.yaml")
	version := regexp.MustCompile(`operator (\d+\.\d+\.\d+)`).FindSubmatch(text)
	require.NotNil(t, version, "the file names the operator's version")
	definition, err := os.ReadFile(filepath.Join(module(t, "github.com/cloudnative-pg/cloudnative-pg@v"+string(version[1])), "config/crd/bases/postgresql.cnpg.io_clusters.yaml"))
	require.NoError(t, err)

	n := kubetest.Open(t).Namespace(t, "production")
	for _, object := range kubetest.Decode(t, definition) {
		require.NoError(t, n.Apply(object))
	}
	clusters := 0
	for _, object := range kubetest.Decode(t, text) {
		if object.GetKind() != "Cluster" {
			continue
		}
		object.SetNamespace(n.Name)
		testkit.Eventually(t, func() bool { // a new kind is there a moment later
			n.Cluster = kubetest.Open(t)
			err = n.Apply(object)
			return err == nil
		}, "%s is taken", object.GetName())
		clusters++

		spec := object.Object["spec"].(map[string]any)
		spec["instancez"] = 3
		require.ErrorContains(t, n.Apply(object), "instancez")
	}
	require.Equal(t, 2, clusters)
}

// module is the folder of a Go module, whose checksum the Go command has verified.
func module(t *testing.T, version string) string {
	t.Helper()
	cmd := exec.CommandContext(testkit.Context(t), "go", "mod", "download", "-json", version)
	cmd.Dir, cmd.Stderr = t.TempDir(), t.Output() // outside our own module
	out, err := cmd.Output()
	require.NoError(t, err)
	var found struct{ Dir string }
	require.NoError(t, json.Unmarshal(out, &found))
	return found.Dir
}
