package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
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

// deed does at the provider what a payer, a bank or a person in its dashboard does to an
// intent: refund, fail_refunds, dispute, answer_dispute, decide_dispute.
func (v vendors) deed(ctx context.Context, intent, what string, body any) error {
	return v.do(ctx, http.MethodPost, "/_sandbox/payment_intents/"+intent+"/"+what, body)
}

// bounce lets every letter to an address come back, or no more.
func (v vendors) bounce(ctx context.Context, address string, on bool) error {
	fate := map[string]any{}
	if on {
		fate["events"] = []string{"processed", "bounce"}
	}
	return v.do(ctx, http.MethodPut, "/_sandbox/fates/"+url.PathEscape(address), fate)
}

// letter is the text of a letter that has arrived, by our own ID; "" before.
func (v vendors) letter(ctx context.Context, messageID string) string {
	var mails []struct {
		Text string `json:"text"`
	}
	_ = v.get(ctx, "/_sandbox/mails?message_id="+messageID, &mails) // the sandbox is never killed
	if len(mails) == 0 {
		return ""
	}
	return mails[len(mails)-1].Text
}

// intentOf returns a visit's newest intent in the provider's ledger, "" where there is none.
func (v vendors) intentOf(ctx context.Context, id string) string {
	var ledger struct {
		Payments []struct {
			IntentID      string `json:"intent_id"`
			AppointmentID string `json:"appointment_id"`
		} `json:"payments"`
	}
	_ = v.get(ctx, "/_sandbox/ledger", &ledger) // the sandbox is never killed
	for _, p := range ledger.Payments {
		if p.AppointmentID == id {
			return p.IntentID
		}
	}
	return ""
}

func (v vendors) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d", path, resp.StatusCode)
	}
	return json.NewDecoder(resp.Body).Decode(into)
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

// hurry has the events sent at once that are owed still, and says how many those are.
func (v vendors) hurry(ctx context.Context) (owed int, err error) {
	var ledger struct {
		Pending int `json:"pending_webhooks"`
	}
	if err := v.get(ctx, "/_sandbox/ledger", &ledger); err != nil || ledger.Pending == 0 {
		return 0, err
	}
	return ledger.Pending, v.resend(ctx)
}

// resend sends every owed webhook at once.
func (v vendors) resend(ctx context.Context) error {
	return v.do(ctx, http.MethodPost, "/_sandbox/webhooks/resend", nil)
}
