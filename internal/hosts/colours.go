package hosts

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/releases"
)

// Host is the place of one blue/green service on this host.
type Host struct {
	cfg      Config
	store    releases.Store
	switcher switcher
	http     *http.Client
}

var _ deployment.Colours = (*Host)(nil)

// New returns the place that a section describes.
func New(c Config) (*Host, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	h := &Host{cfg: c, store: releases.Store{Folder: c.Folder}, http: &http.Client{Timeout: 2 * time.Second}}
	if h.switcher = c.Nginx; c.Nginx == nil {
		h.switcher = c.HAProxy
	}
	return h, nil
}

// Inspect reads the switch, the links and asks each instance.
func (h *Host) Inspect(ctx context.Context, s domain.DeploymentService) (domain.ColoursState, error) {
	p, err := h.switcher.read(ctx)
	if err != nil {
		return domain.ColoursState{}, err
	}
	state := domain.ColoursState{Live: p.live, Share: p.share, Revision: p.revision, Colours: map[domain.Colour]domain.ColourState{}}
	for _, colour := range []domain.Colour{domain.Blue, domain.Green} {
		if state.Colours[colour], err = h.colour(ctx, s, colour); err != nil {
			return state, err
		}
	}
	return state, nil
}

func (h *Host) colour(ctx context.Context, s domain.DeploymentService, colour domain.Colour) (domain.ColourState, error) {
	r, folder, ok, err := h.store.Linked(string(colour))
	if err != nil || !ok {
		return domain.ColourState{}, err
	}
	state := domain.ColourState{Digest: r.Digest, Version: r.Version, Artifact: r.Artifact}
	running, err := h.meant(colour)
	if err != nil || !running {
		return state, err
	}
	list := h.cfg.instances(colour, r, folder)
	state.Wanted, state.Preview = len(list), "http://"+list[0].address
	for _, i := range list {
		state.Instances = append(state.Instances, "http://"+i.address)
	}
	state.Ready, _ = h.ready(ctx, s, list)
	return state, nil
}

// Preflight checks the bundle, the switch and the folder.
func (h *Host) Preflight(ctx context.Context, in deployment.ColourInput) error {
	if err := h.switcher.check(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(h.cfg.Folder, "run"), releases.FolderMode); err != nil {
		return domain.Errorf(domain.CodeDeployAccess, "the folder %s cannot be written to", h.cfg.Folder).Because(err)
	}
	return h.store.Check(ctx, in.Release)
}

// Migrate runs the release's own command.
func (h *Host) Migrate(ctx context.Context, in deployment.ColourInput) (domain.StepOutcome, error) {
	if len(h.cfg.Migrate) == 0 {
		return domain.StepOutcome{}, domain.Errorf(domain.CodeInvalid, "the release changes the database, and the file of services does not say how: write migrate")
	}
	folder, err := h.store.Fetch(ctx, in.Release)
	if err != nil {
		return domain.StepOutcome{}, err
	}
	i := h.cfg.instances(in.Colour, in.Release, folder)[0]
	env, err := h.cfg.environment(i)
	if err != nil {
		return domain.StepOutcome{}, err
	}
	return run(ctx, i.command(h.cfg.Migrate), env)
}

// BringUp links the release and starts its instances.
func (h *Host) BringUp(ctx context.Context, in deployment.ColourInput) error {
	unlock, err := h.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	there, _, linked, err := h.store.Linked(string(in.Colour))
	if err != nil {
		return err
	}
	same := linked && there.Digest == in.Release.Digest
	if err := h.idle(ctx, in.Colour); err != nil && !same {
		return err
	}
	folder, err := h.store.Fetch(ctx, in.Release)
	if err != nil {
		return err
	}
	list := h.cfg.instances(in.Colour, in.Release, folder)
	if !same {
		if err := h.stop(ctx, list); err != nil {
			return err
		}
		if err := h.store.Link(ctx, string(in.Colour), in.Release); err != nil {
			return err
		}
	}
	if err := h.mean(in.Colour, true); err != nil {
		return err
	}
	for _, i := range list {
		if err := h.start(ctx, i); err != nil {
			return err
		}
	}
	return h.store.Prune(ctx)
}

// Switch moves the requests, one of us at a time.
func (h *Host) Switch(ctx context.Context, in deployment.SwitchInput) (string, error) {
	unlock, err := h.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	p, err := h.switcher.read(ctx)
	if err != nil {
		return "", err
	}
	if p.shareOf(in.To) == in.Share {
		return p.revision, nil
	}
	if p.revision != in.Revision {
		return "", domain.Errorf(domain.CodeStale, "the switch was moved meanwhile: %s is live, %s has %d %%", p.live, p.live.Other(), p.share)
	}
	if err := h.switcher.move(ctx, in.To, in.Share, in.Revision); err != nil {
		return "", err
	}
	p, err = h.switcher.read(ctx)
	return p.revision, err
}

// Retire stops a colour's instances; its release stays here.
func (h *Host) Retire(ctx context.Context, _ domain.DeploymentService, colour domain.Colour) error {
	unlock, err := h.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := h.idle(ctx, colour); err != nil {
		return err
	}
	r, folder, ok, err := h.store.Linked(string(colour))
	if err != nil || !ok {
		return err
	}
	if err := h.mean(colour, false); err != nil {
		return err
	}
	return h.stop(ctx, h.cfg.instances(colour, r, folder))
}

// TakeDown stops both colours whatever the switch says: it is the end of an installation, such
// as a demonstration's.
func (h *Host) TakeDown(ctx context.Context) error {
	var failed []error
	for _, colour := range []domain.Colour{domain.Blue, domain.Green} {
		r, folder, ok, err := h.store.Linked(string(colour))
		if err != nil || !ok {
			failed = append(failed, err)
			continue
		}
		failed = append(failed, h.mean(colour, false), h.stop(ctx, h.cfg.instances(colour, r, folder)))
	}
	return errors.Join(failed...)
}

// idle is CodeConflict for a colour that takes requests.
func (h *Host) idle(ctx context.Context, colour domain.Colour) error {
	p, err := h.switcher.read(ctx)
	if err != nil {
		return err
	}
	if share := p.shareOf(colour); share > 0 {
		return domain.Errorf(domain.CodeConflict, "%s takes %d %% of the requests", colour, share)
	}
	return nil
}

// lock keeps two of us from changing the colours at once.
func (h *Host) lock(ctx context.Context) (func(), error) {
	if err := os.MkdirAll(h.cfg.Folder, releases.FolderMode); err != nil {
		return nil, domain.Errorf(domain.CodeDeployAccess, "the folder %s cannot be written to", h.cfg.Folder).Because(err)
	}
	return releases.Lock(ctx, filepath.Join(h.cfg.Folder, ".switch.lock"))
}
