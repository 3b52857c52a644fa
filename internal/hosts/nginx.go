package hosts

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

// Nginx is a switch that nginx looks at with each request, so that nothing is reloaded:
// a reload loses requests. See deploy/bluegreen/nginx.conf.
type Nginx struct {
	// Flag is the path of a symlink to a folder; nginx sends requests to green while that
	// folder holds a file "green". Each switch makes a new folder and moves the link, in one
	// step.
	Flag string `yaml:"flag"`
}

// greenFile in the folder that the flag points at sends requests to green.
const greenFile = "green"

// read takes the link and what its folder holds as the content of the switch.
func (n *Nginx) read(context.Context) (position, error) {
	p := position{live: domain.Blue}
	target, err := os.Readlink(n.Flag)
	if errors.Is(err, fs.ErrNotExist) {
		p.revision = revisionOf("")
		return p, nil // nginx finds no file: blue
	}
	if err != nil {
		return p, domain.Errorf(domain.CodeDeployAccess, "the flag %s is no link that can be read", n.Flag).Because(err)
	}
	var names []string
	entries, err := os.ReadDir(n.Flag)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p, domain.Errorf(domain.CodeDeployAccess, "the folder behind the flag %s cannot be read", n.Flag).Because(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if slices.Contains(names, greenFile) {
		p.live = domain.Green
	}
	p.revision = revisionOf(target + "\n" + strings.Join(names, "\n"))
	return p, nil
}

func (n *Nginx) move(_ context.Context, to domain.Colour, share int, _ string) error {
	if share != 100 {
		return domain.Errorf(domain.CodeInvalid, "nginx's flag has two positions: write steps: [100], or use HAProxy")
	}
	folder := filepath.Dir(n.Flag)
	fresh, err := os.MkdirTemp(folder, "switch-")
	if err == nil {
		err = os.Chmod(fresh, 0o755) //nolint:gosec // nginx runs as another user
	}
	if err != nil {
		return domain.Errorf(domain.CodeDeployAccess, "the folder of the flag %s cannot be written to", n.Flag).Because(err)
	}
	if to == domain.Green {
		if err := os.WriteFile(filepath.Join(fresh, greenFile), nil, 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	before, _ := os.Readlink(n.Flag)
	if err := releases.ReplaceLink(filepath.Base(fresh), n.Flag); err != nil {
		return err
	}
	if strings.HasPrefix(before, "switch-") {
		_ = os.RemoveAll(filepath.Join(folder, before)) // what is left of it harms nobody
	}
	return nil
}

func (n *Nginx) check(context.Context) error {
	probe, err := os.MkdirTemp(filepath.Dir(n.Flag), "probe-")
	if err != nil {
		return domain.Errorf(domain.CodeDeployAccess, "the folder of the flag %s cannot be written to", n.Flag).Because(err)
	}
	return os.Remove(probe)
}
