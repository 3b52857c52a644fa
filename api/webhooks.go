package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

const sourceStripe = "stripe"

// ReceiveStripeWebhook stores a verified event and only then thanks for it: what is
// answered otherwise is sent again.
func (h *handlers) ReceiveStripeWebhook(ctx context.Context, req openapi.ReceiveStripeWebhookRequestObject) (openapi.ReceiveStripeWebhookResponseObject, error) {
	ctx, _ = begin(ctx)
	count := func(result string) { h.metrics.webhooks.WithLabelValues(sourceStripe, result).Inc() }
	body, err := wholeBody(req.Body)
	if err != nil {
		count("refused")
		return nil, err
	}
	event, err := h.webhooks.VerifyWebhook(body, req.Params.StripeSignature, h.cfg.Clock())
	if err != nil {
		count("refused")
		h.log.LogAttrs(ctx, slog.LevelWarn, "a webhook was refused", slog.String("source", sourceStripe), slog.String("error", err.Error()))
		return nil, unverified(err)
	}
	fresh, err := h.store.AcceptWebhook(ctx, domain.Webhook{
		Source: sourceStripe, ID: event.ID, Type: event.Type,
		AppointmentID: event.AppointmentID, IntentID: event.IntentID, Created: event.Created,
		Refunded: event.Refunded, Status: event.Status,
	})
	if err != nil {
		count("failed")
		return nil, domain.Errorf(domain.CodeUnavailable, "The event could not be stored. Send it again.").Because(err)
	}
	result := "known"
	if fresh {
		result = "stored"
	}
	count(result)
	return openapi.ReceiveStripeWebhook204Response{}, nil
}

// wholeBody reads a body that is verified as it came.
func wholeBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(r)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge(large.Limit)
	case err != nil:
		return nil, domain.Errorf(domain.CodeInvalid, "The body could not be read.").Because(err)
	}
	return body, nil
}

// unverified is what the sender of an event is told that was not believed.
func unverified(err error) error {
	if domain.CodeOf(err) == domain.CodeVendorRejected {
		return domain.Errorf(domain.CodeInvalid, "The event is signed but not in the form this endpoint understands.").Because(err)
	}
	return domain.Errorf(CodeInvalidSignature, "The signature does not fit this body, or is too old.").Because(err)
}
