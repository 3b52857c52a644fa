package hosts

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/careflow/careflow/activities/deployment"
	"github.com/careflow/careflow/internal/domain"
)

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
