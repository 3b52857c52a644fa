package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

// actors are the people of a run.
type actors struct {
	clinic   clinic
	patients []*user
	doctors  []*user
	staff    *user
	vendors  vendors
	journal  *oracle.Journal
	ends     *tally // by kind and last status seen
	// stay lets somebody watch on after their visit's life.
	stay func(watch func(context.Context))
}

// visit is one booked visit and the people it concerns.
type visit struct {
	*actors
	l       Life
	patient *user
	doctor  *user
	id      string
	start   time.Time
	found   func() // the patient's letters arrive from now on
}

// live carries one life through. What goes wrong on the way is part of it: the oracle
// judges, not the actors.
func (a *actors) live(ctx context.Context, l Life) {
	switch l.Kind { //nolint:exhaustive // the others are visits of one patient
	case Race:
		a.race(ctx, l)
		return
	case MoveRace:
		a.moveRace(ctx, l)
		return
	}
	offer := typePaid
	switch l.Kind { //nolint:exhaustive // the others are paid for
	case Free, FreeCancelled:
		offer = typeFree
	case Instant:
		offer = typeInstant
	case MovedConfirmed:
		offer = []string{typePaid, typeAsk}[l.N%2]
	}
	found := func() {}
	if l.Kind == LettersLost {
		found = a.loseLetters(ctx, l)
		defer found()
	}
	v := a.book(ctx, l, offer)
	if v == nil {
		a.ends.count(string(l.Kind) + ": not booked")
		return
	}
	v.found = found
	if l.Watch {
		a.stay(v.watch)
	}
	v.carryOn(ctx)
	last, err := v.patient.read(ctx, v.id)
	if err == nil {
		a.ends.count(string(l.Kind) + ": " + last.Status)
	}
}

// carryOn is what happens to a booked visit.
func (v *visit) carryOn(ctx context.Context) {
	pause(ctx, v.l.Slow)
	switch v.l.Kind { //nolint:exhaustive // the others go on below
	case Abandoned:
		v.await(ctx, "expired", "archived")
		return
	case CancelUnpaid:
		v.byPatient(ctx)
		return
	case PaidLate:
		pause(ctx, 20*time.Second)
	case LateMoney:
		v.payAfterTheEnd(ctx)
		return
	}
	if v.l.Kind != Free && v.l.Kind != FreeCancelled && !v.pay(ctx) {
		return
	}
	if v.l.Kind == Instant {
		v.attend(ctx)
		return
	}
	if v.await(ctx, "pending") != "pending" {
		return
	}
	pause(ctx, v.l.Slow)
	switch v.l.Kind { //nolint:exhaustive // the others are confirmed
	case CancelPending:
		v.byPatient(ctx)
		return
	case Declined:
		v.command(ctx, v.doctor, "doctor", "decline", map[string]any{"reason_code": "doctor_unavailable"})
		return
	case NoAnswer:
		v.await(ctx, "expired", "archived")
		return
	case Lapsed:
		v.lapse(ctx)
		return
	case MovedPending:
		v.move(ctx)
	case RefusedCapture:
		_ = v.vendors.lie(ctx, Fault{Vendor: "stripe", Match: "POST /v1/payment_intents/*/capture", Mode: "fail", Status: 402, Count: 1}, v.id, "card_declined")
	}
	v.command(ctx, v.doctor, "doctor", "confirm", nil)
	if v.l.Kind == RefusedCapture && v.await(ctx, "requested", "confirmed") == "requested" {
		pause(ctx, v.l.Slow)
		if !v.pay(ctx) || v.await(ctx, "pending") != "pending" {
			return
		}
		v.command(ctx, v.doctor, "doctor", "confirm", nil)
	}
	v.confirmed(ctx)
}

// confirmed is what happens to a visit that the doctor has accepted.
func (v *visit) confirmed(ctx context.Context) {
	if v.await(ctx, "confirmed") != "confirmed" {
		return
	}
	pause(ctx, v.l.Slow)
	switch v.l.Kind {
	case FreeCancelled, CancelFull:
		v.byPatient(ctx)
	case CancelHalf:
		pause(ctx, time.Until(v.start.Add(-45*time.Second)))
		v.byPatient(ctx)
	case CancelNone:
		pause(ctx, time.Until(v.start.Add(-15*time.Second)))
		v.byPatient(ctx)
	case CancelByClinic:
		v.byClinic(ctx)
	case LettersLost:
		v.found()
		pause(ctx, 5*time.Second) // in which the desk can send them again
		v.attend(ctx)
	case CancelByLink:
		v.cancelByLink(ctx, "confirmed")
	case MoveByLink, LinkTwice:
		v.moveByLink(ctx)
		v.attend(ctx)
	case RefundRetried, RefundResolved:
		v.byClinic(ctx)
		v.refundComesBack(ctx)
	case MovedConfirmed:
		v.move(ctx)
		if v.l.N%2 == 1 { // the type asks the doctor again
			v.command(ctx, v.doctor, "doctor", "confirm", nil)
		}
		v.attend(ctx)
	case NoShow:
		v.await(ctx, "no_show", "archived")
	case NoShowMarked, FeeUpheld, FeeWaived, CameAfterAll:
		pause(ctx, time.Until(v.start.Add(2*time.Second)))
		v.command(ctx, v.staff, "staff", "no-show", nil)
		v.afterTheMark(ctx)
	default:
		v.attend(ctx)
		v.afterwards(ctx)
	}
}

