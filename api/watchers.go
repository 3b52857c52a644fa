package api

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/careflow/careflow/internal/domain"
)

// newsRows bounds the lines that one look brings; the next look brings the others.
const newsRows = 2000

// watchers are the open streams of this process. One query looks for the news of all of
// them, and one whether their sessions go on: a hundred streams cost the database what
// one does. Nobody looks while there is no stream.
type watchers struct {
	cfg   Config
	store Store
	log   *slog.Logger
	gauge prometheus.Gauge

	mu      sync.Mutex
	open    map[*watcher]bool
	looking bool
}

// watcher is one stream. seen belongs to whoever holds the watchers' lock.
type watcher struct {
	appointmentID string
	caller        domain.Caller
	seen          int // number of the last line that was handed over
	news          chan []domain.Event
	over          chan string // why the stream ends
}

func newWatchers(cfg Config, store Store, log *slog.Logger, gauge prometheus.Gauge) *watchers {
	return &watchers{cfg: cfg, store: store, log: log, gauge: gauge, open: map[*watcher]bool{}}
}

// join begins to watch an appointment after the line seen. CodeTooMany when there are too
// many streams already, of this account or in all.
func (w *watchers) join(appointmentID string, caller domain.Caller, seen int) (*watcher, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.open) >= w.cfg.MaxStreams {
		return nil, domain.Errorf(domain.CodeTooMany, "Too many streams are open: ask for the timeline now and then instead, or try again later.").After(w.cfg.StreamHeartbeat)
	}
	own := 0
	for o := range w.open {
		if o.caller.UserID == caller.UserID {
			own++
		}
	}
	if own >= w.cfg.MaxAccountStreams {
		return nil, domain.Errorf(domain.CodeTooMany, "This account has %d streams open, which is the most: close one.", own).After(w.cfg.StreamHeartbeat)
	}
	one := &watcher{appointmentID: appointmentID, caller: caller, seen: seen, news: make(chan []domain.Event, 1), over: make(chan string, 1)}
	w.open[one] = true
	w.gauge.Set(float64(len(w.open)))
	if !w.looking {
		w.looking = true
		go w.look()
	}
	return one, nil
}

func (w *watchers) leave(one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, one)
	w.gauge.Set(float64(len(w.open)))
}

// look brings the news for as long as somebody watches.
func (w *watchers) look() {
	for {
		time.Sleep(w.cfg.StreamInterval)
		after, sessions := w.wanted()
		if after == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), w.cfg.RequestTimeout)
		news, err := w.store.TimelinesAfter(ctx, after, newsRows)
		var callers map[string]domain.Caller
		if err == nil {
			callers, err = w.store.SessionCallers(ctx, sessions, w.cfg.Clock())
		}
		cancel()
		if err != nil { // the next look tries it again, and nothing was handed over
			w.log.Warn("the streams get no news", "error", err)
			continue
		}
		w.handOver(news, callers)
	}
}

// wanted is what to look for: the last line that every watcher of a visit has, and the
// sessions. It is nil when nobody watches any more, and then nobody looks.
func (w *watchers) wanted() (after map[string]int, sessions []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.open) == 0 {
		w.looking = false
		return nil, nil
	}
	after = map[string]int{}
	for one := range w.open {
		if seen, known := after[one.appointmentID]; !known || one.seen < seen {
			after[one.appointmentID] = one.seen
		}
		sessions = append(sessions, one.caller.SessionID)
	}
	slices.Sort(sessions)
	return after, slices.Compact(sessions)
}

// handOver gives each watcher what it has not seen. One that is slow gets it next time.
func (w *watchers) handOver(news []domain.TimelineEvent, callers map[string]domain.Caller) {
	byVisit := map[string][]domain.Event{}
	for _, e := range news {
		byVisit[e.AppointmentID] = append(byVisit[e.AppointmentID], e.Event)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.open {
		now, goesOn := callers[one.caller.SessionID]
		switch {
		case !goesOn:
			one.end("session_ended")
			continue
		case !slices.Equal(now.Roles, one.caller.Roles) || now.DoctorID != one.caller.DoctorID:
			one.end("access_changed")
			continue
		}
		var fresh []domain.Event
		for _, e := range byVisit[one.appointmentID] {
			if e.Seq > one.seen {
				fresh = append(fresh, e)
			}
		}
		if len(fresh) == 0 {
			continue
		}
		select {
		case one.news <- fresh:
			one.seen = fresh[len(fresh)-1].Seq
		default:
		}
	}
}

func (o *watcher) end(why string) {
	select {
	case o.over <- why:
	default:
	}
}
