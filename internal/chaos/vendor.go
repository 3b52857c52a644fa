package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// vendors is the sandbox as a process of its own: what payers do, and the lies it is told
// to tell. It is part of the world and never killed.
type vendors struct{ base string }

func (v vendors) do(ctx context.Context, method, path string, body any) error {
	raw := []byte{}
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, v.base+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	return nil
}

// pay pays an intent as its payer would.
func (v vendors) pay(ctx context.Context, intent string) error {
	return v.do(ctx, http.MethodPost, "/_sandbox/payment_intents/"+intent+"/pay", nil)
}

// lapse lets an authorisation run out.
func (v vendors) lapse(ctx context.Context, intent string) error {
	return v.do(ctx, http.MethodPost, "/_sandbox/payment_intents/"+intent+"/lapse", nil)
}

// lie switches a fault on.
func (v vendors) lie(ctx context.Context, f Fault, key, code string) error {
	return v.do(ctx, http.MethodPost, "/_sandbox/faults", map[string]any{
		"vendor": f.Vendor, "match": f.Match, "mode": f.Mode, "status": f.Status, "count": f.Count,
		"latency": f.Latency.String(), "key": key, "code": code,
	})
}

// honest ends all lies.
func (v vendors) honest(ctx context.Context) error {
	return v.do(ctx, http.MethodDelete, "/_sandbox/faults", nil)
}

// resend sends every owed webhook at once.
func (v vendors) resend(ctx context.Context) error {
	return v.do(ctx, http.MethodPost, "/_sandbox/webhooks/resend", nil)
}
