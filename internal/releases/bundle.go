package releases

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/careflow/careflow/internal/domain"
)

// mostBytes bounds what a bundle unpacks to.
const mostBytes = 8 << 30

// fetch unpacks the bundle of r into path, which appears when everything is in it.
func (s Store) fetch(ctx context.Context, r domain.Release, path string) error {
	bundle, err := os.CreateTemp(s.path(""), ".bundle-")
	if err != nil {
		return fmt.Errorf("making room for the bundle: %w", err)
	}
	defer func() { _ = bundle.Close(); _ = os.Remove(bundle.Name()) }()
	if err := download(ctx, r, bundle); err != nil {
		return err
	}
	if _, err := bundle.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	fresh, err := os.MkdirTemp(s.path(""), ".unpacking-")
	if err != nil {
		return fmt.Errorf("making room for the release: %w", err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if err := unpack(bundle, fresh); err != nil {
		return domain.Errorf(domain.CodeNoArtifact, "the bundle %s is no tar archive that can be unpacked", r.Digest).Because(err)
	}
	if err := os.Chmod(fresh, 0o755); err != nil { //nolint:gosec // the service's own user reads it
		return fmt.Errorf("opening the release: %w", err)
	}
	return os.Rename(fresh, path)
}

// check reads a bundle and compares its digest.
func check(ctx context.Context, r domain.Release) error { return download(ctx, r, io.Discard) }

// download copies a bundle and fails where it is not what its digest says.
func download(ctx context.Context, r domain.Release, to io.Writer) error {
	from, err := open(ctx, r.Artifact)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, sum), from); err != nil {
		return domain.Errorf(domain.CodeUnavailable, "the bundle %s broke off while it was read", r.Artifact).Because(err)
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != r.Digest {
		return domain.Errorf(domain.CodeNoArtifact, "the bundle at %s is %s, not %s", r.Artifact, got, r.Digest)
	}
	return nil
}

// open reads a bundle from a path or a URL.
func open(ctx context.Context, artifact string) (io.ReadCloser, error) {
	if !strings.HasPrefix(artifact, "https://") && !strings.HasPrefix(artifact, "http://") {
		f, err := os.Open(strings.TrimPrefix(artifact, "file://"))
		if err != nil {
			return nil, domain.Errorf(domain.CodeNoArtifact, "there is no bundle at %s on this host", artifact).Because(err)
		}
		return f, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, artifact, nil)
	if err != nil {
		return nil, domain.Errorf(domain.CodeInvalid, "the bundle's URL cannot be read").Because(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, domain.Errorf(domain.CodeUnavailable, "the bundle's server does not answer").Because(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	_ = resp.Body.Close()
	code := domain.CodeUnavailable
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		code = domain.CodeNoArtifact
	case http.StatusUnauthorized, http.StatusForbidden:
		code = domain.CodeDeployAccess
	}
	return nil, domain.Errorf(code, "the bundle's server answers %d", resp.StatusCode)
}

// unpack writes a tar archive, compressed by gzip or not, below a folder and nowhere else.
func unpack(from io.Reader, folder string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	plain, err := inflate(from)
	if err != nil {
		return err
	}
	left := int64(mostBytes)
	for archive := tar.NewReader(plain); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if left -= h.Size; left < 0 {
			return errors.New("it is too large")
		}
		if err := place(root, h, archive); err != nil {
			return err
		}
	}
}

func inflate(from io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(from)
	magic, err := buffered.Peek(2)
	if err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		return gzip.NewReader(buffered)
	}
	return buffered, nil
}

// place writes one entry. os.Root refuses every path and link that leads out of the folder.
func place(root *os.Root, h *tar.Header, content io.Reader) error {
	name := filepath.Clean(h.Name)
	if name == "." {
		return nil
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fs.FileMode(h.Mode&0o755)) //nolint:gosec // masked
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content) //nolint:gosec // bounded by the caller
		return errors.Join(err, f.Close())
	}
	return nil // devices and the like have no place in a release
}
