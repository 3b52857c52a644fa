package payments

import (
	"encoding/json"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/careflow/careflow/internal/domain"
)

// webhookTolerance is how old a signature may be, so that a recorded request cannot be
// sent again later.
const webhookTolerance = 5 * time.Minute

// eventObject is what we read of an event's object: an intent, or a charge, refund or
// dispute that names its intent.
type eventObject struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	PaymentIntent json.RawMessage   `json:"payment_intent"`
	Metadata      map[string]string `json:"metadata"`
	Status        string            `json:"status"`
	// Of a charge. A void, too, shows as a refund: of a charge that was not captured.
	Captured       bool  `json:"captured"`
	AmountRefunded int64 `json:"amount_refunded"`
}

// VerifyWebhook checks the signature of a webhook's raw body, its age at now and its
// API version, and reduces the event to ours. IntentID is empty for events about
// something else. Errors have the code unauthenticated (not from Stripe, or too old)
// or vendor_rejected (from Stripe, but not in a form we understand).
func (s *Stripe) VerifyWebhook(body []byte, header string, now time.Time) (domain.PaymentEvent, error) {
	if err := s.verify(body, header); err != nil {
		return domain.PaymentEvent{}, domain.Errorf(domain.CodeUnauthenticated, "the webhook's signature is not valid").Because(err)
	}
	// The library measures the age by its own clock; we measure by now, in both
	// directions.
	signed, err := signedAt(header)
	if age := now.Sub(signed); err != nil || age > webhookTolerance || age < -webhookTolerance {
		return domain.PaymentEvent{}, domain.Errorf(domain.CodeUnauthenticated, "the webhook's signature is too old").Because(webhook.ErrTooOld)
	}
	var event stripe.Event
	if err := json.Unmarshal(body, &event); err != nil || event.ID == "" || event.Data == nil {
		return domain.PaymentEvent{}, domain.Errorf(domain.CodeVendorRejected, "the webhook holds no event").Because(err)
	}
	if event.APIVersion != stripe.APIVersion {
		return domain.PaymentEvent{}, domain.Errorf(domain.CodeVendorRejected, "the webhook endpoint must be pinned to API version %s", stripe.APIVersion).WithDetail(event.APIVersion)
	}
	out := domain.PaymentEvent{ID: event.ID, Type: string(event.Type), Created: time.Unix(event.Created, 0).UTC()}
	var object eventObject
	if err := json.Unmarshal(event.Data.Raw, &object); err != nil {
		return domain.PaymentEvent{}, domain.Errorf(domain.CodeVendorRejected, "the webhook's object cannot be read").Because(err)
	}
	out.AppointmentID = object.Metadata[metaAppointment]
	switch object.Object {
	case "charge":
		if object.Captured {
			out.Refunded = object.AmountRefunded
		}
	case "refund", "dispute":
		out.Status = object.Status
	}
	if object.Object == "payment_intent" {
		out.IntentID = object.ID
	} else {
		out.IntentID = reference(object.PaymentIntent)
	}
	return out, nil
}

// verify tries each secret: while one is being rolled, both are right.
func (s *Stripe) verify(body []byte, header string) error {
	err := webhook.ErrNoValidSignature
	for _, secret := range s.secrets {
		if err = webhook.ValidatePayloadIgnoringTolerance(body, header, secret); err == nil {
			return nil
		}
	}
	return err
}

// reference reads an ID that may have been expanded to the object.
func reference(raw json.RawMessage) string {
	var id string
	if json.Unmarshal(raw, &id) == nil {
		return id
	}
	var object struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return ""
	}
	return object.ID
}
