package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// The demonstration type's terms that are told; the clinic's usual ones are hours.
const (
	demoReminders = 3
	paidPatience  = 30 * time.Second // for what takes a second or two on an idle machine
)

func (d *demonstration) greet(ctx context.Context) error {
	for _, p := range []*demoPerson{d.desk, d.patient, d.doctor} {
		if err := p.login(ctx); err != nil {
			return err
		}
	}
	if _, err := d.sandbox.ledger(ctx); err != nil {
		return err
	}
	d.voice.line("One visit, from the booking to the archive, told by the front desk.")
	d.voice.line("It is a demonstration: its deadlines are seconds where the clinic's are hours and days.")
	d.voice.line("Everything goes through the public API; nobody moves the visit along but these people and the clock.")
	d.voice.chapter("The booking")
	d.voice.say("%s logs in as %s, %s as %s.", d.patient.name, d.patient.email, d.doctor.name, d.doctor.email)
	return nil
}

// book takes the first slot that is free for both sides.
func (d *demonstration) book(ctx context.Context) error {
	slots, err := d.slots(ctx)
	if err != nil {
		return err
	}
	d.voice.say("She asks when %s has time: %d free minutes within the next half hour, the first at %s.",
		d.doctor.name, len(slots), clock(slots[0]))
	for _, slot := range slots {
		request := openapi.Booking{
			DoctorID: seed.DoctorDemoID, TypeID: seed.TypeDemoID, PatientID: seed.PatientID,
			StartsAt: slot.StartsAt, Reason: "Would like to see how this works",
		}
		key := domain.NewID()
		_, err := d.patient.do(ctx, http.MethodPost, "/v1/appointments", request, &d.visit, "Idempotency-Key", key, "Prefer", "wait=20")
		if taken(err) {
			d.voice.say("Not %s: %v", clock(slot), err)
			continue
		}
		if err != nil {
			return err
		}
		d.booked(request, key)
		return nil
	}
	return errors.New("no free minute was left to book: wait a while, or look at who holds them all")
}

func (d *demonstration) slots(ctx context.Context) ([]openapi.Slot, error) {
	query := url.Values{
		"type_id": {seed.TypeDemoID},
		"from":    {time.Now().UTC().Format(time.RFC3339)}, "to": {time.Now().UTC().Add(30 * time.Minute).Format(time.RFC3339)},
	}
	var list openapi.SlotList
	if err := d.patient.get(ctx, "/v1/doctors/"+seed.DoctorDemoID+"/slots?"+query.Encode(), &list); err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		return nil, errors.New("the demonstration doctor has no free minute within the next half hour: was the clinic seeded?")
	}
	return list.Items, nil
}

func (d *demonstration) booked(request openapi.Booking, key string) {
	body, _ := json.Marshal(request) // what was just sent
	d.voice.say("She books it:")
	d.voice.more("POST /v1/appointments      Idempotency-Key: %s      Prefer: wait=20", key)
	d.voice.more("%s", body)
	d.voice.say("201: the slot is hers until %s. It is appointment %s.", d.visit.PayBy.Format("15:04:05"), d.visit.ID)
	d.voice.more("One transaction in the database decided that; the visit's process in Temporal has just begun.")
	d.voice.more("Watch it: %s/namespaces/%s/workflows/appointment-%s", d.ui, d.namespace(), d.visit.ID)
}

func (d *demonstration) pay(ctx context.Context) error {
	d.voice.chapter("The payment")
	intent, err := d.openPayment(ctx)
	if err != nil {
		return err
	}
	d.voice.say("The process has opened a payment of %s: %s.", money(intent.Amount, intent.Currency), intent.IntentID)
	if d.visit.Payment.PayURL != "" {
		d.voice.more("Her page to pay, from her letter: %s", d.visit.Payment.PayURL)
	}
	if err := d.sandbox.pay(ctx, intent.IntentID); err != nil {
		return fmt.Errorf("the payment was not accepted: %w", err)
	}
	d.voice.say("She pays in the sandbox. The money is held on her card, not taken: the doctor has not answered yet.")
	if err := d.becomes(ctx, paidPatience, domain.StatusPending); err != nil {
		return err
	}
	d.voice.say("The webhook came, the process asked the payment provider itself, and believes it: the visit is pending.")
	return nil
}

// openPayment waits until the process has opened the visit's payment.
func (d *demonstration) openPayment(ctx context.Context) (intent demoPayment, err error) {
	err = d.watch(ctx, paidPatience, "the payment to open", func() (bool, error) {
		ledger, err := d.sandbox.ledger(ctx)
		if own := ledger.payments(d.visit.ID); len(own) > 0 {
			intent = own[0]
		}
		return intent.IntentID != "", err
	})
	return intent, err
}

func (d *demonstration) confirm(ctx context.Context) error {
	d.voice.chapter("The answer")
	accepted, err := d.doctor.order(ctx, d.visit.ID, "confirm", nil)
	if err != nil {
		return err
	}
	if accepted {
		d.voice.say("%s says yes. The process is busy: the answer is kept and will be carried out.", d.doctor.name)
	} else {
		d.voice.say("%s says yes. Now the money is taken.", d.doctor.name)
	}
	if err := d.becomes(ctx, paidPatience, domain.StatusConfirmed); err != nil {
		return err
	}
	d.voice.say("Captured %s: the visit is confirmed.", money(d.visit.Payment.Captured.Minor, d.visit.Payment.Captured.Currency))
	return d.watch(ctx, paidPatience, "the letters about it", d.toldAll(ctx))
}

// remind waits for the timers before the visit.
func (d *demonstration) remind(ctx context.Context) error {
	d.voice.chapter("The reminders")
	d.voice.say("They are due 30, 20 and 10 s before %s (48, 24 and 2 h in earnest). Until then the process sleeps, and",
		d.visit.StartsAt.Format("15:04:05"))
	d.voice.more("would as well if every one of our machines was switched off meanwhile. I wait with it.")
	return d.watch(ctx, time.Until(d.visit.StartsAt)+paidPatience, "the visit to begin", func() (bool, error) {
		left := time.Until(d.visit.StartsAt)
		if left > 0 {
			d.voice.count("the visit begins in " + seconds(left))
		}
		return left <= 0, nil
	})
}

func (d *demonstration) visitDoctor(ctx context.Context) error {
	d.voice.chapter("The visit")
	if _, err := d.desk.order(ctx, d.visit.ID, "check-in", nil); err != nil {
		return err
	}
	if err := d.becomes(ctx, paidPatience, domain.StatusCheckedIn); err != nil {
		return err
	}
	d.voice.say("%s is here, on time. I check her in.", d.patient.name)
	if _, err := d.doctor.order(ctx, d.visit.ID, "complete", nil); err != nil {
		return err
	}
	if err := d.becomes(ctx, paidPatience, domain.StatusCompleted); err != nil {
		return err
	}
	d.voice.say("%s was quick: the visit is completed.", d.doctor.name)
	return nil
}

func (d *demonstration) archive(ctx context.Context) error {
	d.voice.chapter("The archive")
	d.voice.say("The record stays at hand for 20 s (30 days in earnest), in case money moves late.")
	if err := d.becomes(ctx, time.Minute, domain.StatusArchived); err != nil {
		return err
	}
	d.voice.say("Archived. The process has ended; the row, its timeline and its receipts stay.")
	return nil
}

func clock(s openapi.Slot) string { return s.StartsAt.Format("15:04") }

func money(minor int64, currency string) string {
	return domain.Money{Minor: minor, Currency: strings.ToUpper(currency)}.String()
}
