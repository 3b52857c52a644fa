package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// streamWrite bounds one write to a stream: a client that takes nothing in is let go.
const streamWrite = 10 * time.Second

// StreamAppointment sends the timeline of an appointment as it grows. Who may read the
// appointment may watch it, and that is audited like a reading.
func (h *handlers) StreamAppointment(ctx context.Context, req openapi.StreamAppointmentRequestObject) (openapi.StreamAppointmentResponseObject, error) {
	ctx, who := begin(ctx)
	a, err := h.find(ctx, who, req.AppointmentID)
	if err != nil {
		return nil, err
	}
	seen := 0
	if id := req.Params.LastEventID; id != "" {
		if seen, err = strconv.Atoi(id); err != nil {
			return nil, invalidField("header/Last-Event-ID", "is the number of a line")
		}
	}
	events, err := h.timeline(ctx, who, a.ID)
	if err != nil {
		return nil, err
	}
	for len(events) > 0 && events[0].Seq <= seen {
		events = events[1:]
	}
	if len(events) > 0 {
		seen = events[len(events)-1].Seq
	} else if a.Status == domain.StatusArchived {
		return openapi.StreamAppointment204Response{}, nil
	}
	one, err := h.watchers.join(a.ID, who.caller, seen)
	if err != nil {
		return nil, err
	}
	return streaming(func(w http.ResponseWriter) error {
		defer h.watchers.leave(one)
		// A stream that breaks off is the client's business: it connects again.
		_ = h.stream(ctx, newFeed(w, who.summary().staff), who, one, events)
		return nil
	}), nil
}

// streaming is an answer that is written bit by bit.
type streaming func(w http.ResponseWriter) error

func (s streaming) VisitStreamAppointmentResponse(w http.ResponseWriter) error { return s(w) }

// stream sends what is known and then what comes, until there is a reason to stop.
func (h *handlers) stream(ctx context.Context, f *feed, who *visitor, one *watcher, known []domain.Event) error {
	token := time.NewTimer(who.until.Sub(h.cfg.Clock()))
	defer token.Stop()
	age := time.NewTimer(h.cfg.StreamAge)
	defer age.Stop()
	silence := time.NewTicker(h.cfg.StreamHeartbeat)
	defer silence.Stop()
	archived, err := f.timeline(known)
	for err == nil && !archived {
		select {
		case events := <-one.news:
			archived, err = f.timeline(events)
		case why := <-one.over:
			return f.end(why)
		case <-token.C:
			return f.end("token_expired")
		case <-age.C:
			return f.end("connect_again")
		case <-h.draining:
			return f.end("connect_again")
		case <-silence.C:
			err = f.write(": still here\n\n")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if archived {
		return f.end("archived")
	}
	return err
}

// feed writes server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
type feed struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	staff bool
}

func newFeed(w http.ResponseWriter, staff bool) *feed {
	f := &feed{w: w, rc: http.NewResponseController(w), staff: staff}
	// The server's deadlines are those of a request that is answered at once. Where the
	// connection knows none (in a test), there is nothing to lift.
	_ = f.rc.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would wait for a full buffer
	w.WriteHeader(http.StatusOK)
	return f
}

// timeline sends lines, and reports whether one of them ends the timeline for good.
func (f *feed) timeline(events []domain.Event) (archived bool, err error) {
	if len(events) == 0 {
		return false, f.write(": connected\n\n")
	}
	text := ""
	for _, e := range events {
		data, err := json.Marshal(eventView(e, f.staff))
		if err != nil {
			return false, fmt.Errorf("write an event: %w", err)
		}
		text += fmt.Sprintf("id: %d\nevent: timeline\ndata: %s\n\n", e.Seq, data)
		archived = archived || e.To == domain.StatusArchived
	}
	return archived, f.write(text)
}

func (f *feed) end(why string) error {
	return f.write("event: end\ndata: {\"reason\":\"" + why + "\"}\n\n")
}

func (f *feed) write(text string) error {
	if err := f.rc.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := f.w.Write([]byte(text)); err != nil {
		return err
	}
	return f.rc.Flush()
}
