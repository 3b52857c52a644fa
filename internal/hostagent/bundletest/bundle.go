// Package bundletest makes bundles for tests.
package bundletest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// Files are a bundle's, by path. Those that begin with "#!" are executable.
type Files map[string]string

// Pack writes a tar.zst and returns the release that it is.
func Pack(t testing.TB, version string, files Files) domain.Release {
	t.Helper()
	var headers []tar.Header
	for _, name := range slices.Sorted(maps.Keys(files)) {
		mode := int64(0o644)
		if strings.HasPrefix(files[name], "#!") {
			mode = 0o755
		}
		headers = append(headers, tar.Header{Name: name, Mode: mode, Size: int64(len(files[name]))})
	}
	return PackEntries(t, version, headers, files)
}

// PackEntries is Pack with headers as they are given.
func PackEntries(t testing.TB, version string, headers []tar.Header, files Files) domain.Release {
	t.Helper()
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed)
	require.NoError(t, err)
	archive := tar.NewWriter(z)
	for _, h := range headers {
		require.NoError(t, archive.WriteHeader(&h))
		if h.Size > 0 {
			_, err := archive.Write([]byte(files[h.Name]))
			require.NoError(t, err)
		}
	}
	require.NoError(t, archive.Close())
	require.NoError(t, z.Close())
	path := filepath.Join(t.TempDir(), version+".tar.zst")
	require.NoError(t, os.WriteFile(path, packed.Bytes(), 0o600))
	sum := sha256.Sum256(packed.Bytes())
	return domain.Release{Version: version, Digest: "sha256:" + hex.EncodeToString(sum[:]), Artifact: "file://" + path}
}

// Spec is a careflow-release.yaml that runs scripts/<event>.sh for each event named, within
// five seconds.
func Spec(events ...domain.LifecycleEvent) string {
	text := "version: 1\nhooks:\n"
	for _, e := range events {
		text += "  " + string(e) + ":\n    - {script: scripts/" + string(e) + ".sh, timeout: 5s}\n"
	}
	return text
}
