package sandbox

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Ledger is what happened at both vendors, for comparison with one's own books.
type Ledger struct {
	Payments []PaymentEntry `json:"payments"` // newest first
	Totals   []Total        `json:"totals"`   // by currency
	Mails    []MailEntry    `json:"mails"`    // by message ID
	// PendingWebhooks counts events that are owed still.
	PendingWebhooks int `json:"pending_webhooks"`
}

// PaymentEntry is one intent's money, in minor units of its currency.
type PaymentEntry struct {
	IntentID      string    `json:"intent_id"`
	AppointmentID string    `json:"appointment_id,omitempty"`
	Generation    int       `json:"generation,omitempty"`
	Status        string    `json:"status"`
	Created       time.Time `json:"created"`
	Currency      string    `json:"currency"`
	Amount        int64     `json:"amount"`
	Held          int64     `json:"held"`     // authorised and neither captured nor voided
	Captured      int64     `json:"captured"` // taken, before refunds
	Refunded      int64     `json:"refunded"` // given back of what was captured
	Voided        int64     `json:"voided"`   // held once and let go
	Charges       int       `json:"charges"`  // attempts that were authorised
	Captures      int       `json:"captures"` // captures that moved money
	Refunds       int       `json:"refunds"`  // refunds that did not fail
	Declines      int       `json:"declines"`
	Disputed      bool      `json:"disputed,omitempty"`
	Lost          int64     `json:"lost,omitempty"` // taken by disputes that the clinic lost
}

// Total sums a currency's payments.
type Total struct {
	Currency string `json:"currency"`
	Held     int64  `json:"held"`
	Captured int64  `json:"captured"`
	Refunded int64  `json:"refunded"`
	Voided   int64  `json:"voided"`
	Kept     int64  `json:"kept"` // captured less refunded and lost
}

// MailEntry counts how often one message was accepted for sending.
type MailEntry struct {
	MessageID string `json:"message_id"`
	Count     int    `json:"count"`
	Subject   string `json:"subject"`
}

// Ledger returns the books of this moment.
func (s *Sandbox) Ledger() Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Ledger{Payments: []PaymentEntry{}, Mails: []MailEntry{}, Totals: []Total{}, PendingWebhooks: len(s.state.Deliveries)}
	totals := map[string]*Total{}
	for _, i := range s.state.newestIntents() {
		e := s.entry(i)
		out.Payments = append(out.Payments, e)
		t := totals[e.Currency]
		if t == nil {
			t = &Total{Currency: e.Currency}
			totals[e.Currency] = t
		}
		t.Held += e.Held
		t.Captured += e.Captured
		t.Refunded += e.Refunded
		t.Voided += e.Voided
		t.Kept += e.Captured - e.Refunded - e.Lost
	}
	for _, c := range slices.Sorted(maps.Keys(totals)) {
		out.Totals = append(out.Totals, *totals[c])
	}
	mails := map[string]*MailEntry{}
	for _, m := range s.state.Mails {
		id := cmp.Or(m.MessageID, "(none)")
		if mails[id] == nil {
			mails[id] = &MailEntry{MessageID: id, Subject: m.Subject}
		}
		mails[id].Count++
	}
	for _, id := range slices.Sorted(maps.Keys(mails)) {
		out.Mails = append(out.Mails, *mails[id])
	}
	return out
}

func (s *Sandbox) entry(i *intent) PaymentEntry {
	e := PaymentEntry{
		IntentID: i.ID, AppointmentID: i.Metadata["appointment_id"], Status: i.Status, Created: i.Created,
		Currency: i.Currency, Amount: i.Amount, Held: i.capturable(), Captured: i.Received, Captures: i.CapturedCalls,
	}
	e.Generation, _ = strconv.Atoi(i.Metadata["generation"]) // absent where another client made it
	for _, c := range i.Charges {
		switch {
		case c.Failed:
			e.Declines++
			continue
		case c.Captured:
			e.Voided += c.Amount - c.AmountCaptured
		default:
			e.Voided += c.AmountRefunded
		}
		e.Charges++
		e.Disputed = e.Disputed || c.Disputed
	}
	for _, r := range s.state.Refunds {
		if r.Intent == i.ID && r.Status != "failed" {
			e.Refunds++
			e.Refunded += r.Amount
		}
	}
	for _, d := range s.state.Disputes {
		if d.Intent == i.ID && d.Status == disputeLost {
			e.Lost += d.Amount
		}
	}
	return e
}

// Payment returns one intent's entry, and false where there is no such intent.
func (s *Sandbox) Payment(intentID string) (PaymentEntry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.state.Intents[intentID]
	if i == nil {
		return PaymentEntry{}, false
	}
	return s.entry(i), true
}

// Mailbox returns the accepted mails, oldest first.
func (s *Sandbox) Mailbox() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Mail, 0, len(s.state.Mails))
	for _, m := range s.state.Mails {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b Mail) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// Mail returns the mail with this X-Message-Id, and false where there is none.
func (s *Sandbox) Mail(id string) (Mail, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.state.Mails[id]
	if m == nil {
		return Mail{}, false
	}
	return *m, true
}
