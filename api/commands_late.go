package api

import (
	"context"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
)

// CorrectAppointment says that an ended visit took place after all, or did not.
func (h *handlers) CorrectAppointment(ctx context.Context, req openapi.CorrectAppointmentRequestObject) (openapi.CorrectAppointmentResponseObject, error) {
	return h.carryOut(ctx, command{
		update: appointment.UpdateCorrect, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
		body: *req.Body, argument: appointment.Command{ReasonCode: string(req.Body.ReasonCode), Status: domain.Status(req.Body.Status)},
	})
}

// DisputeNoShowFee is the patient's objection to a fee.
func (h *handlers) DisputeNoShowFee(ctx context.Context, req openapi.DisputeNoShowFeeRequestObject) (openapi.DisputeNoShowFeeResponseObject, error) {
	return h.carryOut(ctx, command{
		update: appointment.UpdateDispute, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
		body: *req.Body, argument: appointment.Command{ReasonCode: string(req.Body.ReasonCode)},
	})
}

// UpholdNoShowFee decides an objection against the patient.
func (h *handlers) UpholdNoShowFee(ctx context.Context, req openapi.UpholdNoShowFeeRequestObject) (openapi.UpholdNoShowFeeResponseObject, error) {
	return h.carryOut(ctx, command{
		update: appointment.UpdateUpholdFee, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
		body: *req.Body, argument: appointment.Command{ReasonCode: string(req.Body.ReasonCode)},
	})
}

// WaiveNoShowFee gives a fee back.
func (h *handlers) WaiveNoShowFee(ctx context.Context, req openapi.WaiveNoShowFeeRequestObject) (openapi.WaiveNoShowFeeResponseObject, error) {
	return h.carryOut(ctx, command{
		update: appointment.UpdateWaiveFee, appointmentID: req.AppointmentID, key: req.Params.IdempotencyKey, prefer: req.Params.Prefer,
		body: *req.Body, argument: appointment.Command{ReasonCode: string(req.Body.ReasonCode)},
	})
}
