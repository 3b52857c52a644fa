package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
)

// watchPause is waited before a stream that broke off is opened again.
const watchPause = time.Second

const stoppedByHand = "stopped"

func newWatch(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "watch <appointment-id>", Short: "Show what happens to a visit as it happens, until it is archived or you stop",
		Args: oneAppointment,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			last := ""
			for {
				why, err := follow(c.Context(), r, p, "/v1/appointments/"+url.PathEscape(args[0])+"/stream", &last)
				switch {
				case err != nil:
					return err
				case why == "archived" || why == stoppedByHand:
					return nil
				case why == "token_expired" || why == "session_ended" || why == "access_changed":
					return fmt.Errorf("the stream ended (%s): log in again", why)
				}
				select {
				case <-c.Context().Done():
					return nil
				case <-time.After(watchPause):
				}
			}
		},
	}
}

// follow prints a stream until it ends and returns why it did; "" when it broke off. last
// is the last event seen.
func follow(ctx context.Context, r *remote, p *demoPerson, path string, last *string) (why string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.http.base+path, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	if *last != "" {
		req.Header.Set("Last-Event-ID", *last)
	}
	resp, err := (&http.Client{}).Do(req) // without the time limit of other requests
	if ctx.Err() != nil {
		return stoppedByHand, nil
	}
	if err != nil {
		if *last != "" {
			return "", nil // it was there before: it comes back
		}
		return "", fmt.Errorf("the API does not answer at %s (--api says where it is): %w", p.http.base, err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusNoContent:
		return "archived", nil
	case resp.StatusCode == http.StatusServiceUnavailable && *last != "":
		return "", nil
	case resp.StatusCode != http.StatusOK:
		refused := &refusal{status: resp.StatusCode, asked: "GET " + path}
		_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&refused.problem)
		return "", refused
	}
	return printStream(r, resp.Body, last)
}

func printStream(r *remote, body io.Reader, last *string) (why string, err error) {
	var name, data string
	for lines := bufio.NewScanner(body); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			*last = value
		case "event":
			name = value
		case "data":
			data = value
		case "": // the end of an event, or a comment
			if name == "end" {
				var end struct {
					Reason string `json:"reason"`
				}
				err := json.Unmarshal([]byte(data), &end)
				return end.Reason, err
			}
			if name == "timeline" {
				if err := printEvent(r, data); err != nil {
					return "", err
				}
			}
			name, data = "", ""
		}
	}
	return "", nil
}

func printEvent(r *remote, data string) error {
	if r.asJSON {
		_, err := fmt.Fprintln(r.in.out, data)
		return err
	}
	var e openapi.Event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return fmt.Errorf("the stream holds something else than expected: %w", err)
	}
	row(r.in.out, e.At, e.Version, e.Kind, e.To, string(e.Actor.Kind)+" "+e.Actor.ID, e.ReasonCode)
	return nil
}
