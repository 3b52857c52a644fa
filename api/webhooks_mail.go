package api

import (
	"context"
	"log/slog"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

const sourceSendGrid = "sendgrid"

// ReceiveSendGridWebhook stores verified events of the mail provider and only then thanks
// for them: what is answered otherwise is sent again.
func (h *handlers) ReceiveSendGridWebhook(ctx context.Context, req openapi.ReceiveSendGridWebhookRequestObject) (openapi.ReceiveSendGridWebhookResponseObject, error) {
	ctx, _ = begin(ctx)
	count := func(result string) { h.metrics.webhooks.WithLabelValues(sourceSendGrid, result).Inc() }
	body, err := wholeBody(req.Body)
	if err != nil {
		count("refused")
		return nil, err
	}
	events, err := h.mailEvents.VerifyMailEvents(body, req.Params.XTwilioEmailEventWebhookSignature,
		req.Params.XTwilioEmailEventWebhookTimestamp, h.cfg.Clock())
	if err != nil {
		count("refused")
		h.log.LogAttrs(ctx, slog.LevelWarn, "a webhook was refused", slog.String("source", sourceSendGrid), slog.String("error", err.Error()))
		return nil, unverified(err)
	}
	accepted, err := h.store.AcceptMailEvents(ctx, events)
	if err != nil {
		count("failed")
		return nil, domain.Errorf(domain.CodeUnavailable, "The events could not be stored. Send them again.").Because(err)
	}
	for _, e := range accepted {
		count(h.noteMailEvent(ctx, e))
	}
	return openapi.ReceiveSendGridWebhook204Response{}, nil
}

// noteMailEvent counts an event, writes a line about each that a person may have to look
// into, and says what became of it.
func (h *handlers) noteMailEvent(ctx context.Context, e domain.AcceptedMailEvent) string {
	if !e.Fresh {
		return "known"
	}
	h.metrics.deliveries.WithLabelValues(string(e.State), e.Code, string(e.Kind)).Inc()
	if e.State == domain.DeliveryBounced || e.State == domain.DeliveryDropped {
		h.metrics.undelivered.WithLabelValues(string(e.State)).Inc()
	}
	attrs := []slog.Attr{
		slog.String("event", string(e.State)), slog.String("code", e.Code), slog.String("kind", string(e.Kind)),
		slog.String("appointment_id", e.AppointmentID),
	}
	if e.Ledger == domain.LedgerNone {
		// The ID as it came may be anything: the event's own finds its row.
		h.log.LogAttrs(ctx, slog.LevelWarn, "an event of the mail provider matches no message", append(attrs, slog.String("event_id", e.ID))...)
		return "unmatched"
	}
	if e.State.Failed() {
		h.log.LogAttrs(ctx, slog.LevelWarn, "a message did not arrive", append(attrs, slog.String("message_id", e.MessageID))...)
	}
	return "stored"
}
