package sandbox

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// DefaultMailEventKey is the public key ("verification key") of the Sandbox's event
// webhook. Its other half is below: it protects nothing.
const DefaultMailEventKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEltaUFBf1KvBi6XjNwBfI157HCzakpjUR2ETIIjZO7jZ9KIhh73k1KMZ5M+iYk0Bqc0XcgYO7ifY7x7o5XNS1rg=="

const mailEventPrivateKey = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5DDXXqBeLeZDZu++FaFKr64i8bZtvUvM0l3V6ZJ6JVuhRANCAASW1pQUF/Uq8GLpeM3AF8jXnscLNqSmNRHYRMgiNk7uNn0oiGHveTUoxnkz6JiTQGpzRdyBg7uJ9jvHujlc1LWu"

// Fate is what becomes of mails to a recipient after they were accepted. The zero Fate
// is to be delivered.
type Fate struct {
	// Events are processed, deferred, delivered, dropped, bounce, spamreport, in their
	// order. Defaults to processed and delivered.
	Events []string `json:"events,omitempty"`
	// Type is bounce (the default) or blocked; Class a bounce classification, such as
	// "Invalid Address"; Reason the words of a mail server or of a drop.
	Type   string `json:"type,omitempty"`
	Class  string `json:"class,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func (f Fate) validate() error {
	for _, e := range f.Events {
		if !slices.Contains([]string{"processed", "deferred", "delivered", "dropped", "bounce", "spamreport"}, e) {
			return domain.Errorf(domain.CodeInvalid, "%q is no event of a mail", e)
		}
	}
	return nil
}

// SetFate decides about the mails to a recipient from now on. It panics on a fate that
// cannot be, which is a mistake in the test that asks for it.
func (s *Sandbox) SetFate(recipient string, f Fate) {
	if err := f.validate(); err != nil {
		panic("sandbox: " + err.Error())
	}
	s.update(func(t *tx) { t.putFate(recipient, &f) })
}

// report owes the events of an accepted mail, each in a post of its own. With no
// endpoint there are none. Like SendGrid's, they name recipient and servers.
func (t *tx) report(m *Mail) {
	if t.s.cfg.MailWebhookURL == "" {
		return
	}
	for _, to := range m.To {
		fate := Fate{Events: []string{"processed", "delivered"}}
		if f := t.s.state.Fates[to.Email]; f != nil && len(f.Events) > 0 {
			fate = *f
		}
		for _, kind := range fate.Events {
			id := newID("sge_")
			body, err := json.Marshal([]map[string]any{mailEvent(id, kind, to.Email, m, fate, t.now)})
			if err != nil {
				panic("sandbox: an event that is no JSON: " + err.Error())
			}
			m.Events = append(m.Events, MailEvent{ID: id, Event: kind})
			t.owe(&delivery{
				ID: id, Event: id, Type: "mail." + kind, Intent: m.MessageID, Seq: t.next(), Due: time.Now(), Body: body, Mail: true, Of: m.ID,
			})
		}
	}
}

// told notes that the endpoint knows of a mail's event.
func (t *tx) told(d *delivery) {
	m := t.s.state.Mails[d.Of]
	if m == nil {
		return
	}
	m.Events = slices.Clone(m.Events) // others hold what was there
	for i := range m.Events {
		m.Events[i].Told = m.Events[i].Told || m.Events[i].ID == d.Event
	}
	t.putMail(m)
}

func mailEvent(id, kind, to string, m *Mail, fate Fate, now time.Time) map[string]any {
	e := map[string]any{
		"email": to, "timestamp": now.Unix(), "event": kind, "sg_event_id": id,
		"sg_message_id": m.ID + ".recvd-sandbox-1", "smtp-id": "<" + m.ID + "@sandbox>",
	}
	for k, v := range m.CustomArgs {
		e[k] = v
	}
	switch kind {
	case "delivered", "deferred":
		e["response"], e["ip"], e["tls"] = "250 "+to, "192.0.2.7", 1
	case "dropped":
		e["reason"] = cmp.Or(fate.Reason, "Bounced Address")
	case "bounce":
		e["type"], e["bounce_classification"] = cmp.Or(fate.Type, "bounce"), cmp.Or(fate.Class, "Invalid Address")
		e["reason"], e["status"], e["ip"] = cmp.Or(fate.Reason, "550 5.1.1 <"+to+"> does not exist"), "5.1.1", "192.0.2.7"
	}
	return e
}

// signMail signs a post as SendGrid does: ECDSA over SHA-256 of the time stamp and the
// body (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features).
func signMail(h http.Header, body []byte, at time.Time) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	h.Set("X-Twilio-Email-Event-Webhook-Timestamp", timestamp)
	h.Set("X-Twilio-Email-Event-Webhook-Signature", SignMail(body, timestamp))
}

// SignMail returns the signature header of a post with SendGrid's events.
func SignMail(body []byte, timestamp string) string {
	der, err := base64.StdEncoding.DecodeString(mailEventPrivateKey)
	if err != nil {
		panic("sandbox: " + err.Error())
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		panic("sandbox: " + err.Error())
	}
	sum := sha256.Sum256(append([]byte(timestamp), body...))
	signature, err := ecdsa.SignASN1(rand.Reader, parsed.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		panic("sandbox: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(signature)
}
