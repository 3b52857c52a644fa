package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

// book tries slots until one is held; people take the next one when theirs is gone.
func (a *actors) book(ctx context.Context, l Life, offer string) *visit {
	start := time.Now().Add(l.Lead).Truncate(time.Minute).Add(time.Minute)
	doctor := l.Doctor
	for try := range 12 {
		v := &visit{actors: a, l: l, patient: a.patients[l.Patient], doctor: a.doctors[doctor], start: start}
		b := a.ask(ctx, l, l.Patient, doctor, offer, start)
		switch {
		case b.Status == http.StatusCreated:
			v.id, v.doctor = b.AppointmentID, a.doctors[slices.Index(a.clinic.doctors, b.DoctorID)]
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
	body := map[string]any{"doctor_id": b.DoctorID, "type_id": b.TypeID, "patient_id": b.PatientID, "starts_at": b.StartsAt}
	if l.Kind == AnyDoctor {
		b.DoctorID, b.TypeID = "", "" // the answer says who
		body = map[string]any{"any_doctor": map[string]any{"type_name": offer}, "patient_id": b.PatientID, "starts_at": b.StartsAt}
	}
	a.journal.AddBooking(b)
	send := func() (answer, appointment, error) {
		said, err := u.insist(ctx, http.MethodPost, "/v1/appointments", body, b.Key)
		return said, decode(said), err
	}
	said, booked, err := send()
	if err != nil {
		return b
	}
	a.journal.Answer(func() {
		b.Status, b.Code, b.AppointmentID = said.status, said.code(), booked.ID
		if b.DoctorID == "" {
			b.DoctorID = booked.DoctorID
		}
	})
	if l.Again && b.Status == http.StatusCreated {
		if again, second, err := send(); err == nil && second.ID != booked.ID {
			a.journal.Surprise(oracle.Finding{Rule: "replay_differs", Subject: booked.ID,
				Detail: fmt.Sprintf("the same key was answered %d %s the second time", again.status, second.ID)})
		}
	}
	return b
}
