package sandbox

import "net/http"

// challenge asks the payer's bank first.
func (t *tx) challenge(i *intent) {
	i.Status, i.LastError = statusNeedsAction, nil
	t.putIntent(i)
	t.emit("payment_intent.requires_action", i.object(false))
}

// failAuthentication ends a check that the payer did not pass; the intent stays payable.
func (t *tx) failAuthentication(i *intent) reply {
	i.Status = statusNeedsMethod
	i.LastError = &stripeError{
		Type: "invalid_request_error", Code: "payment_intent_authentication_failure",
		Message: "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
	}
	t.putIntent(i)
	t.emit("payment_intent.payment_failed", i.object(false))
	answer := *i.LastError
	answer.Intent = i.object(false)
	return answer.reply(http.StatusPaymentRequired, true)
}

// pay authorises the intent, or charges it where capture is automatic.
func (t *tx) pay(i *intent) {
	c := &charge{ID: newID("ch_"), Created: t.now, Amount: i.Amount}
	i.Charges = append(i.Charges, c)
	i.LastError = nil
	if i.Manual {
		c.CaptureBefore = t.now.Add(t.s.cfg.AuthorisationWindow)
		i.Status = statusHeld
		t.putIntent(i)
		t.emit("charge.succeeded", c.object(i))
		t.emit("payment_intent.amount_capturable_updated", i.object(false))
		return
	}
	t.capture(i, i.Amount)
}

// decline fails one attempt to pay; the intent stays payable.
func (t *tx) decline(i *intent, declineCode string) reply {
	code := "card_declined"
	if declineCode == "expired_card" {
		code = declineCode
	}
	c := &charge{ID: newID("ch_"), Created: t.now, Amount: i.Amount, Failed: true, FailureCode: code}
	i.Charges, i.Status = append(i.Charges, c), statusNeedsMethod
	i.LastError = &stripeError{
		Type: "card_error", Code: code, DeclineCode: declineCode, Charge: c.ID, Message: "Your card was declined.",
	}
	t.putIntent(i)
	t.emit("charge.failed", c.object(i))
	t.emit("payment_intent.payment_failed", i.object(false))
	answer := *i.LastError
	answer.Intent = i.object(false)
	return answer.reply(http.StatusPaymentRequired, true)
}

// capture takes the money; what is not taken is let go.
func (t *tx) capture(i *intent, amount int64) {
	c := i.latest()
	c.Captured, c.AmountCaptured = true, amount
	i.Status, i.Received = statusSucceeded, amount
	i.CapturedCalls++
	t.putIntent(i)
	if i.Manual {
		t.emit("charge.captured", c.object(i))
	} else {
		t.emit("charge.succeeded", c.object(i))
	}
	t.emit("payment_intent.succeeded", i.object(false))
}

// cancel ends the intent. Held funds are let go, which Stripe shows as a refund of
// the uncaptured charge.
func (t *tx) cancel(i *intent, reason string) {
	held := i.Status == statusHeld
	i.Status, i.CanceledAt, i.CancelReason = statusCanceled, t.now, reason
	if held {
		i.latest().AmountRefunded = i.Amount
	}
	t.putIntent(i)
	if held {
		t.emit("charge.refunded", i.latest().object(i))
	}
	t.emit("payment_intent.canceled", i.object(false))
}

// lapse cancels the intents whose authorisation has run out.
func (s *Sandbox) lapse(t *tx) {
	for _, i := range s.state.Intents {
		if i.Status == statusHeld && !t.now.Before(i.latest().CaptureBefore) {
			t.cancel(i, "automatic")
		}
	}
}

// giveBack creates a refund; the amount has been checked.
func (t *tx) giveBack(i *intent, amount int64, reason string, metadata map[string]string) *refund {
	c := i.latest()
	r := &refund{
		ID: newID("re_"), Seq: t.next(), Created: t.now, Intent: i.ID, Charge: c.ID, Amount: amount,
		Currency: i.Currency, Status: "succeeded", Reason: reason, Metadata: metadata,
	}
	if t.s.refundsPend {
		r.Status = "pending"
	}
	c.AmountRefunded += amount
	t.putRefund(r)
	t.putIntent(i)
	t.emit("charge.refunded", c.object(i))
	return r
}

// failRefund takes a refund back: the bank did not accept it.
func (t *tx) failRefund(r *refund) {
	i := t.s.state.Intents[r.Intent]
	r.Status = "failed"
	for _, c := range i.Charges {
		if c.ID == r.Charge {
			c.AmountRefunded -= r.Amount
		}
	}
	t.putRefund(r)
	t.putIntent(i)
	t.emit("charge.refund.updated", r.object())
}

// arrive lets a refund that was on its way reach its payer.
func (t *tx) arrive(r *refund) {
	r.Status = "succeeded"
	t.putRefund(r)
	t.emit("charge.refund.updated", r.object())
}
