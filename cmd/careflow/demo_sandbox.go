package main

import (
	"context"
	"net/http"
	"net/url"
)

// demoSandbox is the control API of the sandbox, as far as the demonstration uses it.
type demoSandbox struct{ http demoHTTP }

// demoLedger is what the vendors did.
type demoLedger struct {
	Payments []demoPayment `json:"payments"`
	Mails    []struct {
		MessageID string `json:"message_id"`
		Count     int    `json:"count"`
	} `json:"mails"`
}

// demoPayment is one intent; money in minor units.
type demoPayment struct {
	IntentID      string `json:"intent_id"`
	AppointmentID string `json:"appointment_id"`
	Status        string `json:"status"`
	Currency      string `json:"currency"`
	Amount        int64  `json:"amount"`
	Held          int64  `json:"held"`
	Captured      int64  `json:"captured"`
	Refunded      int64  `json:"refunded"`
	Captures      int    `json:"captures"`
}

type demoMail struct {
	ID      string `json:"id"`
	Subject string `json:"subject"`
	To      []struct {
		Email string `json:"email"`
	} `json:"to"`
	Attachments []struct {
		Filename string `json:"filename"`
	} `json:"attachments"`
}

func (s demoSandbox) ledger(ctx context.Context) (demoLedger, error) {
	var l demoLedger
	_, err := s.http.do(ctx, http.MethodGet, "/_sandbox/ledger", nil, &l)
	return l, err
}

// payments returns the intents of one appointment.
func (l demoLedger) payments(appointmentID string) []demoPayment {
	var own []demoPayment
	for _, p := range l.Payments {
		if p.AppointmentID == appointmentID {
			own = append(own, p)
		}
	}
	return own
}

// mails counts how often a message was accepted for sending.
func (l demoLedger) mails(messageID string) int {
	for _, m := range l.Mails {
		if m.MessageID == messageID {
			return m.Count
		}
	}
	return 0
}

func (s demoSandbox) pay(ctx context.Context, intentID string) error {
	_, err := s.http.do(ctx, http.MethodPost, "/_sandbox/payment_intents/"+intentID+"/pay", nil, nil)
	return err
}

func (s demoSandbox) mail(ctx context.Context, messageID string) (mails []demoMail, err error) {
	_, err = s.http.do(ctx, http.MethodGet, "/_sandbox/mails?message_id="+url.QueryEscape(messageID), nil, &mails)
	return mails, err
}
