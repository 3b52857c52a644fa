package main

import (
	"context"
	"fmt"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// demoLook is how often the front desk looks.
const demoLook = 300 * time.Millisecond

// watch looks at the visit and its letters again and again until done says so, and tells
// of every letter as it leaves.
func (d *demonstration) watch(ctx context.Context, patience time.Duration, what string, done func() (bool, error)) error {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(demoLook)
	defer tick.Stop()
	for {
		if err := d.tellLetters(ctx); err != nil {
			return err
		}
		ok, err := done()
		if err != nil || ok {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s in vain for %s: the visit is %s", seconds(patience), what, words(string(d.visit.Status)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// becomes waits until the visit has the status.
func (d *demonstration) becomes(ctx context.Context, patience time.Duration, status domain.Status) error {
	began := time.Now()
	return d.watch(ctx, patience, "the visit to be "+words(string(status)), func() (bool, error) {
		if err := d.desk.get(ctx, "/v1/appointments/"+d.visit.ID, &d.visit); err != nil {
			return false, err
		}
		now := domain.Status(d.visit.Status)
		switch {
		case now == status:
			return true, nil
		case d.visit.Stuck != "":
			return false, fmt.Errorf("the visit is stuck (%s) and needs a person", d.visit.Stuck)
		case now.Ended() && status != domain.StatusArchived:
			return false, fmt.Errorf("the visit ended as %s (%s) instead of becoming %s", words(string(now)), d.visit.ReasonCode, words(string(status)))
		}
		d.voice.count(fmt.Sprintf("%s, for %s", words(string(now)), seconds(time.Since(began))))
		return false, nil
	})
}

// letters reads the visit's message ledger.
func (d *demonstration) letters(ctx context.Context) ([]openapi.Message, error) {
	var list openapi.MessageList
	err := d.desk.get(ctx, "/v1/appointments/"+d.visit.ID+"/messages", &list)
	return list.Items, err
}

// tellLetters tells of every letter that has left, or will not, since the last look.
func (d *demonstration) tellLetters(ctx context.Context) error {
	letters, err := d.letters(ctx)
	if err != nil {
		return err
	}
	for _, m := range letters {
		if d.told[m.ID] || m.Status == openapi.MessageStatusPending || m.Status == openapi.MessageStatusSending {
			continue
		}
		d.told[m.ID] = true
		if err := d.tellLetter(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (d *demonstration) tellLetter(ctx context.Context, m openapi.Message) error {
	if m.Status != openapi.MessageStatusSent {
		d.voice.say("No mail: the message %q to the %s is %s (%s).", words(m.Kind), m.Recipient, m.Status, words(m.ErrorCode))
		return nil
	}
	mails, err := d.sandbox.mail(ctx, m.ID)
	if err != nil || len(mails) == 0 || len(mails[0].To) == 0 {
		return err // what is missing is found at the end
	}
	when := ""
	if m.Kind == string(domain.MessageReminder) {
		when = fmt.Sprintf(", %s before the visit", seconds(d.visit.StartsAt.Sub(m.SentAt)))
	}
	d.voice.say("Mail to %s (%s%s): %q%s", mails[0].To[0].Email, words(m.Kind), when, mails[0].Subject, attached(mails[0]))
	return nil
}

func attached(m demoMail) string {
	if len(m.Attachments) == 0 {
		return ""
	}
	return ", with " + m.Attachments[0].Filename
}

// toldAll reports whether every letter that is owed so far has left.
func (d *demonstration) toldAll(ctx context.Context) func() (bool, error) {
	return func() (bool, error) {
		letters, err := d.letters(ctx)
		if err != nil {
			return false, err
		}
		for _, m := range letters {
			if !d.told[m.ID] {
				return false, nil
			}
		}
		return true, nil
	}
}
