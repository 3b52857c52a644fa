package api

import (
	"context"
	"net/http"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListAppointmentMessages shows what became of each message that was owed.
func (h *handlers) ListAppointmentMessages(ctx context.Context, req openapi.ListAppointmentMessagesRequestObject) (openapi.ListAppointmentMessagesResponseObject, error) {
	ctx, who := begin(ctx)
	messages, err := within(who, func(scope domain.Scope) ([]domain.Message, error) {
		return h.store.Messages(ctx, scope, req.AppointmentID)
	})
	if err != nil {
		return nil, err
	}
	return openapi.ListAppointmentMessages200JSONResponse{Items: convert(messages, messageView)}, nil
}

// troubles are the problems that are listed where nobody asks for others: a skipped
// message was skipped on purpose.
var troubles = []openapi.MessageProblem{"failed", "unknown", "bounced", "dropped", "spam_report"}

// ListTroubledMessages shows staff the messages of all visits that went wrong.
func (h *handlers) ListTroubledMessages(ctx context.Context, req openapi.ListTroubledMessagesRequestObject) (openapi.ListTroubledMessagesResponseObject, error) {
	ctx, _ = begin(ctx)
	p := req.Params
	if len(p.Problem) == 0 {
		p.Problem = troubles
	}
	if !p.Since.IsZero() && !p.Until.IsZero() && !p.Until.After(p.Since) {
		return nil, invalidField("query/until", "is after since")
	}
	filter := domain.MessageFilter{
		Problems: convert(p.Problem, func(m openapi.MessageProblem) string { return string(m) }),
		Kind:     p.Kind, Recipient: string(p.Recipient), Since: p.Since.UTC(), Until: p.Until.UTC(), OpenOnly: p.Open,
	}
	page := domain.Page{Limit: p.Limit + 1} // one more tells whether there is another page
	if p.Cursor != "" {
		var err error
		if page.AfterTime, page.AfterID, err = decodeCursor(p.Cursor); err != nil {
			return nil, err
		}
	}
	rows, err := h.store.TroubledMessages(ctx, filter, page)
	if err != nil {
		return nil, err
	}
	rows, next := cutPage(rows, p.Limit, func(r domain.Message) string { return encodePosition(r.CreatedAt, r.ID) })
	return openapi.ListTroubledMessages200JSONResponse{NextCursor: next, Items: convert(rows, messageView)}, nil
}

// ResendMessage owes a lost message once more.
func (h *handlers) ResendMessage(ctx context.Context, req openapi.ResendMessageRequestObject) (openapi.ResendMessageResponseObject, error) {
	ctx, who := begin(ctx)
	return h.once(ctx, who, req.AppointmentID, req.Params.IdempotencyKey, req.MessageID, func(ctx context.Context, by domain.Actor, id string) (any, error) {
		m, err := h.store.ResendMessage(ctx, req.AppointmentID, req.MessageID, "resend/"+id, by, h.cfg.Clock())
		return messageView(m), err
	})
}

func messageView(m domain.Message) openapi.Message {
	return openapi.Message{
		ID: m.ID, AppointmentID: m.AppointmentID, Kind: string(m.Kind), Recipient: string(m.Recipient), Status: openapi.MessageStatus(m.Status),
		Attempts: m.Attempts, Unknowns: m.Unknowns, ErrorCode: m.ErrorCode, CreatedAt: m.CreatedAt, SentAt: m.SentAt,
		Delivery: openapi.MessageDelivery(m.Delivery.State), DeliveryCode: m.Delivery.Code, DeliveryAt: m.Delivery.At,
		Problem: openapi.MessageProblem(m.Problem), ResendOf: m.ResendOf, ResentAs: m.ResentAs,
	}
}

func (a answer) VisitResendMessageResponse(w http.ResponseWriter) error { return a.write(w) }
