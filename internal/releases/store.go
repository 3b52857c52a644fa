package releases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// DefaultKeep is how many releases a host keeps, those that are linked among them: enough
// to go back some days after.
const DefaultKeep = 5

// FolderMode lets the services' own users in, which read their releases.
const FolderMode fs.FileMode = 0o755

// Store is the folder of one service's releases. Its methods may be called again, by
// several processes at once, and after one was killed in the middle.
type Store struct {
	Folder string
	Keep   int // defaults to DefaultKeep
	// MostBundle, MostBytes and MostFiles bound a bundle: its size, what it unpacks to, and
	// how many files and folders. Default to 2 GiB, 8 GiB and 100,000.
	MostBundle, MostBytes, MostFiles int64
}

// Path is the folder of a release that was fetched.
func (s Store) Path(digest string) (string, error) {
	name, err := folderOf(digest)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(s.path(name)); err != nil {
		return "", domain.Errorf(domain.CodeNoArtifact, "the release %s is not on this host", digest).Because(err)
	}
	return s.path(name), nil
}

// Unlink takes a name away: nothing is in place then.
func (s Store) Unlink(ctx context.Context, name string) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.Remove(filepath.Join(s.Folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the link %s: %w", name, err)
	}
	return nil
}

// Fetch brings a release here, unless it is here, and returns its folder. It appears whole
// or not at all. CodeNoArtifact when the bundle is not there or is not what its digest says.
func (s Store) Fetch(ctx context.Context, r domain.Release) (string, error) {
	name, err := folderOf(r.Digest)
	if err != nil {
		return "", err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	path := s.path(name)
	if _, err := os.Stat(path); err == nil {
		return path, s.note(name, r)
	}
	if err := s.fetch(ctx, r, path); err != nil {
		return "", err
	}
	return path, s.note(name, r)
}

// Check finds out whether Fetch would succeed, and keeps nothing.
func (s Store) Check(ctx context.Context, r domain.Release) error {
	name, err := folderOf(r.Digest)
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.path(name)); err == nil {
		return nil
	}
	return s.check(ctx, r)
}

// Link points a name at a release that was fetched. Whoever opens the name meanwhile finds
// the one or the other.
func (s Store) Link(ctx context.Context, name string, r domain.Release) error {
	folder, err := folderOf(r.Digest)
	if err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(s.path(folder)); err != nil {
		return domain.Errorf(domain.CodeNoArtifact, "the release %s is not on this host", r.Digest).Because(err)
	}
	if err := s.note(folder, r); err != nil {
		return err
	}
	return ReplaceLink(filepath.Join("releases", folder), filepath.Join(s.Folder, name))
}

// Linked is the release that a name points at, and its folder; ok is false where there is
// none.
func (s Store) Linked(name string) (r domain.Release, path string, ok bool, err error) {
	target, err := os.Readlink(filepath.Join(s.Folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return r, "", false, nil
	}
	if err != nil {
		return r, "", false, fmt.Errorf("reading where %s points: %w", name, err)
	}
	n, err := s.read(filepath.Base(target))
	return n.Release, s.path(filepath.Base(target)), err == nil, err
}

// Prune removes the oldest releases beyond those that are kept. One that a name points at
// stays.
func (s Store) Prune(ctx context.Context) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := os.ReadDir(s.path(""))
	if err != nil {
		return fmt.Errorf("listing the releases: %w", err)
	}
	linked, err := s.linked()
	if err != nil {
		return err
	}
	var loose []note
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if name := e.Name(); strings.HasPrefix(name, ".") { // of a fetch that was killed
			if err := os.RemoveAll(s.path(name)); err != nil {
				return fmt.Errorf("removing what a broken fetch left: %w", err)
			}
		} else if !linked[name] {
			n, _ := s.read(name) // one without a note is the first to go
			n.folder = name
			loose = append(loose, n)
		}
	}
	slices.SortFunc(loose, func(a, b note) int { return b.LinkedAt.Compare(a.LinkedAt) })
	keep := s.Keep
	if keep == 0 {
		keep = DefaultKeep
	}
	for i, n := range loose {
		if i < max(keep-len(linked), 0) {
			continue
		}
		if err := errors.Join(os.RemoveAll(s.path(n.folder)), os.RemoveAll(s.path(n.folder)+".json")); err != nil {
			return fmt.Errorf("removing an old release: %w", err)
		}
	}
	return nil
}

// linked are the folders that names point at.
func (s Store) linked() (map[string]bool, error) {
	entries, err := os.ReadDir(s.Folder)
	if err != nil {
		return nil, fmt.Errorf("listing the links: %w", err)
	}
	linked := map[string]bool{}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(s.Folder, e.Name())); err == nil {
			linked[filepath.Base(target)] = true
		}
	}
	return linked, nil
}

// note is what lies beside a release's folder.
type note struct {
	domain.Release
	LinkedAt time.Time `json:"linked_at"`
	folder   string
}

func (s Store) note(folder string, r domain.Release) error {
	text, err := json.Marshal(note{Release: r, LinkedAt: time.Now().UTC()})
	if err != nil {
		return err
	}
	return ReplaceFile(s.path(folder)+".json", text, 0o644)
}

func (s Store) read(folder string) (n note, err error) {
	text, err := os.ReadFile(s.path(folder) + ".json")
	if err == nil {
		err = json.Unmarshal(text, &n)
	}
	if err != nil {
		return n, fmt.Errorf("reading what the release %s is: %w", folder, err)
	}
	return n, nil
}

func (s Store) path(name string) string { return filepath.Join(s.Folder, "releases", name) }

// folderOf is the folder of a digest: nothing of a caller's text but hex digits is ever
// part of a path.
func folderOf(digest string) (string, error) {
	name, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(name) != 64 || strings.Trim(name, "0123456789abcdef") != "" {
		return "", domain.Errorf(domain.CodeInvalid, "a release is named by its digest, sha256: and 64 hex digits")
	}
	return name, nil
}

// lock keeps two processes from changing the folder at once.
func (s Store) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(s.path(""), FolderMode); err != nil {
		return nil, domain.Errorf(domain.CodeDeployAccess, "the folder %s cannot be written to", s.Folder).Because(err)
	}
	return Lock(ctx, filepath.Join(s.Folder, ".lock"))
}

// Lock takes a lock that goes with the process, waiting until ctx ends.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, domain.Errorf(domain.CodeDeployAccess, "the lock %s cannot be taken", path).Because(err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, domain.Errorf(domain.CodeUnavailable, "somebody else holds the lock %s", path).Because(ctx.Err())
		case <-time.After(lockEvery):
		}
	}
}

const lockEvery = 20 * time.Millisecond

// ReplaceLink makes path a symlink to target, in the place of what it was, in one step.
func ReplaceLink(target, path string) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing what a broken change left: %w", err)
	}
	if err := os.Symlink(target, fresh); err != nil {
		return fmt.Errorf("making a link: %w", err)
	}
	return os.Rename(fresh, path)
}

// ReplaceFile writes a file in the place of what was there, in one step.
func ReplaceFile(path string, content []byte, mode fs.FileMode) error {
	fresh := path + ".new"
	if err := os.WriteFile(fresh, content, mode); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return os.Rename(fresh, path)
}
