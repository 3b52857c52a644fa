package api

import (
	"context"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/workflows/appointment"
)

// ConfirmAppointment is the doctor's yes.
func (h *handlers) ConfirmAppointment(ctx context.Context, req openapi.ConfirmAppointmentRequestObject) (openapi.ConfirmAppointmentResponseObject, error) {
	return h.carryOut(ctx, command{
		update: appointment.UpdateConfirm, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
	})
}

// DeclineAppointment is the doctor's no.
func (h *handlers) DeclineAppointment(ctx context.Context, req openapi.DeclineAppointmentRequestObject) (openapi.DeclineAppointmentResponseObject, error) {
	var body openapi.Decline
	if req.Body != nil {
		body = *req.Body
	}
	return h.carryOut(ctx, command{
		update: appointment.UpdateDecline, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
		body: body, argument: appointment.Command{ReasonCode: string(body.ReasonCode)},
	})
}

// CancelAppointment calls a visit off.
func (h *handlers) CancelAppointment(ctx context.Context, req openapi.CancelAppointmentRequestObject) (openapi.CancelAppointmentResponseObject, error) {
	return h.carryOut(ctx, command{
		update: appointment.UpdateCancel, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
		body: *req.Body, argument: appointment.Command{ReasonCode: string(req.Body.ReasonCode)},
	})
}

// RescheduleAppointment moves a visit to another slot.
func (h *handlers) RescheduleAppointment(ctx context.Context, req openapi.RescheduleAppointmentRequestObject) (openapi.RescheduleAppointmentResponseObject, error) {
	body := openapi.Reschedule{StartsAt: req.Body.StartsAt.UTC()}
	return h.carryOut(ctx, command{
		update: appointment.UpdateReschedule, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
		body: body, argument: appointment.Command{StartsAt: body.StartsAt},
	})
}

// CheckInAppointment says that the patient has arrived.
func (h *handlers) CheckInAppointment(ctx context.Context, req openapi.CheckInAppointmentRequestObject) (openapi.CheckInAppointmentResponseObject, error) {
	return h.carryOut(ctx, command{
		update: appointment.UpdateCheckIn, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
	})
}

// CompleteAppointment says that the visit took place.
func (h *handlers) CompleteAppointment(ctx context.Context, req openapi.CompleteAppointmentRequestObject) (openapi.CompleteAppointmentResponseObject, error) {
	return h.carryOut(ctx, command{
		update: appointment.UpdateComplete, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
	})
}

// MarkNoShow says that nobody came.
func (h *handlers) MarkNoShow(ctx context.Context, req openapi.MarkNoShowRequestObject) (openapi.MarkNoShowResponseObject, error) {
	return h.carryOut(ctx, command{
		update: appointment.UpdateNoShow, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
	})
}
