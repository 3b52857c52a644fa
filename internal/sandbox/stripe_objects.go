package sandbox

import (
	"time"
)

// Statuses of a PaymentIntent, in Stripe's words.
const (
	statusNeedsMethod = "requires_payment_method"
	statusNeedsAction = "requires_action" // the payer's bank asks
	statusHeld        = "requires_capture"
	statusSucceeded   = "succeeded"
	statusCanceled    = "canceled"
)

type intent struct {
	ID            string
	Secret        string
	Seq           int64
	Created       time.Time
	Amount        int64
	Received      int64
	Currency      string
	Manual        bool
	Automatic     bool // automatic_payment_methods
	Methods       []string
	Metadata      map[string]string
	Description   string
	Status        string
	CanceledAt    time.Time
	CancelReason  string
	LastError     *stripeError
	Charges       []*charge
	CapturedCalls int // captures that moved money: more than one would be a fault of ours
}

type charge struct {
	ID             string
	Created        time.Time
	Amount         int64
	AmountCaptured int64
	AmountRefunded int64
	Captured       bool
	Failed         bool
	FailureCode    string
	Disputed       bool
	CaptureBefore  time.Time
}

type refund struct {
	ID       string
	Seq      int64
	Created  time.Time
	Intent   string
	Charge   string
	Amount   int64
	Currency string
	Status   string
	Reason   string
	Metadata map[string]string
}

func (i *intent) latest() *charge {
	if len(i.Charges) == 0 {
		return nil
	}
	return i.Charges[len(i.Charges)-1]
}

func (i *intent) capturable() int64 {
	if i.Status == statusHeld {
		return i.Amount
	}
	return 0
}

// object renders the intent as API version 2023-10-16 does.
func (i *intent) object(expandCharge bool) map[string]any {
	o := map[string]any{
		"id": i.ID, "object": "payment_intent", "amount": i.Amount, "amount_capturable": i.capturable(),
		"amount_received": i.Received, "amount_details": map[string]any{"tip": map[string]any{}},
		"automatic_payment_methods": nil, "canceled_at": unix(i.CanceledAt),
		"cancellation_reason": text(i.CancelReason), "capture_method": "automatic",
		"client_secret": i.Secret, "confirmation_method": "automatic", "created": i.Created.Unix(),
		"currency": i.Currency, "customer": nil, "description": text(i.Description),
		"last_payment_error": nil, "latest_charge": nil, "livemode": false,
		"metadata": orEmpty(i.Metadata), "next_action": nil, "payment_method": nil,
		"payment_method_options": map[string]any{"card": map[string]any{"request_three_d_secure": "automatic"}},
		"payment_method_types":   i.Methods, "processing": nil, "receipt_email": nil,
		"setup_future_usage": nil, "shipping": nil, "statement_descriptor": nil,
		"statement_descriptor_suffix": nil, "status": i.Status,
	}
	if i.Manual {
		o["capture_method"] = "manual"
	}
	if i.Automatic {
		o["automatic_payment_methods"] = map[string]any{"allow_redirects": "always", "enabled": true}
	}
	if i.Status == statusNeedsAction {
		o["next_action"] = map[string]any{"type": "use_stripe_sdk", "use_stripe_sdk": map[string]any{"type": "stripe_3ds2_fingerprint"}}
	}
	if i.LastError != nil {
		o["last_payment_error"] = i.LastError
	}
	if c := i.latest(); c != nil {
		o["payment_method"] = "pm_sandbox_card"
		o["latest_charge"] = c.ID
		if expandCharge {
			o["latest_charge"] = c.object(i)
		}
	}
	return o
}

func (c *charge) object(i *intent) map[string]any {
	status, outcome := "succeeded", "authorized"
	if c.Failed {
		status, outcome = "failed", "issuer_declined"
	}
	card := map[string]any{
		"brand": "visa", "country": "US", "exp_month": 12, "exp_year": 2034, "funding": "credit",
		"last4": "4242", "network": "visa", "capture_before": nil, "amount_authorized": c.Amount,
		"overcapture":               map[string]any{"maximum_amount_capturable": c.Amount, "status": "unavailable"},
		"multicapture":              map[string]any{"status": "unavailable"},
		"incremental_authorization": map[string]any{"status": "unavailable"},
		"extended_authorization":    map[string]any{"status": "disabled"},
		"network_token":             map[string]any{"used": false},
		"checks":                    map[string]any{"cvc_check": "pass", "address_line1_check": nil, "address_postal_code_check": nil},
		"fingerprint":               "sandbox",
		"installments":              nil,
		"mandate":                   nil,
		"three_d_secure":            nil,
		"wallet":                    nil,
	}
	if !c.CaptureBefore.IsZero() && !c.Captured {
		card["capture_before"] = c.CaptureBefore.Unix()
	}
	return map[string]any{
		"id": c.ID, "object": "charge", "amount": c.Amount, "amount_captured": c.AmountCaptured,
		"amount_refunded": c.AmountRefunded, "captured": c.Captured, "created": c.Created.Unix(),
		"currency": i.Currency, "disputed": c.Disputed, "failure_code": text(c.FailureCode),
		"livemode": false, "metadata": orEmpty(i.Metadata), "outcome": map[string]any{"type": outcome},
		"paid": !c.Failed, "payment_intent": i.ID, "payment_method": "pm_sandbox_card",
		"payment_method_details": map[string]any{"card": card, "type": "card"},
		"refunded":               c.AmountRefunded > 0 && c.AmountRefunded == c.refundable(), "status": status,
	}
}

// refundable is what could ever go back: the captured money, or, where nothing was
// captured, the amount that a void let go.
func (c *charge) refundable() int64 {
	if c.Captured {
		return c.AmountCaptured
	}
	return c.Amount
}

func (r *refund) object() map[string]any {
	return map[string]any{
		"id": r.ID, "object": "refund", "amount": r.Amount, "charge": r.Charge, "created": r.Created.Unix(),
		"currency": r.Currency, "metadata": orEmpty(r.Metadata), "payment_intent": r.Intent,
		"reason": text(r.Reason), "status": r.Status, "receipt_number": nil, "balance_transaction": nil,
		"source_transfer_reversal": nil, "transfer_reversal": nil,
	}
}

func unix(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Unix()
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
