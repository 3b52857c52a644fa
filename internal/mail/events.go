package mail

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sendgrid/sendgrid-go/helpers/eventwebhook"

	"github.com/careflow/careflow/internal/domain"
)

// How far the time stamp of a signature may be from our clock. SendGrid repeats a post
// that was not accepted for 24 hours and does not say whether it signs it anew, so a
// narrower bound could lose what happened during an outage. A recorded post sent again
// does no harm: each event is kept once, under its ID.
const (
	eventMaxAge   = 25 * time.Hour
	eventMaxAhead = 5 * time.Minute
)

// maxEvents bounds one post; SendGrid's own bound is one of bytes.
const maxEvents = 5000

// Events verifies the posts of SendGrid's event webhook.
type Events struct{ keys []*ecdsa.PublicKey }

// NewEvents takes the public keys as SendGrid shows them (base64 of PKIX DER). Several
// are right while one takes the place of another; without any, every post is refused.
func NewEvents(keys []string) (*Events, error) {
	e := &Events{}
	for _, text := range keys {
		key, err := ParseEventKey(text)
		if err != nil {
			return nil, err
		}
		e.keys = append(e.keys, key)
	}
	return e, nil
}

// ParseEventKey reads one public key: the base64 text of SendGrid's "verification key".
func ParseEventKey(text string) (*ecdsa.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("a verification key is base64")
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("a verification key is a public key in PKIX form")
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("a verification key is an ECDSA key on P-256")
	}
	return key, nil
}

// event is what we read of SendGrid's; the address, the network and the words of mail
// servers are never read at all, the reason of a drop only to be told apart.
type event struct {
	ID             string `json:"sg_event_id"`
	Kind           string `json:"event"`
	Timestamp      int64  `json:"timestamp"`
	MessageID      string `json:"message_id"` // our custom argument
	Type           string `json:"type"`
	Classification string `json:"bounce_classification"`
	Reason         string `json:"reason"`
}

// VerifyMailEvents checks the signature over the time stamp and the raw body, the time
// stamp's distance from now, and reduces the events to what we keep. Events that tell
// what a reader did are left out. Errors have the code unauthenticated (not from
// SendGrid, or too old) or vendor_rejected (from SendGrid, not in a form we understand).
func (e *Events) VerifyMailEvents(body []byte, signature, timestamp string, now time.Time) ([]domain.MailEvent, error) {
	if !e.signed(body, signature, timestamp) {
		return nil, domain.Errorf(domain.CodeUnauthenticated, "the signature of the mail provider's events is not valid")
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if age := now.Sub(time.Unix(seconds, 0)); err != nil || age > eventMaxAge || age < -eventMaxAhead {
		return nil, domain.Errorf(domain.CodeUnauthenticated, "the signature of the mail provider's events is too old")
	}
	var events []event
	if err := json.Unmarshal(body, &events); err != nil {
		// Not its text: it may quote what was sent.
		return nil, domain.Errorf(domain.CodeVendorRejected, "the mail provider's post is not a list of events")
	}
	if len(events) > maxEvents {
		return nil, domain.Errorf(domain.CodeVendorRejected, "the mail provider's post has more than %d events", maxEvents)
	}
	var out []domain.MailEvent
	for _, one := range events {
		state, code, ok := one.delivery()
		if !ok || one.ID == "" || len(one.ID) > 200 {
			continue
		}
		out = append(out, domain.MailEvent{
			ID: one.ID, MessageID: one.MessageID,
			DeliveryState: domain.DeliveryState{State: state, Code: code, At: time.Unix(one.Timestamp, 0).UTC()},
		})
	}
	return out, nil
}

// signed tries each key: while one is being replaced, both are right.
func (e *Events) signed(body []byte, signature, timestamp string) bool {
	for _, key := range e.keys {
		if ok, err := eventwebhook.VerifySignature(key, body, signature, timestamp); err == nil && ok {
			return true
		}
	}
	return false
}

// delivery is the one place that decides what an event of SendGrid means
// (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event).
func (e event) delivery() (domain.Delivery, string, bool) {
	switch e.Kind {
	case "processed":
		return domain.DeliveryProcessed, "", true
	case "deferred":
		return domain.DeliveryDeferred, "", true
	case "delivered":
		return domain.DeliveryDelivered, "", true
	case "dropped":
		return domain.DeliveryDropped, known(dropReasons, e.Reason, "other"), true
	case "bounce":
		code := known(bounceClasses, e.Classification, "unclassified")
		if e.Type == "blocked" { // refused this time; the address may be right
			code = "blocked_" + code
		}
		return domain.DeliveryBounced, code, true
	case "spamreport":
		return domain.DeliverySpam, "", true
	}
	return "", "", false
}

// The texts of SendGrid that we know, and our codes for them. Everything else is free
// text, which may hold an address.
var (
	bounceClasses = map[string]string{
		"invalid address": "invalid_address", "technical": "technical", "content": "content", "reputation": "reputation",
		"frequency/volume": "volume", "frequency or volume too high": "volume", "mailbox unavailable": "mailbox_unavailable", "unclassified": "unclassified",
	}
	dropReasons = map[string]string{
		"bounced address": "bounced_address", "invalid": "invalid_address", "spam reporting address": "spam_reporting_address",
		"unsubscribed address": "unsubscribed_address", "spam content (if spam checker app enabled)": "spam_content", "spam content": "spam_content",
		"recipient list over package quota": "over_quota", "invalid smtpapi header": "invalid_header",
	}
)

func known(codes map[string]string, text, otherwise string) string {
	if code, ok := codes[strings.ToLower(strings.TrimSpace(text))]; ok {
		return code
	}
	return otherwise
}
