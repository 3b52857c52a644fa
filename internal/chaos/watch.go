package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

// longestConnection is how long a phone keeps its network at most: then the watcher
// connects again, also without a fault.
const longestConnection = 12 * time.Second

// watch sees the visit's timeline grow, over as many connections as it takes, until the
// API says that it has ended or ctx ends.
func (v *visit) watch(ctx context.Context) {
	w := &oracle.Watch{AppointmentID: v.id}
	v.journal.AddWatch(w)
	for ctx.Err() == nil {
		status, err := v.connect(ctx, w)
		switch {
		case w.Ended:
			return
		case status == http.StatusUnauthorized:
			_ = v.patient.logIn(ctx) // the next connection says whether it helped
			continue
		case err == nil && status == http.StatusInternalServerError:
			v.journal.Surprise(oracle.Finding{Rule: "internal_error", Subject: "GET /v1/appointments/{id}/stream", Detail: v.id})
		}
		pause(ctx, 500*time.Millisecond)
	}
}

// connect watches over one connection, from the last line seen on, until it breaks or the
// watcher's network goes.
func (v *visit) connect(ctx context.Context, w *oracle.Watch) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, longestConnection-v.l.Slow)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.patient.base+"/v1/appointments/"+v.id+"/stream", nil)
	if err != nil {
		return 0, err
	}
	v.patient.mu.Lock()
	req.Header.Set("Authorization", "Bearer "+v.patient.token)
	v.patient.mu.Unlock()
	req.Header.Set("X-Forwarded-For", v.patient.address)
	if n := len(w.Lines); n > 0 {
		req.Header.Set("Last-Event-ID", strconv.Itoa(w.Lines[n-1].Seq))
	}
	resp, err := v.patient.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	v.patient.answers.count("stream " + strconv.Itoa(resp.StatusCode))
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.StatusCode, v.follow(w, resp.Body)
	case http.StatusNoContent: // there is nothing more, for good
		v.journal.Answer(func() { w.Ended = true })
	}
	return resp.StatusCode, nil
}

// follow reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
// What is not finished by an empty line when the connection breaks was not sent.
func (v *visit) follow(w *oracle.Watch, body io.Reader) error {
	v.journal.Answer(func() { w.Connections++ })
	kind, data := "", ""
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			kind = value
		case name == "data":
			data = value
		case lines.Text() == "":
			v.journal.Answer(func() { take(w, kind, data) })
			kind, data = "", ""
		}
	}
	return lines.Err()
}

// take takes one event in.
func take(w *oracle.Watch, kind, data string) {
	switch kind {
	case "timeline":
		var l oracle.Line
		_ = json.Unmarshal([]byte(data), &l) // a line of nothing is found by its number
		w.Lines = append(w.Lines, l)
	case "end":
		w.Ended = w.Ended || strings.Contains(data, `"archived"`)
	}
}
