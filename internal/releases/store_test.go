package releases_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/releases"
)

// bundle writes an archive and returns the release that it is.
func bundle(t *testing.T, entries ...tar.Header) domain.Release {
	t.Helper()
	var text bytes.Buffer
	zip := gzip.NewWriter(&text)
	archive := tar.NewWriter(zip)
	for _, h := range entries {
		content := []byte("content of " + h.Name)
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(content))
		}
		require.NoError(t, archive.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := archive.Write(content)
			require.NoError(t, err)
		}
	}
	require.NoError(t, archive.Close())
	require.NoError(t, zip.Close())
	path := filepath.Join(t.TempDir(), "bundle.tar.gz")
	require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
	sum := sha256.Sum256(text.Bytes())
	return domain.Release{Version: "1", Digest: "sha256:" + hex.EncodeToString(sum[:]), Artifact: path}
}

func file(name string) tar.Header { return tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg} }

func TestAReleaseIsFetchedLinkedAndFoundAgain(t *testing.T) {
	t.Parallel()
	s := releases.Store{Folder: t.TempDir()}
	_, _, linked, err := s.Linked("blue")
	require.NoError(t, err)
	require.False(t, linked)
	for _, r := range []domain.Release{bundle(t, file("bin/serve"), file("a")), bundle(t, file("bin/serve"), file("b"))} {
		require.NoError(t, s.Check(t.Context(), r))
		folder, err := s.Fetch(t.Context(), r)
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(folder, "bin", "serve"))
		require.NoError(t, err)
		require.Equal(t, "content of bin/serve", string(text))
		require.NoError(t, s.Link(t.Context(), "blue", r))
		got, path, linked, err := s.Linked("blue")
		require.NoError(t, err)
		require.True(t, linked)
		require.Equal(t, []any{r, folder}, []any{got, path})
		require.NoError(t, os.Remove(r.Artifact))
		_, err = s.Fetch(t.Context(), r)
		require.NoError(t, err, "what is here is not fetched again")
	}
}

func TestABundleThatIsNotWhatItsDigestSaysLeavesNothing(t *testing.T) {
	t.Parallel()
	s := releases.Store{Folder: t.TempDir()}
	good := bundle(t, file("serve"))
	changed, missing := good, good
	changed.Digest = "sha256:" + strings.Repeat("0", 64)
	missing.Artifact = "/nowhere.tar.gz"
	pipe := good
	pipe.Artifact = filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe.Artifact, 0o600))
	for _, r := range []domain.Release{changed, missing, pipe, bundle(t, file("../outside")), bundle(t, tar.Header{Name: "out", Linkname: "/etc", Typeflag: tar.TypeSymlink}, file("out/passwd"))} {
		_, err := s.Fetch(t.Context(), r)
		require.Equal(t, domain.CodeNoArtifact, domain.CodeOf(err), "%v", err)
	}
	left, err := filepath.Glob(filepath.Join(s.Folder, "releases", "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = os.Stat(filepath.Join(s.Folder, "outside"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Each link looks harmless by its text; only the first one, followed, takes the second out.
func TestABundleWhoseLinksLeadOutByEachOtherLeavesNothing(t *testing.T) {
	t.Parallel()
	s := releases.Store{Folder: t.TempDir()}
	up := tar.Header{Name: "a/b/c/up", Linkname: "../../..", Typeflag: tar.TypeSymlink}
	out := tar.Header{Name: "out", Linkname: "a/b/c/up/../..", Typeflag: tar.TypeSymlink}
	for what, entries := range map[string][]tar.Header{
		"in their order": {up, out, file("serve")},
		"the other way":  {out, up, file("serve")},
		"in a circle":    {{Name: "x", Linkname: "y", Typeflag: tar.TypeSymlink}, {Name: "y", Linkname: "x", Typeflag: tar.TypeSymlink}},
	} {
		_, err := s.Fetch(t.Context(), bundle(t, entries...))
		require.Equal(t, domain.CodeNoArtifact, domain.CodeOf(err), what)
	}
	_, err := s.Fetch(t.Context(), bundle(t, up, file("serve"), tar.Header{Name: "current", Linkname: "serve", Typeflag: tar.TypeSymlink}, tar.Header{Name: "later", Linkname: "not-there", Typeflag: tar.TypeSymlink}))
	require.NoError(t, err, "links within it are good, also those to what a script makes")
	_, err = s.Fetch(t.Context(), bundle(t, file(strings.Repeat("d/", 600)+"serve")))
	require.Equal(t, domain.CodeNoArtifact, domain.CodeOf(err), "a path is no way to make folders without end")
}

func TestFiveReleasesAreKeptAndNoneThatIsLinked(t *testing.T) {
	t.Parallel()
	s := releases.Store{Folder: t.TempDir()}
	var all []domain.Release
	for i := range 8 {
		r := bundle(t, file(fmt.Sprint("n", i)))
		_, err := s.Fetch(t.Context(), r)
		require.NoError(t, err)
		if i == 0 {
			require.NoError(t, s.Link(t.Context(), "green", r))
		}
		all = append(all, r)
	}
	require.NoError(t, os.Mkdir(filepath.Join(s.Folder, "releases", ".unpacking-killed"), 0o700))
	require.NoError(t, s.Prune(t.Context()))
	folders, err := filepath.Glob(filepath.Join(s.Folder, "releases", "*[0-9a-f]"))
	require.NoError(t, err)
	require.Len(t, folders, releases.DefaultKeep)
	_, path, linked, err := s.Linked("green")
	require.NoError(t, err)
	require.True(t, linked)
	require.DirExists(t, path)
	_, err = s.Fetch(t.Context(), all[7])
	require.NoError(t, err)
	require.NoDirExists(t, filepath.Join(s.Folder, "releases", ".unpacking-killed"))
}
