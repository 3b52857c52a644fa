package hostagent

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"github.com/careflow/careflow/internal/domain"
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// mostWindow bounds the memory that one bundle may ask of the decompressor.
const mostWindow = 128 << 20

// unpack writes the files of a bundle, tar.zst or tar.gz, below folder, and nothing
// elsewhere: os.Root refuses each path that leads out. Only files and folders are taken, up
// to a number and a size.
func (a *Agent) unpack(bundle io.Reader, folder string) error {
	plain, closeIt, err := decompressed(bundle)
	if err != nil {
		return err
	}
	defer closeIt()
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	left := a.MostUnpacked
	archive := tar.NewReader(plain)
	for entries := 0; ; entries++ {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badBundle("is damaged, or no tar archive").Because(err)
		}
		if entries >= a.MostEntries {
			return badBundle("holds more than %d files", a.MostEntries)
		}
		if left -= h.Size; h.Size < 0 || left < 0 {
			return badBundle("holds more than %d bytes", a.MostUnpacked)
		}
		if err := entry(root, archive, h); err != nil {
			return err
		}
	}
}

func entry(root *os.Root, archive io.Reader, h *tar.Header) error {
	name := filepath.Clean(h.Name)
	if !filepath.IsLocal(name) {
		return badBundle("holds %q, which lies outside of it", h.Name)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeReg:
	case tar.TypeXGlobalHeader:
		return nil
	default:
		return badBundle("holds %q, which is a link or a device: only files and folders are taken", h.Name)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	// A name that comes twice is somebody's trick or mistake.
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return unpackFault(h.Name, err)
	}
	_, err = io.Copy(file, archive) // bounded by the header's size, which was counted
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return unpackFault(h.Name, err)
	}
	return root.Chmod(name, mode) // whatever the agent's umask
}

// unpackFault tells a disk without room from a bundle that is wrong.
func unpackFault(name string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return domain.Errorf(domain.CodeQuota, "the host has no room for the release: make some").Because(err)
	}
	return badBundle("holds %q, which cannot be unpacked", name).Because(err)
}

func decompressed(bundle io.Reader) (io.Reader, func(), error) {
	buffered := bufio.NewReader(bundle)
	magic, _ := buffered.Peek(len(zstdMagic))
	switch {
	case bytes.HasPrefix(magic, zstdMagic):
		z, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(mostWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil, badBundle("is damaged").Because(err)
		}
		return z, func() { _ = z.Close() }, nil
	}
	return nil, nil, badBundle("is neither tar.zst nor tar.gz")
}
