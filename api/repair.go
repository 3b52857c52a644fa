package api

import (
	"context"
	"net/http"

	"github.com/careflow/careflow/activities/reconcile"
	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// shownFindings is how many findings of one reconciliation are shown.
const shownFindings = 500

// ListReconciliations shows what the reconciler did and what it left to people.
func (h *handlers) ListReconciliations(ctx context.Context, req openapi.ListReconciliationsRequestObject) (openapi.ListReconciliationsResponseObject, error) {
	ctx, _ = begin(ctx)
	list, err := h.store.Reconciliations(ctx, req.Params.Limit, shownFindings)
	if err != nil {
		return nil, err
	}
	return openapi.ListReconciliations200JSONResponse{Items: convert(list, func(r domain.Reconciliation) openapi.Reconciliation {
		return openapi.Reconciliation{
			ID: r.ID, Trigger: openapi.ReconciliationTrigger(r.Trigger), StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
			Checked: r.Counts.Checked, Replaced: r.Counts.Replaced, Reported: r.Counts.Reported,
			Findings: convert(r.Findings, func(f domain.Finding) openapi.Finding {
				return openapi.Finding{Subject: f.Subject, Code: string(f.Code), AppointmentID: f.AppointmentID, Detail: f.Detail, At: f.At}
			}),
		}
	})}, nil
}

// StartReconciliation compares all visits with their processes now.
func (h *handlers) StartReconciliation(ctx context.Context, _ openapi.StartReconciliationRequestObject) (openapi.StartReconciliationResponseObject, error) {
	ctx, _ = begin(ctx)
	id, joined, err := h.reconcile.Start(ctx)
	if err != nil {
		return nil, err
	}
	return openapi.StartReconciliation202JSONResponse{ID: id, Joined: joined}, nil
}

// RetryAppointment puts one visit's process right now.
func (h *handlers) RetryAppointment(ctx context.Context, req openapi.RetryAppointmentRequestObject) (openapi.RetryAppointmentResponseObject, error) {
	ctx, who := begin(ctx)
	return h.once(ctx, who, req.AppointmentID, req.Params.IdempotencyKey, *req.Body, func(ctx context.Context, by domain.Actor, id string) (any, error) {
		done, err := h.reconcile.Visit(ctx, reconcile.VisitInput{
			AppointmentID: req.AppointmentID, RequestID: "retry/" + id, Actor: by, ReasonCode: string(req.Body.ReasonCode),
		}, h.cfg.CommandWait)
		return openapi.Repair{Action: openapi.RepairAction(done.Action), Code: string(done.Code)}, err
	})
}

// ResolveAppointment takes the stuck mark off a visit.
func (h *handlers) ResolveAppointment(ctx context.Context, req openapi.ResolveAppointmentRequestObject) (openapi.ResolveAppointmentResponseObject, error) {
	ctx, who := begin(ctx)
	return h.once(ctx, who, req.AppointmentID, req.Params.IdempotencyKey, *req.Body, func(ctx context.Context, by domain.Actor, id string) (any, error) {
		if err := h.store.ResolveStuck(ctx, req.AppointmentID, "resolve/"+id, by, string(req.Body.ReasonCode)); err != nil {
			return nil, err
		}
		a, err := h.find(ctx, who, req.AppointmentID)
		return h.appointmentView(a, who.summary()), err
	})
}

// once carries out a repair under an idempotency key and keeps its answer. id is the same
// on each try, so that the timeline has one line for it.
func (h *handlers) once(ctx context.Context, who *visitor, appointmentID, key string, body any,
	repair func(ctx context.Context, by domain.Actor, id string) (any, error),
) (answer, error) {
	a, err := h.find(ctx, who, appointmentID)
	if err != nil {
		return answer{}, err
	}
	return h.underKey(ctx, who, appointmentID, key, body, func(ctx context.Context, id string) (answer, error) {
		view, err := repair(ctx, actorIn(as(who), a), id)
		if err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusOK, view)
	})
}

func (a answer) VisitRetryAppointmentResponse(w http.ResponseWriter) error   { return a.write(w) }
func (a answer) VisitResolveAppointmentResponse(w http.ResponseWriter) error { return a.write(w) }
