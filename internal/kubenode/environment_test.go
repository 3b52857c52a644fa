package kubenode

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVariablesAreExpandedAsKubernetesDoes(t *testing.T) {
	t.Parallel()
	known := map[string]string{"POD_IP": "10.0.0.7"}
	for text, want := range map[string]string{
		"$(POD_IP):8080": "10.0.0.7:8080",
		"$(UNKNOWN)/x":   "$(UNKNOWN)/x",
		"$$(POD_IP)":     "$(POD_IP)",
		"$POD_IP":        "$POD_IP",
		"":               "",
	} {
		require.Equal(t, want, expand(text, known), text)
	}
}

func TestAnImageIsFoundByItsDigestAlone(t *testing.T) {
	t.Parallel()
	images := t.TempDir()
	digest, err := Load(images, "/bin/true")
	require.NoError(t, err)
	again, err := Load(images, "/bin/true")
	require.NoError(t, err)
	require.Equal(t, digest, again)

	folder, err := find(images, "registry.example/whatever@"+digest)
	require.NoError(t, err)
	require.Equal(t, ImageFolder(images, digest), folder)
	_, err = find(images, "registry.example/whatever:latest")
	require.ErrorContains(t, err, "no digest")
	_, err = find(images, "registry.example/whatever@sha256:00")
	require.ErrorContains(t, err, "not found")
}
