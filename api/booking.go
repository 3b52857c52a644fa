package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

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
	booking := domain.BookingRequest{
		DoctorID: body.DoctorID, TypeID: body.TypeID, PatientID: body.PatientID, StartsAt: body.StartsAt, Reason: body.Reason,
	}
	stored, replayed, err := h.store.Book(ctx, as(who), booking, key, h.cfg.Clock().UTC(), func(a domain.Appointment) (domain.StoredResponse, error) {
		booked, err := jsonAnswer(http.StatusCreated, h.appointmentView(a, audience{}))
		return booked.stored(), err
	})
	if err != nil {
		return nil, err
	}
	var kept openapi.Appointment
	if err := json.Unmarshal(stored.Body, &kept); err != nil {
		return nil, fmt.Errorf("read the stored booking: %w", err)
	}
	booked := answerOf(stored).with("Location", location(kept.ID))
	if replayed {
		return booked.with(headerReplayed, "true"), nil
	}
	if wait, asked := preferredWait(req.Params.Prefer); asked && wait > 0 {
		// Failing to wait is no failure: the slot is held, and the stored answer says so.
		if a, err := h.find(ctx, who, kept.ID); err == nil {
			a = h.awaitNews(ctx, who, a, 0, wait)
			if fresh, err := jsonAnswer(http.StatusCreated, h.appointmentView(a, who.fullRecord(a))); err == nil {
				return fresh.with("Location", location(kept.ID)).with("Preference-Applied", preferenceApplied(wait)), nil
			}
		}
	}
	return booked, nil
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
