package hostagent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/releases"
)

// install puts a release in its place, or takes away what is there where none comes.
func (a *Agent) install(ctx context.Context, s service, r domain.Release) error {
	if r.Digest == "" {
		return s.Unlink(ctx, inPlace)
	}
	folder, err := s.Path(r.Digest)
	if err != nil {
		return err
	}
	what, err := readSpec(folder)
	if err != nil {
		return err
	}
	if err := s.Link(ctx, inPlace, r); err != nil {
		return err
	}
	for _, l := range what.Files {
		if err := a.place(filepath.Join(s.link(), l.Source), l.Destination); err != nil {
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
	case err == nil && !strings.HasPrefix(target, strings.TrimSuffix(a.Root, "/")+"/"), err != nil && !errors.Is(err, fs.ErrNotExist):
		return domain.Errorf(domain.CodeConflict, "there is something at %s that no release has put there: it stays", destination)
	}
	if err := os.MkdirAll(filepath.Dir(destination), 0o755); err != nil { //nolint:gosec // a folder such as /etc/systemd/system
		return err
	}
	return releases.ReplaceLink(source, destination)
}