// attend checks in and, mostly, completes.
func (v *visit) attend(ctx context.Context) {
	if v.await(ctx, "confirmed") != "confirmed" {
		return
	}
	v.command(ctx, v.staff, "staff", "check-in", nil)
	if v.l.Kind != NeverCompleted {
		pause(ctx, v.l.Slow)
		v.command(ctx, v.doctor, "doctor", "complete", nil)
	}
	v.await(ctx, "completed", "archived")
}

func (v *visit) byClinic(ctx context.Context) {
	v.command(ctx, v.doctor, "doctor", "cancel", map[string]any{"reason_code": "doctor_unavailable"})
}

func (v *visit) byPatient(ctx context.Context) {
	v.command(ctx, v.patient, "patient", "cancel", map[string]any{"reason_code": "patient_request"})
}

// move tries later slots of the same doctor until one is free.
func (v *visit) move(ctx context.Context) {
	for n := 1; n <= 4; n++ {
		to := v.start.Add(time.Duration(n) * time.Minute)
		c := v.command(ctx, v.patient, "patient", "reschedule", map[string]any{"starts_at": to.UTC()})
		if c.Status == http.StatusOK {
			v.start = to
		}
		if c.Status == http.StatusOK || c.Code != "slot_taken" && c.Code != "patient_overlap" {
			return
		}
	}
}

// pay waits until there is something to pay, and pays it.
func (v *visit) pay(ctx context.Context) bool {
	for ctx.Err() == nil {
		a, err := v.patient.read(ctx, v.id)
		if err != nil || a.Status != "requested" {
			return false
		}
		if intent, _, ok := strings.Cut(a.Payment.ClientSecret, "_secret_"); ok {
			_ = v.vendors.pay(ctx, intent) // too late or not, the provider decides
			return true
		}
		pause(ctx, time.Second)
	}
	return false
}

func (v *visit) lapse(ctx context.Context) {
	a, err := v.patient.read(ctx, v.id)
	if err != nil {
		return
	}
	if intent, _, ok := strings.Cut(a.Payment.ClientSecret, "_secret_"); ok {
		_ = v.vendors.lapse(ctx, intent)
	}
	v.await(ctx, "expired", "archived")
}

// await looks until the visit has one of the statuses, or has ended in another, and
// returns the last one seen.
func (v *visit) await(ctx context.Context, wanted ...string) (last string) {
	for ctx.Err() == nil {
		a, err := v.patient.read(ctx, v.id)
		if err != nil {
			return last
		}
		last = a.Status
		if slices.Contains(wanted, last) || slices.Contains([]string{"completed", "declined", "cancelled", "expired", "no_show", "archived"}, last) {
			return last
		}
		pause(ctx, 1200*time.Millisecond)
	}
	return last
}

// command sends a command under a key of its own and insists on its outcome.
func (v *visit) command(ctx context.Context, u *user, by, name string, body map[string]any) *oracle.Command {
	c := &oracle.Command{AppointmentID: v.id, Name: name, By: by, Key: newKey()}
	if at, ok := body["starts_at"].(time.Time); ok {
		c.StartsAt = at
	}
	if to, ok := body["status"].(string); ok {
		c.To = to
	}
	v.journal.AddCommand(c)
	var sent any
	if body != nil {
		sent = body
	}
	path := "/v1/appointments/" + v.id + "/" + name
	said, err := u.insist(ctx, http.MethodPost, path, sent, c.Key)
	if err != nil {
		return c
	}
	v.journal.Answer(func() { c.Status, c.Code = said.status, said.code() })
	if v.l.Again && said.status == http.StatusOK {
		if again, err := u.insist(ctx, http.MethodPost, path, sent, c.Key); err == nil && again.status != http.StatusOK {
			v.journal.Surprise(oracle.Finding{Rule: "replay_differs", Subject: v.id,
				Detail: fmt.Sprintf("%s was done, and answered %d %s the second time", name, again.status, again.code())})
		}
	}
	return c
}
