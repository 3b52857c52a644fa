package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/historycost"
)

// expectedLetters are what one confirmed visit owes, by kind.
var expectedLetters = map[domain.MessageKind]int{
	domain.MessageRequestReceived: 1, domain.MessageRequestToDoctor: 1, domain.MessageConfirmed: 1,
	domain.MessageReceipt: 1, domain.MessageReminder: demoReminders,
}

// check compares our books with the vendors' and says what is missing.
func (d *demonstration) check(ctx context.Context) error {
	d.voice.chapter("The books")
	ledger, err := d.sandbox.ledger(ctx)
	if err != nil {
		return err
	}
	letters, err := d.letters(ctx)
	if err != nil {
		return err
	}
	var timeline openapi.EventList
	if err := d.desk.get(ctx, "/v1/appointments/"+d.visit.ID+"/events", &timeline); err != nil {
		return err
	}
	d.voice.say("The timeline: %s.", strings.Join(happened(timeline), ", "))
	wrong := slices.Concat(d.wrongMoney(ledger), wrongLetters(letters, ledger, expectedLetters))
	if d.visit.Status != openapi.Status(domain.StatusArchived) {
		wrong = append(wrong, "the visit is "+words(string(d.visit.Status))+", not archived")
	}
	if err := d.tellCost(ctx); err != nil {
		return err
	}
	d.links()
	if len(wrong) > 0 {
		return fmt.Errorf("the visit took place, but the books do not agree:\n  - %s", strings.Join(wrong, "\n  - "))
	}
	d.voice.say("All is as it should be: archived, paid once, and each of the %d letters sent once.", len(letters))
	return nil
}

func happened(timeline openapi.EventList) []string {
	var kinds []string
	for _, e := range timeline.Items {
		kinds = append(kinds, words(e.Kind))
	}
	return kinds
}

// wrongMoney says where the payment provider's ledger is not what the terms promise.
func (d *demonstration) wrongMoney(ledger demoLedger) []string {
	price := d.visit.Terms.Price
	own := ledger.payments(d.visit.ID)
	if len(own) != 1 {
		return []string{fmt.Sprintf("the provider has %d payments of this visit, not one", len(own))}
	}
	p := own[0]
	d.voice.say("The provider's ledger: captured %s in %d step, refunded %s, still held %s. The price was %s.",
		money(p.Captured, p.Currency), p.Captures, money(p.Refunded, p.Currency), money(p.Held, p.Currency), money(price.Minor, price.Currency))
	var wrong []string
	if p.Captured != price.Minor || p.Captures != 1 || p.Refunded != 0 || p.Held != 0 || !strings.EqualFold(p.Currency, price.Currency) {
		wrong = append(wrong, fmt.Sprintf("the provider captured %s, not %s once", money(p.Captured, p.Currency), money(price.Minor, price.Currency)))
	}
	if ours := d.visit.Payment.Captured.Minor; ours != p.Captured {
		wrong = append(wrong, fmt.Sprintf("our books say captured %s", money(ours, p.Currency)))
	}
	return wrong
}

// wrongLetters says which letters are missing, or were sent more or less than once.
func wrongLetters(letters []openapi.Message, ledger demoLedger, expected map[domain.MessageKind]int) []string {
	var wrong []string
	seen := map[domain.MessageKind]int{}
	for _, m := range letters {
		seen[domain.MessageKind(m.Kind)]++
		if times := ledger.mails(m.ID); m.Status != openapi.MessageStatusSent || times != 1 {
			wrong = append(wrong, fmt.Sprintf("the %s to the %s is %s %s and was mailed %d times", words(m.Kind), m.Recipient, m.Status, m.ErrorCode, times))
		}
	}
	for kind, want := range expected {
		if seen[kind] != want {
			wrong = append(wrong, fmt.Sprintf("there are %d letters of kind %s, not %d", seen[kind], words(string(kind)), want))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// tellCost adds what the process cost, where Temporal can be reached from here.
func (d *demonstration) tellCost(ctx context.Context) error {
	temporal, err := historyClient(d.in)
	if err == nil {
		defer temporal.Close()
		events, readErr := history(ctx, temporal, d.visit.ID, true)
		if err = readErr; err == nil {
			c := historycost.Of(events)
			d.voice.say("What the process took of Temporal:")
			return c.WriteTable(d.voice.out)
		}
	}
	d.voice.say("What the process cost is not shown, Temporal cannot be asked from here: %v", err)
	return nil
}
