package hosts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
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

// kept is whether a colour is meant to run.
type kept struct {
	Running bool `json:"running"`
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

// ready counts the instances that take requests; stranger is an address at which something
// else answers.
func (h *Host) ready(ctx context.Context, s domain.DeploymentService, list []instance) (n int, stranger string) {
	answers := make([]string, len(list))
	var all sync.WaitGroup
	for k, i := range list {
		all.Go(func() { answers[k] = h.digestAt(ctx, s, i) })
	}
	all.Wait()
	for k, i := range list {
		switch answers[k] {
		case i.release.Digest:
			n++
		case "":
		default:
			stranger = i.address
		}
	}
	return n, stranger
}

// digestAt is the release that says at an address that it is ready; "" where none does.
func (h *Host) digestAt(ctx context.Context, s domain.DeploymentService, i instance) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+i.address+s.ReadyPath, nil)
	if err != nil {
		return ""
	}
	resp, err := h.http.Do(req)
	if err != nil {
		return ""
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	if digest := resp.Header.Get(s.VersionHeader); digest != "" {
		return digest
	}
	return "unnamed"
}

// Preflight checks the bundle, the switch and the folder.
func (h *Host) Preflight(ctx context.Context, in deployment.ColourInput) error {
	if err := h.switcher.check(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(h.cfg.Folder, "run"), 0o755); err != nil {
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

// Await asks each instance until all are ready, and gives up on one that has ended.
func (h *Host) Await(ctx context.Context, in deployment.ColourInput, progress func(ready, wanted int)) error {
	r, folder, _, err := h.store.Linked(string(in.Colour))
	if err != nil {
		return err
	}
	if r.Digest != in.Release.Digest {
		return domain.Errorf(domain.CodeConflict, "%s holds %s by now", in.Colour, r.Digest)
	}
	list := h.cfg.instances(in.Colour, r, folder)
	for {
		n, stranger := h.ready(ctx, in.Plan, list)
		progress(n, len(list))
		if n == len(list) {
			return nil
		}
		for _, i := range list {
			if !h.active(ctx, i) {
				return notAvailable(h.output(ctx, i), "the instance at %s has ended", i.address)
			}
		}
		if stranger != "" {
			return notAvailable("", "at %s another release answers than %s: its answers carry the digest in %s", stranger, r.Digest, in.Plan.VersionHeader)
		}
		select {
		case <-ctx.Done():
			return notAvailable(h.output(context.WithoutCancel(ctx), list[0]), "%d of %d instances became ready in time", n, len(list))
		case <-time.After(readyEvery):
		}
	}
}

const readyEvery = 200 * time.Millisecond

func notAvailable(printed, format string, args ...any) error {
	e := domain.Errorf(domain.CodeNotAvailable, format, args...)
	e.Detail = printed
	return e
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

func (h *Host) start(ctx context.Context, i instance) error {
	if len(h.cfg.Run) > 0 {
		return h.startProcess(i)
	}
	_, err := run(ctx, i.command(h.cfg.Start), bare())
	return err
}

func (h *Host) stop(ctx context.Context, list []instance) error {
	failed := make([]error, len(list))
	var all sync.WaitGroup
	for k, i := range list {
		all.Go(func() {
			if len(h.cfg.Run) > 0 {
				failed[k] = h.stopProcess(ctx, i)
				return
			}
			bounded, cancel := context.WithTimeout(ctx, h.cfg.stopWithin()+10*time.Second)
			defer cancel()
			_, failed[k] = run(bounded, i.command(h.cfg.Stop), bare())
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// active reports whether an instance may still become ready.
func (h *Host) active(ctx context.Context, i instance) bool {
	if len(h.cfg.Run) > 0 {
		_, ok := h.process(i)
		return ok
	}
	if len(h.cfg.Active) == 0 {
		return true
	}
	_, err := run(ctx, i.command(h.cfg.Active), bare())
	return err == nil
}

// output is the last of what an instance has printed.
func (h *Host) output(ctx context.Context, i instance) string {
	if len(h.cfg.Run) > 0 {
		return h.printed(i)
	}
	if len(h.cfg.Log) == 0 {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	outcome, _ := run(ctx, i.command(h.cfg.Log), bare()) // without it the cause is known all the same
	return outcome.Output
}

func (h *Host) meant(colour domain.Colour) (bool, error) {
	text, err := os.ReadFile(h.meantPath(colour))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err != nil {
		return false, fmt.Errorf("reading whether %s is meant to run: %w", colour, err)
	}
	return k.Running, nil
}

func (h *Host) mean(colour domain.Colour, running bool) error {
	text, err := json.Marshal(kept{Running: running})
	if err != nil {
		return err
	}
	return releases.ReplaceFile(h.meantPath(colour), text, 0o644)
}

func (h *Host) meantPath(colour domain.Colour) string {
	return filepath.Join(h.cfg.Folder, string(colour)+".json")
}

// lock keeps two of us from changing the colours at once.
func (h *Host) lock(ctx context.Context) (func(), error) {
	if err := os.MkdirAll(h.cfg.Folder, 0o755); err != nil {
		return nil, domain.Errorf(domain.CodeDeployAccess, "the folder %s cannot be written to", h.cfg.Folder).Because(err)
	}
	return releases.Lock(ctx, filepath.Join(h.cfg.Folder, ".switch.lock"))
}
