package hostagent

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/careflow/careflow/internal/domain"
)

// SpecFile says, at the top of a bundle, what is run when. See deploy/bundle.
const SpecFile = "careflow-release.yaml"

const (
	mostSpecBytes   = 64 << 10
	specVersion     = 1
	defaultHookTime = 5 * time.Minute
)

// spec is what SpecFile holds.
type spec struct {
	Version int `yaml:"version"`
	// Files are put elsewhere on the host, as links that go through the current release, so
	// that they change with it and at the same moment.
	Files []link                           `yaml:"files"`
	Hooks map[domain.LifecycleEvent][]hook `yaml:"hooks"`
}

// hook is one script, its path within the bundle.
type hook struct {
	Script  string        `yaml:"script"`
	Timeout time.Duration `yaml:"timeout"` // such as 30s; defaults to 5m
	RunAs   string        `yaml:"run_as"`  // defaults to the agent's user
}

// link is a place outside the bundle that leads into it.
type link struct {
	Source      string `yaml:"source"`
	Destination string `yaml:"destination"`
}

// readSpec reads and checks the file of a release. CodeNoArtifact for one that cannot be
// carried out: the bundle is no release.
func readSpec(folder string) (spec, error) {
	var s spec
	file, err := os.Open(filepath.Join(folder, SpecFile))
	if err != nil {
		return s, badBundle("has no %s at its top", SpecFile).Because(err)
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, mostSpecBytes+1))
	if err != nil {
		return s, err
	}
	if len(raw) > mostSpecBytes {
		return s, badBundle("has a %s of more than %d bytes", SpecFile, mostSpecBytes)
	}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil {
		return s, badBundle("has a %s that cannot be read: %v", SpecFile, err)
	}
	return s, s.check(folder)
}

func (s *spec) check(folder string) error {
	if s.Version != specVersion {
		return badBundle("has a %s of version %d: this agent knows version %d", SpecFile, s.Version, specVersion)
	}
	for event, hooks := range s.Hooks {
		if !event.Scripted() {
			return badBundle("names scripts for %q, which is no event that runs any", event)
		}
		total := time.Duration(0)
		for i := range hooks {
			h := &hooks[i]
			if h.Timeout == 0 {
				h.Timeout = defaultHookTime
			}
			if err := h.check(folder); err != nil {
				return err
			}
			total += h.Timeout
		}
		if total > domain.MostEventTime {
			return badBundle("gives the scripts of %s %s: at most %s for all of an event", event, total, domain.MostEventTime)
		}
	}
	for _, l := range s.Files {
		if !filepath.IsLocal(l.Source) || !filepath.IsAbs(l.Destination) || filepath.Clean(l.Destination) != l.Destination {
			return badBundle("links %q to %q: write a path within the bundle, and an absolute one without ..", l.Source, l.Destination)
		}
		if _, err := os.Stat(filepath.Join(folder, l.Source)); err != nil {
			return badBundle("links %q, which it does not hold", l.Source)
		}
	}
	return nil
}

func (h hook) check(folder string) error {
	if !filepath.IsLocal(h.Script) {
		return badBundle("names the script %q: write its path within the bundle", h.Script)
	}
	if h.Timeout < time.Second {
		return badBundle("gives %s %s: at least 1s", h.Script, h.Timeout)
	}
	info, err := os.Stat(filepath.Join(folder, h.Script))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return badBundle("names the script %q, which it does not hold", h.Script)
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return badBundle("names the script %q, which is not an executable file", h.Script)
	}
	_, err = credentials(h.RunAs)
	return err
}

func badBundle(format string, args ...any) *domain.Error {
	return domain.Errorf(domain.CodeNoArtifact, "the bundle "+format, args...)
}
