package api

import (
	"context"
	"net/http"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListAppointments lists what the caller may see, a page at a time.
func (h *handlers) ListAppointments(ctx context.Context, req openapi.ListAppointmentsRequestObject) (openapi.ListAppointmentsResponseObject, error) {
	ctx, who := begin(ctx)
	p := req.Params
	filter := domain.AppointmentFilter{
		Statuses: convert(p.Status, func(s openapi.Status) domain.Status { return domain.Status(s) }),
		Fee:      domain.FeeStatus(p.NoShowFee),
		DoctorID: p.DoctorID, PatientID: p.PatientID, From: p.From.UTC(), To: p.To.UTC(),
	}
	if !p.From.IsZero() && !p.To.IsZero() && !p.To.After(p.From) {
		return nil, invalidField("query/to", "is after from")
	}
	page := domain.Page{Limit: p.Limit + 1} // one more tells whether there is another page
	if p.Cursor != "" {
		var err error
		if page.AfterTime, page.AfterID, err = decodeCursor(p.Cursor); err != nil {
			return nil, err
		}
	}
	rows, err := h.store.Appointments(ctx, who.union(), filter, page)
	if err != nil {
		return nil, err
	}
	rows, next := cutPage(rows, p.Limit, encodeCursor)
	return openapi.ListAppointments200JSONResponse{NextCursor: next, Items: convert(rows, func(a domain.Appointment) openapi.Appointment {
		return h.appointmentView(a, who.summary())
	})}, nil
}

// GetAppointment shows one appointment, waiting for news where the caller prefers.
func (h *handlers) GetAppointment(ctx context.Context, req openapi.GetAppointmentRequestObject) (openapi.GetAppointmentResponseObject, error) {
	ctx, who := begin(ctx)
	a, err := h.find(ctx, who, req.AppointmentID)
	if err != nil {
		return nil, err
	}
	wait, waits := preferredWait(req.Params.Prefer)
	if waits {
		a = h.awaitNews(ctx, who, a, req.Params.AfterVersion, wait)
	}
	found, err := jsonAnswer(http.StatusOK, h.appointmentView(a, who.fullRecord(a)))
	if err != nil {
		return nil, err
	}
	if waits {
		found = found.with("Preference-Applied", preferenceApplied(wait))
	}
	return found, nil
}

// find loads an appointment that the visitor may see in this operation.
func (h *handlers) find(ctx context.Context, who *visitor, id string) (domain.Appointment, error) {
	return within(who, func(scope domain.Scope) (domain.Appointment, error) {
		return h.store.Appointment(ctx, scope, id, who.access())
	})
}

// ListAppointmentEvents shows the timeline.
func (h *handlers) ListAppointmentEvents(ctx context.Context, req openapi.ListAppointmentEventsRequestObject) (openapi.ListAppointmentEventsResponseObject, error) {
	ctx, who := begin(ctx)
	events, err := h.timeline(ctx, who, req.AppointmentID)
	if err != nil {
		return nil, err
	}
	staff := who.summary().staff
	return openapi.ListAppointmentEvents200JSONResponse{Items: convert(events, func(e domain.Event) openapi.Event {
		return eventView(e, staff)
	})}, nil
}

// eventView is a line of the timeline; who exactly did it is for staff.
func eventView(e domain.Event, staff bool) openapi.Event {
	view := openapi.Event{
		Seq: e.Seq, Version: e.Version, Kind: e.Kind, From: openapi.Status(e.From), To: openapi.Status(e.To),
		Actor: openapi.Actor{Kind: openapi.ActorKind(e.Actor.Kind)}, ReasonCode: e.ReasonCode, At: e.At,
	}
	if staff {
		view.Actor.ID = e.Actor.ID
	}
	return view
}

func (h *handlers) timeline(ctx context.Context, who *visitor, id string) ([]domain.Event, error) {
	return within(who, func(scope domain.Scope) ([]domain.Event, error) { return h.store.Timeline(ctx, scope, id) })
}

// ListAppointmentReceipts shows the money that moved, by number.
func (h *handlers) ListAppointmentReceipts(ctx context.Context, req openapi.ListAppointmentReceiptsRequestObject) (openapi.ListAppointmentReceiptsResponseObject, error) {
	ctx, who := begin(ctx)
	receipts, err := within(who, func(scope domain.Scope) ([]domain.Receipt, error) {
		return h.store.Receipts(ctx, scope, req.AppointmentID)
	})
	if err != nil {
		return nil, err
	}
	return openapi.ListAppointmentReceipts200JSONResponse{Items: convert(receipts, func(r domain.Receipt) openapi.Receipt {
		return openapi.Receipt{
			Number: r.Code(), Kind: openapi.ReceiptKind(r.Kind), IssuedAt: r.IssuedAt,
			Amount: openapi.Money{Minor: r.Amount.Minor, Currency: r.Amount.Currency},
		}
	})}, nil
}
