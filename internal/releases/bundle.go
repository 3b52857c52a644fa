package releases

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"github.com/careflow/careflow/internal/domain"
)

// What a bundle may ask of a host by default: bytes to fetch, bytes and files to unpack.
const (
	mostBundle = 2 << 30
	mostBytes  = 8 << 30
	mostFiles  = 100_000
	mostWindow = 128 << 20 // memory of the decompressor
	mostName   = 1024      // bytes of a path, each / of which may make a folder
)

// fetch unpacks the bundle of r into path, which appears when everything is in it.
func (s Store) fetch(ctx context.Context, r domain.Release, path string) error {
	bundle, err := os.CreateTemp(s.path(""), ".bundle-")
	if err != nil {
		return fmt.Errorf("making room for the bundle: %w", err)
	}
	defer func() { _ = bundle.Close(); _ = os.Remove(bundle.Name()) }()
	if err := s.download(ctx, r, bundle); err != nil {
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
	if err := s.unpack(bundle, fresh); err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			return domain.Errorf(domain.CodeQuota, "the host has no room for the release: make some").Because(err)
		}
		return domain.Errorf(domain.CodeNoArtifact, "the bundle %s cannot be unpacked: %v", r.Digest, err).Because(err)
	}
	if err := readable(fresh); err != nil {
		return fmt.Errorf("opening the release: %w", err)
	}
	return os.Rename(fresh, path)
}

// check reads a bundle and compares its digest.
func (s Store) check(ctx context.Context, r domain.Release) error {
	return s.download(ctx, r, io.Discard)
}

// download copies a bundle and fails where it is not what its digest says: nothing of it is
// unpacked or run before that.
func (s Store) download(ctx context.Context, r domain.Release, to io.Writer) error {
	from, err := open(ctx, r.Artifact)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	sum := sha256.New()
	most := or(s.MostBundle, mostBundle)
	n, err := io.Copy(io.MultiWriter(to, sum), io.LimitReader(from, most+1))
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return domain.Errorf(domain.CodeQuota, "the host has no room for the bundle: make some").Because(err)
	case err != nil:
		return domain.Errorf(domain.CodeUnavailable, "the bundle %s broke off while it was read", r.Artifact).Because(err)
	case n > most:
		return domain.Errorf(domain.CodeNoArtifact, "the bundle %s has more than the %d bytes that a host takes", r.Artifact, most)
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != r.Digest {
		return domain.Errorf(domain.CodeNoArtifact, "the bundle at %s is %s, not %s", r.Artifact, got, r.Digest)
	}
	return nil
}

// unpack writes a tar archive, compressed by zstd, gzip or not, below a folder and nowhere
// else, up to a size and a number.
func (s Store) unpack(from io.Reader, folder string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	plain, stop, err := inflate(from)
	if err != nil {
		return err
	}
	defer stop()
	left, files := or(s.MostBytes, mostBytes), or(s.MostFiles, mostFiles)
	var links []string
	for archive := tar.NewReader(plain); ; files-- {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return stayInside(root, links)
		}
		if err != nil {
			return fmt.Errorf("it is damaged, or no tar archive: %w", err)
		}
		if left -= h.Size; left < 0 {
			return fmt.Errorf("it unpacks to more than %d bytes", or(s.MostBytes, mostBytes))
		}
		if files <= 0 {
			return fmt.Errorf("it holds more than %d files", or(s.MostFiles, mostFiles))
		}
		if err := place(root, h, archive); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeSymlink {
			links = append(links, h.Name)
		}
	}
}

// stayInside refuses links that lead out of a bundle by way of other links, which only shows
// when all are there. One that leads to nothing may stay.
func stayInside(root *os.Root, links []string) error {
	for _, name := range links {
		if _, err := root.Stat(filepath.Clean(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("it holds the link %q, which leads out of it or nowhere", name)
		}
	}
	return nil
}

func or(v, fallback int64) int64 {
	if v > 0 {
		return v
	}
	return fallback
}

var zstdMagic, gzipMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}, []byte{0x1f, 0x8b}

func inflate(from io.Reader) (plain io.Reader, stop func(), err error) {
	buffered := bufio.NewReader(from)
	magic, _ := buffered.Peek(len(zstdMagic)) // a shorter one is no archive, and said to be none
	switch {
	case bytes.HasPrefix(magic, zstdMagic):
		z, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(mostWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(buffered)
		return z, func() {}, err
	}
	return buffered, func() {}, nil
}

// place writes one entry. os.Root refuses every path that leads out of the folder, and a
// link may not point there.
func place(root *os.Root, h *tar.Header, content io.Reader) error {
	name := filepath.Clean(h.Name)
	if name == "." {
		return nil
	}
	if len(name) > mostName {
		return fmt.Errorf("it holds a path of more than %d bytes", mostName)
	}
	if !filepath.IsLocal(name) {
		return fmt.Errorf("it holds %q, which lies outside of it", h.Name)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		if filepath.IsAbs(h.Linkname) || !filepath.IsLocal(filepath.Join(filepath.Dir(name), h.Linkname)) { //nolint:gosec // this is the check
			return fmt.Errorf("it holds the link %q, which leads out of it", h.Name)
		}
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		mode := fs.FileMode(0o644) | fs.FileMode(h.Mode&0o111)
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	case tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("it holds %q, which is neither a file, a folder nor a link", h.Name)
}

// readable lets the users that services run as into the release, whatever our umask.
func readable(folder string) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if mode&0o111 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode) //nolint:gosec // nobody else knows the folder yet
	})
}
