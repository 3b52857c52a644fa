package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// sideLife is a visit that goes another way than the one that is told, beside it. It is
// told afterwards.
type sideLife struct {
	title string
	live  func(*sideLife, context.Context) error

	*demonstration
	text bytes.Buffer
	err  error

	// What its books must say in the end.
	ends               domain.Status
	captured, refunded int64
	timeline           []string
	letters            map[domain.MessageKind]int
}

// sideLives are all of them, while they run.
type sideLives struct {
	lives  []*sideLife
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (s *sideLives) stop() {
	if s.cancel != nil {
		s.cancel()
	}
	s.done.Wait()
}

// beginAside starts the other visits. The one that is told is paid by now: an account may
// have three unpaid ones.
func (d *demonstration) beginAside(ctx context.Context) error {
	paid := []string{"booked", "payment_opened", "authorised", "accepted", "captured"}
	letters := map[domain.MessageKind]int{
		domain.MessageRequestReceived: 1, domain.MessageRequestToDoctor: 1, domain.MessageConfirmed: 1, domain.MessageReceipt: 1,
		domain.MessageCancelled: 2, domain.MessageRefunded: 1,
	}
	with := func(kind domain.MessageKind, n int) map[domain.MessageKind]int {
		more := map[domain.MessageKind]int{kind: n}
		for k, v := range letters {
			more[k] = v
		}
		return more
	}
	d.aside.lives = []*sideLife{
		{
			title: "Meanwhile: a visit that is moved, and then called off by the doctor", live: (*sideLife).movedAndCalledOff,
			ends: domain.StatusCancelled, captured: 8000, refunded: 8000, timeline: append(slices.Clone(paid), "rescheduled", "cancelled", "payment_refunded"),
			letters: with(domain.MessageMoved, 2),
		},
		{
			title: "Meanwhile: a patient who cancels late", live: (*sideLife).cancelledLate,
			ends: domain.StatusCancelled, captured: 8000, refunded: 4000, timeline: append(slices.Clone(paid), "cancelled", "payment_refunded"),
			letters: with(domain.MessageReminder, 1),
		},
		{
			title: "Meanwhile: a visit that nobody pays", live: (*sideLife).neverPaid,
			ends: domain.StatusExpired, timeline: []string{"booked", "payment_opened", "expired", "payment_voided"},
			letters: map[domain.MessageKind]int{domain.MessageRequestReceived: 1, domain.MessageExpired: 1},
		},
	}
	d.voice.say("From here on three other visits run beside this one; what becomes of them is told at the end.")
	ctx, d.aside.cancel = context.WithCancel(ctx)
	for _, life := range d.aside.lives {
		side := *d
		side.voice = &demoVoice{out: &life.text, began: d.voice.began}
		side.visit, side.told, side.aside = openapi.Appointment{}, map[string]bool{}, nil
		life.demonstration = &side
		d.aside.done.Go(func() {
			if life.err = life.live(life, ctx); life.err == nil {
				life.err = life.agree(ctx)
			}
		})
	}
	return nil
}

// tellAside waits for the other visits and tells them.
func (d *demonstration) tellAside(context.Context) error {
	d.aside.done.Wait()
	d.aside.cancel()
	var wrong []error
	for _, life := range d.aside.lives {
		d.voice.chapter(life.title)
		d.voice.line(strings.TrimRight(life.text.String(), "\n"))
		if life.err != nil {
			wrong = append(wrong, fmt.Errorf("%s (appointment %s): %w", life.title, life.visit.ID, life.err))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	d.voice.line("\nFour visits, and the books of all of them agree: the API, the provider's ledger and the letters.")
	return nil
}

// request books the first free minute at least so far away.
func (l *sideLife) request(ctx context.Context, by *demoPerson, patientID string, ahead time.Duration) error {
	slots, err := l.slots(ctx)
	if err != nil {
		return err
	}
	for _, slot := range slots {
		if time.Until(slot.StartsAt) < ahead {
			continue
		}
		_, err := by.do(ctx, http.MethodPost, "/v1/appointments", openapi.Booking{
			DoctorID: seed.DoctorDemoID, TypeID: seed.TypeDemoID, PatientID: patientID, StartsAt: slot.StartsAt,
		}, &l.visit, "Idempotency-Key", domain.NewID())
		if taken(err) {
			continue
		}
		if err == nil {
			l.voice.say("%s books %s: appointment %s.", by.name, clock(slot), l.visit.ID)
		}
		return err
	}
	return errors.New("no free minute was left to book")
}

// taken reports whether a time was refused because somebody has it.
func taken(err error) bool {
	var refused *refusal
	return errors.As(err, &refused) && (refused.problem.Code == string(domain.CodeSlotTaken) || refused.problem.Code == string(domain.CodePatientOverlap))
}

// confirmed takes a request to a confirmed visit, its letters sent.
func (l *sideLife) confirmed(ctx context.Context) error {
	intent, err := l.openPayment(ctx)
	if err != nil {
		return err
	}
	if err := l.sandbox.pay(ctx, intent.IntentID); err != nil {
		return err
	}
	if err := l.becomes(ctx, paidPatience, domain.StatusPending); err != nil {
		return err
	}
	if _, err := l.doctor.order(ctx, l.visit.ID, "confirm", nil); err != nil {
		return err
	}
	if err := l.becomes(ctx, paidPatience, domain.StatusConfirmed); err != nil {
		return err
	}
	l.voice.say("Paid and confirmed: %s captured.", money(l.visit.Payment.Captured.Minor, l.visit.Payment.Captured.Currency))
	return l.watch(ctx, paidPatience, "the letters about it", l.toldAll(ctx))
}

// movedAndCalledOff: the same appointment at another time, nothing is paid again; then the
// clinic cancels, and all of the money goes back.
func (l *sideLife) movedAndCalledOff(ctx context.Context) error {
	if err := l.request(ctx, l.patient, seed.PatientID, 10*time.Minute); err != nil {
		return err
	}
	if err := l.confirmed(ctx); err != nil {
		return err
	}
	slots, err := l.slots(ctx)
	if err != nil {
		return err
	}
	was := l.visit.StartsAt
	for _, slot := range slots {
		if slot.StartsAt.Sub(was) < 3*time.Minute {
			continue
		}
		_, err = l.patient.order(ctx, l.visit.ID, "reschedule", map[string]any{"starts_at": slot.StartsAt})
		if !taken(err) {
			break
		}
	}
	if err != nil {
		return err
	}
	err = l.watch(ctx, paidPatience, "the visit to be moved", func() (bool, error) {
		err := l.desk.get(ctx, "/v1/appointments/"+l.visit.ID, &l.visit)
		return l.visit.StartsAt.After(was), err
	})
	if err != nil {
		return err
	}
	l.voice.say("She moves it from %s to %s: the same appointment and payment, still %s.",
		was.Format("15:04"), l.visit.StartsAt.Format("15:04"), words(string(l.visit.Status)))
	if err := l.watch(ctx, paidPatience, "the letters about it", l.toldAll(ctx)); err != nil {
		return err
	}
	if _, err := l.doctor.order(ctx, l.visit.ID, "cancel", map[string]string{"reason_code": "doctor_unavailable"}); err != nil {
		return err
	}
	l.voice.say("%s falls ill and calls it off. Who cancels decides: the clinic gives everything back, whenever it is.", l.doctor.name)
	return nil
}

// cancelledLate: within the second tier, half of the money goes back.
func (l *sideLife) cancelledLate(ctx context.Context) error {
	if err := l.request(ctx, l.patient, seed.PatientID, 75*time.Second); err != nil {
		return err
	}
	if err := l.confirmed(ctx); err != nil {
		return err
	}
	const late = 25 * time.Second // between the 30 s of the first tier and the 15 s of the second
	err := l.watch(ctx, time.Until(l.visit.StartsAt), "the first tier to be over", func() (bool, error) {
		return time.Until(l.visit.StartsAt) <= late, nil
	})
	if err != nil {
		return err
	}
	if _, err := l.patient.order(ctx, l.visit.ID, "cancel", map[string]string{"reason_code": "patient_request"}); err != nil {
		return err
	}
	l.voice.say("She cancels %s before it begins. Until 30 s before all of the money would go back (24 h in earnest),",
		seconds(time.Until(l.visit.StartsAt)))
	l.voice.more("until 15 s before (4 h) half of it does, later nothing.")
	return nil
}

// neverPaid: the slot is free again when the window is over.
func (l *sideLife) neverPaid(ctx context.Context) error {
	caregiver := &demoPerson{name: "Ravi Menon", email: "caregiver@careflow.example", http: l.patient.http}
	if err := caregiver.login(ctx); err != nil {
		return err
	}
	if err := l.request(ctx, caregiver, seed.ChildID, 5*time.Minute); err != nil {
		return err
	}
	if _, err := l.openPayment(ctx); err != nil {
		return err
	}
	if err := l.desk.get(ctx, "/v1/appointments/"+l.visit.ID, &l.visit); err != nil {
		return err
	}
	l.voice.say("He leaves the page open and forgets it. The slot is held until %s.", l.visit.PayBy.Format("15:04:05"))
	if err := l.becomes(ctx, 2*time.Minute, domain.StatusExpired); err != nil {
		return err
	}
	l.voice.say("The window of a minute (15 in earnest) is over: the visit has expired, its payment is closed.")
	slots, err := l.slots(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(slots, func(s openapi.Slot) bool { return s.StartsAt.Equal(l.visit.StartsAt) }) {
		return errors.New("the slot is not offered again")
	}
	l.voice.say("The minute is offered to others again.")
	return nil
}
