package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// BookAppointment holds a slot. The answer that the key will give again is made inside
// the booking's transaction; only a caller who prefers to wait gets a later one.
func (h *handlers) BookAppointment(ctx context.Context, req openapi.BookAppointmentRequestObject) (openapi.BookAppointmentResponseObject, error) {
	ctx, who := begin(ctx)
	body := *req.Body
	body.StartsAt = body.StartsAt.UTC() // one instant, one hash
	key, err := who.idempotencyKey("", req.Params.IdempotencyKey, body)
	if err != nil {
		return nil, err
	}
	booking, err := bookingOf(body)
	if err != nil {
		return nil, err
	}
	var id string
	var stored domain.StoredResponse
	var replayed bool
	err = lookedUp(who, func() (err error) {
		stored, replayed, err = h.store.Book(ctx, as(who), booking, key, h.cfg.Clock().UTC(), func(a domain.Appointment) (domain.StoredResponse, error) {
			id = a.ID
			booked, err := jsonAnswer(http.StatusCreated, h.appointmentView(a, audience{}))
			return booked.stored(), err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	if replayed {
		var kept openapi.Appointment
		if err := json.Unmarshal(stored.Body, &kept); err != nil {
			return nil, fmt.Errorf("read the stored booking: %w", err)
		}
		return answerOf(stored).with("Location", location(kept.ID)).with(headerReplayed, "true"), nil
	}
	booked := answerOf(stored).with("Location", location(id))
	if wait, asked := preferredWait(req.Params.Prefer); asked && wait > 0 {
		// Failing to wait is no failure: the slot is held, and the stored answer says so.
		if a, err := h.find(ctx, who, id); err == nil {
			a = h.awaitNews(ctx, who, a, 0, wait)
			if fresh, err := jsonAnswer(http.StatusCreated, h.appointmentView(a, who.fullRecord(a))); err == nil {
				return fresh.with("Location", location(id)).with("Preference-Applied", preferenceApplied(wait)), nil
			}
		}
	}
	return booked, nil
}

// bookingOf reads a booking, which names a doctor or says whom the patient would see.
func bookingOf(body openapi.Booking) (domain.BookingRequest, error) {
	b := domain.BookingRequest{
		DoctorID: body.DoctorID, TypeID: body.TypeID, PatientID: body.PatientID, StartsAt: body.StartsAt, Reason: body.Reason,
	}
	choice := body.AnyDoctor
	want := domain.AnyDoctor{
		Speciality: choice.Speciality, DoctorIDs: choice.DoctorIds, TypeIDs: choice.TypeIds, Language: choice.Language, TypeName: choice.TypeName,
		Mode: domain.VisitMode(choice.Mode), Duration: time.Duration(choice.DurationMinutes) * time.Minute,
	}
	if choice.MaxPrice.Currency != "" {
		want.MaxPrice = &domain.Money{Minor: choice.MaxPrice.Minor, Currency: choice.MaxPrice.Currency}
	}
	named, described := b.DoctorID != "" || b.TypeID != "", !reflect.ValueOf(choice).IsZero()
	switch {
	case named && described:
		return b, invalidField("body/any_doctor", "is left out where doctor_id and type_id name the doctor")
	case described && !want.Bookable():
		return b, invalidField("body/any_doctor", "says at least a speciality, a type_name, doctor_ids or type_ids")
	case described:
		b.AnyDoctor = &want
	case b.DoctorID == "":
		return b, invalidField("body/doctor_id", "is required, with type_id; or say with any_doctor whom the patient would see")
	case b.TypeID == "":
		return b, invalidField("body/type_id", "is required with doctor_id")
	}
	return b, nil
}

// as is the caller with the roles that count for this operation only.
func as(who *visitor) domain.Caller {
	narrowed := who.caller
	narrowed.Roles = nil
	for _, role := range who.op.roles {
		if who.caller.Has(role) {
			narrowed.Roles = append(narrowed.Roles, role)
		}
	}
	return narrowed
}

// location is where an appointment is.
func location(id string) string { return "/v1/appointments/" + id }
