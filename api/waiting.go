package api

import (
	"context"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// awaitNews waits up to wait for the next thing to happen to an appointment that is on
// its way, and returns it as it is then. It looks at the timeline, which holds nothing
// personal, and reads the record again (which is audited) only when something happened,
// and once more at the end.
func (h *handlers) awaitNews(ctx context.Context, who *visitor, a domain.Appointment, afterVersion int, wait time.Duration) domain.Appointment {
	if settled(a, afterVersion) || wait <= 0 {
		return a
	}
	release, ok := h.waiting.acquire()
	if !ok {
		return a // a wait is a preference: with too many of them, this is the answer
	}
	defer release()

	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	seen := -1 // events of the timeline; the first look always reads the record again
	for pause := h.cfg.PollInterval / 16; h.pause(waiting, pause); pause = min(2*pause, h.cfg.PollInterval) {
		events, err := h.timeline(waiting, who, a.ID)
		if err != nil {
			break // what is known already is an answer too
		}
		if len(events) == seen {
			continue
		}
		seen = len(events)
		now, err := h.find(waiting, who, a.ID)
		if err != nil {
			break
		}
		moved := afterVersion == 0 && now.Status != a.Status
		a = now
		if moved || settled(a, afterVersion) {
			return a
		}
	}
	if now, err := h.find(ctx, who, a.ID); err == nil {
		return now
	}
	return a
}

// settled reports whether there is nothing to wait for: the version the caller knows is
// old already, or nothing is under way that comes by itself within seconds.
func settled(a domain.Appointment, afterVersion int) bool {
	if afterVersion > 0 {
		return a.Version > afterVersion
	}
	switch a.Status {
	case domain.StatusRequested:
		return a.Payment.ClientSecret != ""
	case domain.StatusCapturing:
		return false
	case domain.StatusPending, domain.StatusConfirmed, domain.StatusCheckedIn, domain.StatusCompleted, domain.StatusDeclined,
		domain.StatusCancelled, domain.StatusExpired, domain.StatusNoShow, domain.StatusArchived:
		return true
	}
	return true
}

// pause reports false when there is no time left: the wait is over, the client has gone
// or the server stops.
func (h *handlers) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-h.draining:
		return false
	}
}
