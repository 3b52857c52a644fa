package hosts

import (
	"context"
	"errors"
	"sync"
	"time"
)

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
