package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// delivery is an event on its way to the webhook endpoint.
type delivery struct {
	ID       string
	Event    string // event ID: two deliveries of one event share it
	Type     string
	Intent   string
	Seq      int64
	Due      time.Time // by the machine's clock
	Attempts int
	Body     []byte
	Behind   bool   // waits until a later event was delivered
	Mail     bool   // of SendGrid: Intent is then our message ID
	Of       string // ID of the mail that it tells of
}

type eventRequest struct {
	ID             string `json:"id,omitempty"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// emit owes an event about an object, together with the change it reports.
func (t *tx) emit(kind string, object map[string]any) {
	if chosen := t.s.cfg.WebhookEvents; len(chosen) > 0 && !slices.Contains(chosen, kind) {
		return
	}
	intentID, _ := object["payment_intent"].(string)
	if object["object"] == "payment_intent" {
		intentID, _ = object["id"].(string)
	}
	request := map[string]any{"id": text(t.cause.ID), "idempotency_key": text(t.cause.IdempotencyKey)}
	event := newID("evt_")
	body, err := json.MarshalIndent(map[string]any{
		"id": event, "object": "event", "api_version": APIVersion, "created": t.now.Unix(),
		"data": map[string]any{"object": object}, "livemode": false, "pending_webhooks": 1,
		"request": request, "type": kind,
	}, "", "  ")
	if err != nil {
		panic("sandbox: an event that is no JSON: " + err.Error())
	}
	t.owe(&delivery{ID: event, Event: event, Type: kind, Intent: intentID, Seq: t.next(), Due: time.Now(), Body: body})
}

// owe keeps an event for its endpoint, with the faults that are switched on for it.
func (t *tx) owe(d *delivery) {
	hit := t.s.faults.take(Webhook, d.Type, d.Intent)
	if hit[Lost] != nil {
		return
	}
	if l := hit[Late]; l != nil {
		d.Due = d.Due.Add(l.fault.Latency.Std())
	}
	d.Behind = hit[Reordered] != nil
	t.putDelivery(d)
	if hit[Doubled] != nil {
		again := *d
		again.ID, again.Seq = d.Event+"_again", t.next()
		t.putDelivery(&again)
	}
}

// dispatcher sends owed events, one after the other, so that they arrive in order
// unless something went wrong; Stripe itself promises no order.
type dispatcher struct {
	s      *Sandbox
	signal chan struct{}
	client *http.Client
}

func newDispatcher(s *Sandbox) *dispatcher {
	return &dispatcher{s: s, signal: make(chan struct{}, 1), client: &http.Client{Timeout: 10 * time.Second}}
}

func (d *dispatcher) wake() {
	select {
	case d.signal <- struct{}{}:
	default:
	}
}

func (d *dispatcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		next := d.pick()
		wait := time.Hour
		if next != nil {
			wait = time.Until(next.Due)
		}
		if next != nil && wait <= 0 {
			d.attempt(ctx, next)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-d.signal:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// pick returns the delivery that is due first; those without an endpoint wait.
func (d *dispatcher) pick() (next *delivery) {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	for _, c := range d.s.state.Deliveries {
		if c.Behind || d.s.endpoint(c) == "" {
			continue
		}
		if next == nil || c.Due.Before(next.Due) || c.Due.Equal(next.Due) && c.Seq < next.Seq {
			next = c
		}
	}
	if next != nil {
		cp := *next
		next = &cp
	}
	return next
}

// endpoint is where an event goes; the lock is held.
func (s *Sandbox) endpoint(c *delivery) string {
	if c.Mail {
		return s.cfg.MailWebhookURL
	}
	return s.cfg.WebhookURL
}

func (d *dispatcher) attempt(ctx context.Context, c *delivery) {
	err := d.send(ctx, c)
	if ctx.Err() != nil {
		return // owed still; sent again after the restart
	}
	c.Attempts++
	d.s.update(func(t *tx) {
		switch {
		case err == nil:
			t.dropDelivery(c.ID)
			t.told(c)
			d.letPass(t, c)
		case c.Attempts >= d.s.cfg.WebhookAttempts:
			d.s.cfg.Log.Warn("webhook given up", "event", c.Event, "type", c.Type, "attempts", c.Attempts)
			t.dropDelivery(c.ID)
		default:
			c.Due = time.Now().Add(d.s.cfg.WebhookBackoff(c.Attempts))
			t.putDelivery(c)
		}
	})
	if err != nil {
		d.s.cfg.Log.Info("webhook not accepted", "event", c.Event, "type", c.Type, "attempt", c.Attempts, "error", err.Error())
	}
}

// letPass frees the events that were to arrive after this one.
func (d *dispatcher) letPass(t *tx, arrived *delivery) {
	for _, c := range t.s.state.Deliveries {
		if c.Behind && c.Mail == arrived.Mail && c.Seq < arrived.Seq {
			c.Behind = false
			t.putDelivery(c)
		}
	}
}

func (d *dispatcher) send(ctx context.Context, c *delivery) error {
	d.s.mu.Lock()
	url, secret := d.s.endpoint(c), d.s.cfg.WebhookSecret
	d.s.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(c.Body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if c.Mail {
		req.Header.Set("User-Agent", "SendGrid Event API")
		signMail(req.Header, c.Body, time.Now())
	} else {
		req.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
		req.Header.Set("Stripe-Signature", Sign(c.Body, secret, time.Now()))
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("the endpoint answered %d", resp.StatusCode)
	}
	return nil
}

// Sign returns the Stripe-Signature header of a webhook body
// (https://docs.stripe.com/webhooks#verify-manually).
func Sign(body []byte, secret string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}
