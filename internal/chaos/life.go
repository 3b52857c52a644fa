package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
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
}

// visit is one booked visit and the people it concerns.
type visit struct {
	*actors
	l       Life
	patient *user
	doctor  *user
	id      string
	start   time.Time
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
	v := a.book(ctx, l, offer)
	if v == nil {
		a.ends.count(string(l.Kind) + ": not booked")
		return
	}
	v.carryOn(ctx)
	last, err := v.patient.read(ctx, v.id)
	if err == nil {
		a.ends.count(string(l.Kind) + ": " + last.Status)
	}
}

// book tries slots until one is held; people take the next one when theirs is gone.
func (a *actors) book(ctx context.Context, l Life, offer string) *visit {
	start := time.Now().Add(l.Lead).Truncate(time.Minute).Add(time.Minute)
	doctor := l.Doctor
	for try := range 12 {
		v := &visit{actors: a, l: l, patient: a.patients[l.Patient], doctor: a.doctors[doctor], start: start}
		b := a.ask(ctx, l, l.Patient, doctor, offer, start)
		switch {
		case b.Status == http.StatusCreated:
			v.id = b.AppointmentID
			return v
		case b.Status == 0:
			return nil
		case b.Code == "too_many_unpaid_holds":
			pause(ctx, 5*time.Second)
		case b.Code == "patient_overlap":
			start = start.Add(time.Minute)
		default: // slot_taken, or so late by now that it is not offered
			doctor = (doctor + 1) % len(a.doctors)
			if soonest := time.Now().Add(40 * time.Second); try%3 == 2 || start.Before(soonest) {
				start = start.Add(time.Minute)
			}
		}
	}
	return nil
}

// ask books one slot under one key and insists on an answer.
func (a *actors) ask(ctx context.Context, l Life, patient, doctor int, offer string, start time.Time) *oracle.Booking {
	u := a.patients[patient]
	b := &oracle.Booking{
		Life: l.N, Account: u.email, PatientID: a.clinic.patients[patient], DoctorID: a.clinic.doctors[doctor],
		TypeID: a.clinic.offers[doctor][offer], StartsAt: start.UTC(), Key: newKey(),
	}
	a.journal.AddBooking(b)
	body := map[string]any{"doctor_id": b.DoctorID, "type_id": b.TypeID, "patient_id": b.PatientID, "starts_at": b.StartsAt}
	send := func() (answer, appointment, error) {
		said, err := u.insist(ctx, http.MethodPost, "/v1/appointments", body, b.Key)
		return said, decode(said), err
	}
	said, booked, err := send()
	if err != nil {
		return b
	}
	a.journal.Answer(func() { b.Status, b.Code, b.AppointmentID = said.status, said.code(), booked.ID })
	if l.Again && b.Status == http.StatusCreated {
		if again, second, err := send(); err == nil && second.ID != booked.ID {
			a.journal.Surprise(oracle.Finding{Rule: "replay_differs", Subject: booked.ID,
				Detail: fmt.Sprintf("the same key was answered %d %s the second time", again.status, second.ID)})
		}
	}
	return b
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
		v.command(ctx, v.doctor, "doctor", "cancel", map[string]any{"reason_code": "doctor_unavailable"})
	case MovedConfirmed:
		v.move(ctx)
		if v.l.N%2 == 1 { // the type asks the doctor again
			v.command(ctx, v.doctor, "doctor", "confirm", nil)
		}
		v.attend(ctx)
	case NoShow:
		v.await(ctx, "no_show", "archived")
	case NoShowMarked:
		pause(ctx, time.Until(v.start.Add(2*time.Second)))
		v.command(ctx, v.staff, "staff", "no-show", nil)
	default:
		v.attend(ctx)
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

// race lets everybody ask for one slot at the same instant.
func (a *actors) race(ctx context.Context, l Life) {
	start := time.Now().Add(l.Lead).Truncate(time.Minute).Add(time.Minute)
	asked := make([]*oracle.Booking, 1+len(l.Rivals))
	var all sync.WaitGroup
	for i, patient := range append([]int{l.Patient}, l.Rivals...) {
		all.Go(func() { asked[i] = a.ask(ctx, l, patient, l.Doctor, typePaid, start) })
	}
	all.Wait()
	for i, patient := range append([]int{l.Patient}, l.Rivals...) {
		if asked[i].Status != http.StatusCreated {
			continue
		}
		// Whoever got it keeps it for a while: two who both did would both be there.
		v := &visit{actors: a, l: l, patient: a.patients[patient], doctor: a.doctors[l.Doctor], id: asked[i].AppointmentID, start: start}
		if i%2 == 0 {
			v.l.Kind = Attended
		} else {
			v.l.Kind = CancelByClinic
		}
		all.Go(func() { v.carryOn(ctx) })
	}
	all.Wait()
	a.ends.count(string(Race) + ": run")
}

// moveRace lets two confirmed visits move to the same time at the same instant.
func (a *actors) moveRace(ctx context.Context, l Life) {
	start := time.Now().Add(l.Lead).Truncate(time.Minute).Add(time.Minute)
	var visits []*visit
	for i, patient := range []int{l.Patient, l.Rivals[0]} {
		at := start.Add(time.Duration(i) * time.Minute)
		b := a.ask(ctx, l, patient, l.Doctor, typeFree, at)
		if b.Status != http.StatusCreated {
			continue
		}
		v := &visit{actors: a, l: l, patient: a.patients[patient], doctor: a.doctors[l.Doctor], id: b.AppointmentID, start: at}
		v.await(ctx, "pending")
		v.command(ctx, v.doctor, "doctor", "confirm", nil)
		visits = append(visits, v)
	}
	var all sync.WaitGroup
	to := start.Add(2 * time.Minute)
	for _, v := range visits {
		all.Go(func() {
			v.await(ctx, "confirmed")
			v.command(ctx, v.patient, "patient", "reschedule", map[string]any{"starts_at": to.UTC()})
			v.attend(ctx)
		})
	}
	all.Wait()
	a.ends.count(string(MoveRace) + ": run")
}
