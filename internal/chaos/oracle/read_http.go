package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

func (w *World) readVendors(ctx context.Context, sandbox string) error {
	var ledger struct {
		Payments []Intent `json:"payments"`
	}
	if err := get(ctx, sandbox+"/_sandbox/ledger", "", "", &ledger); err != nil {
		return err
	}
	w.Intents = ledger.Payments
	return get(ctx, sandbox+"/_sandbox/mails", "", "", &w.Mails)
}

// readAPI looks at each accepted booking as the one who booked it.
func (w *World) readAPI(ctx context.Context, s Sources, j *Journal) error {
	tokens := map[string]string{}
	for n, b := range j.Bookings {
		v := w.Visits[b.AppointmentID]
		if v == nil {
			continue
		}
		address := fmt.Sprintf("10.1.%d.%d", n/250, 1+n%250)
		if tokens[b.Account] == "" {
			token, err := logIn(ctx, s, b.Account, address)
			if err != nil {
				return err
			}
			tokens[b.Account] = token
		}
		var timeline struct {
			Items []struct {
				Kind string `json:"kind"`
			} `json:"items"`
		}
		seen := &Seen{}
		if err := get(ctx, s.API+"/v1/appointments/"+v.ID, tokens[b.Account], address, seen); err != nil {
			return fmt.Errorf("the patient cannot read %s: %w", v.ID, err)
		}
		if err := get(ctx, s.API+"/v1/appointments/"+v.ID+"/events", tokens[b.Account], address, &timeline); err != nil {
			return fmt.Errorf("the patient cannot read the timeline of %s: %w", v.ID, err)
		}
		for _, e := range timeline.Items {
			seen.Kinds = append(seen.Kinds, e.Kind)
		}
		v.Seen = seen
	}
	return nil
}

func logIn(ctx context.Context, s Sources, email, address string) (string, error) {
	raw, err := json.Marshal(map[string]string{"email": email, "password": s.Password})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.API+"/v1/sessions", bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	var session struct {
		AccessToken string `json:"access_token"`
	}
	err = send(req, "", address, &session)
	return session.AccessToken, err
}

func get(ctx context.Context, url, token, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return send(req, token, address, into)
}

func send(req *http.Request, token, address string, into any) error {
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if address != "" {
		req.Header.Set("X-Forwarded-For", address)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d", req.Method, req.URL.Path, resp.StatusCode)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
