package chaos

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

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
