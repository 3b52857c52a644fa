package hostagent

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// keptReleases stay on a host, among them always the one in place and the one before it.
const keptReleases = 5

// releases is the folder of one service.
type releases struct{ folder string }

func (a *Agent) releases(environment, service string) releases {
	return releases{filepath.Join(a.Root, environment, service)}
}

func (r releases) of(digest string) string {
	return filepath.Join(r.folder, "releases", strings.TrimPrefix(digest, "sha256:"))
}

func (r releases) link() string { return filepath.Join(r.folder, "current") }

// current is the digest of the release in place, "" where there is none.
func (r releases) current() (string, error) {
	target, err := os.Readlink(r.link())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", domain.Errorf(domain.CodeConflict, "%s is not the link that it should be: somebody has put something else there", r.link()).Because(err)
	}
	return "sha256:" + filepath.Base(target), nil
}

// have makes sure that the release is on the host, unpacked and one that can be carried out.
// Its folder appears at once, when it is whole.
func (a *Agent) have(ctx context.Context, r releases, release domain.Release, progress Progress) error {
	folder := r.of(release.Digest)
	if _, err := os.Stat(folder); err == nil {
		_, err := readSpec(folder)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(folder), ".bundle-")
	if err != nil {
		return err
	}
	defer func() { _ = file.Close(); _ = os.Remove(file.Name()) }()
	if err := a.fetch(ctx, release, file, progress); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	progress("unpacking")
	partial, err := os.MkdirTemp(filepath.Dir(folder), ".unpacking-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(partial) }()
	if err := a.unpack(file, partial); err != nil {
		return err
	}
	if err := readable(partial); err != nil {
		return err
	}
	if _, err := readSpec(partial); err != nil {
		return err
	}
	return os.Rename(partial, folder)
}

// readable lets the users that scripts and services run as into the folders, whatever the
// agent's umask.
func readable(folder string) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o755)
	})
}

// install puts the release in its place, or takes away what is there where digest is "".
func (a *Agent) install(r releases, digest string) error {
	if digest == "" {
		if err := os.Remove(r.link()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	s, err := readSpec(r.of(digest))
	if err != nil {
		return err
	}
	now := time.Now()
	if err := os.Chtimes(r.of(digest), now, now); err != nil { // the age that decides what is kept
		return err
	}
	if err := relink(filepath.Join("releases", filepath.Base(r.of(digest))), r.link()); err != nil {
		return err
	}
	for _, l := range s.Files {
		if err := a.place(filepath.Join(r.link(), l.Source), l.Destination); err != nil {
			return err
		}
	}
	return nil
}

// place puts a link to a release's file elsewhere on the host: only where the agent's
// settings allow it, and never over what is not such a link.
func (a *Agent) place(source, destination string) error {
	allowed := slices.ContainsFunc(a.Files, func(folder string) bool {
		return strings.HasPrefix(destination, strings.TrimSuffix(folder, "/")+"/")
	})
	if !allowed {
		return domain.Errorf(domain.CodeDeployAccess, "the release wants a link at %s: allow its folder in CAREFLOW_AGENT_FILES on this host, or take it out", destination)
	}
	target, err := os.Readlink(destination)
	switch {
	case target == source:
		return nil
	case err == nil && !strings.HasPrefix(target, a.Root+string(filepath.Separator)), err != nil && !errors.Is(err, fs.ErrNotExist):
		return domain.Errorf(domain.CodeConflict, "there is something at %s that no release has put there: it stays", destination)
	}
	if err := os.MkdirAll(filepath.Dir(destination), 0o755); err != nil {
		return err
	}
	return relink(source, destination)
}

// relink makes path a link to target, at once, whatever link was there.
func relink(target, path string) error {
	next := path + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, next); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// prune removes the releases that were in place the longest ago, and what crashes left.
func (r releases) prune(keep ...string) error {
	parent := filepath.Join(r.folder, "releases")
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	type release struct {
		path string
		used time.Time
	}
	var all []release
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // gone meanwhile
		}
		path := filepath.Join(parent, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			if time.Since(info.ModTime()) > leftAlone {
				_ = os.RemoveAll(path)
			}
			continue
		}
		all = append(all, release{path, info.ModTime()})
	}
	slices.SortFunc(all, func(a, b release) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.path, b.path)) })
	stays := keptReleases
	for _, one := range all {
		kept := slices.ContainsFunc(keep, func(digest string) bool { return digest != "" && r.of(digest) == one.path })
		if stays > 0 || kept {
			stays--
			continue
		}
		if err := os.RemoveAll(one.path); err != nil {
			return err
		}
	}
	return nil
}

// leftAlone is how old a half-fetched bundle must be before it is taken for a crash's.
const leftAlone = 24 * time.Hour
