package sandbox

import (
	"net/http"

	"github.com/careflow/careflow/internal/domain"
)

// Pay pays an intent as its payer would: held where capture is manual.
func (s *Sandbox) Pay(intentID string) error {
	return s.act(intentID, func(t *tx, i *intent) error {
		if i.Status != statusNeedsMethod {
			return wrongStatus(i)
		}
		t.pay(i)
		return nil
	})
}

// Decline lets an attempt to pay fail. Defaults to the decline code insufficient_funds.
func (s *Sandbox) Decline(intentID, declineCode string) error {
	return s.act(intentID, func(t *tx, i *intent) error {
		if i.Status != statusNeedsMethod {
			return wrongStatus(i)
		}
		if declineCode == "" {
			declineCode = "insufficient_funds"
		}
		t.decline(i, declineCode)
		return nil
	})
}

// Lapse lets the authorisation of an intent run out now.
func (s *Sandbox) Lapse(intentID string) error {
	return s.act(intentID, func(t *tx, i *intent) error {
		if i.Status != statusHeld {
			return wrongStatus(i)
		}
		t.cancel(i, "automatic")
		return nil
	})
}

// RefundByHand refunds minor units in Stripe's dashboard, behind the product's back;
// 0 refunds the rest.
func (s *Sandbox) RefundByHand(intentID string, minor int64) error {
	return s.act(intentID, func(t *tx, i *intent) error {
		c := i.latest()
		if i.Status != statusSucceeded {
			return wrongStatus(i)
		}
		rest := c.AmountCaptured - c.AmountRefunded
		if minor == 0 {
			minor = rest
		}
		if minor < 1 || minor > rest {
			return domain.Errorf(domain.CodeInvalid, "there are %d minor units left to refund", rest)
		}
		t.giveBack(i, minor, "", nil)
		return nil
	})
}

// FailRefunds lets the bank reject all refunds of an intent.
func (s *Sandbox) FailRefunds(intentID string) error {
	return s.act(intentID, func(t *tx, i *intent) error {
		for _, r := range t.s.state.Refunds {
			if r.Intent == i.ID && r.Status != "failed" {
				t.failRefund(r)
			}
		}
		return nil
	})
}

// HoldRefunds makes new refunds stay on their way until ArriveRefunds or FailRefunds, as
// banks do; off, they succeed at once.
func (s *Sandbox) HoldRefunds(on bool) {
	s.update(func(*tx) { s.refundsPend = on })
}

// ArriveRefunds lets the refunds of an intent that are on their way arrive.
func (s *Sandbox) ArriveRefunds(intentID string) error {
	return s.act(intentID, func(t *tx, i *intent) error {
		for _, r := range t.s.state.Refunds {
			if r.Intent == i.ID && r.Status == "pending" {
				t.arrive(r)
			}
		}
		return nil
	})
}

// Dispute lets the cardholder dispute a captured payment.
func (s *Sandbox) Dispute(intentID string) error {
	return s.act(intentID, func(t *tx, i *intent) error {
		if d := t.s.state.disputeOf(i.ID); i.Status != statusSucceeded || (d != nil && d.open()) {
			return wrongStatus(i)
		}
		t.dispute(i)
		return nil
	})
}

func (s *Sandbox) act(intentID string, do func(*tx, *intent) error) (err error) {
	s.update(func(t *tx) {
		i := s.state.Intents[intentID]
		if i == nil {
			err = domain.Errorf(domain.CodeNotFound, "no such payment intent: %s", intentID)
			return
		}
		err = do(t, i)
	})
	return err
}

func wrongStatus(i *intent) error {
	return domain.Errorf(domain.CodeWrongStatus, "the intent has the status %s", i.Status)
}

// Inject switches a fault on. It panics on a fault that cannot be, which is a mistake
// in the test that asks for it.
func (s *Sandbox) Inject(f Fault) *Injected {
	if err := f.validate(); err != nil {
		panic("sandbox: " + err.Error())
	}
	return s.faults.add(f)
}

// Faults lists the faults that are switched on.
func (s *Sandbox) Faults() []Fault { return s.faults.list() }

// ClearFaults switches all faults off and lets held requests go on.
func (s *Sandbox) ClearFaults() { s.faults.clear() }

// ResendWebhooks makes owed events due at once, as "resend" does in the dashboard.
func (s *Sandbox) ResendWebhooks() {
	s.update(func(t *tx) {
		for _, d := range s.state.Deliveries {
			d.Due, d.Behind = t.now, false
			t.putDelivery(d)
		}
	})
}

func (s *Sandbox) routes() {
	s.mux = http.NewServeMux()
	s.stripeRoutes()
	s.mux.HandleFunc("POST /v3/mail/send", s.serveSendGrid)
	s.elementRoutes()
	s.controlRoutes()
	s.pageRoutes()
}
