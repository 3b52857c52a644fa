package relay

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
	"github.com/careflow/careflow/workflows/paymentcase"
)

// parkedError says that a row is kept for people.
type parkedError struct{ reason string }

func (e *parkedError) Error() string { return e.reason }

func (r *Relay) deliver(ctx context.Context, row domain.OutboxRow) error {
	if row.Topic == domain.TopicAccountMail {
		return r.accounts.Deliver(ctx, row.AccountID)
	}
	a, err := r.outbox.ProcessInput(ctx, row.AppointmentID)
	if domain.CodeOf(err) == domain.CodeNotFound {
		return &parkedError{reason: string(domain.CodeNotFound)} // no retry makes it appear
	}
	if err != nil {
		return err
	}
	switch row.Topic {
	case domain.TopicStart:
		return r.processes.Start(ctx, a)
	case domain.TopicPaymentHint:
		return r.hint(ctx, a, row)
	case domain.TopicCommand:
		return r.command(ctx, a, row)
	case domain.TopicMessage:
		return r.message(ctx, a, row)
	case domain.TopicPaymentCase:
		var event domain.WebhookPayload
		if err := json.Unmarshal(row.Payload, &event); err != nil || event.IntentID == "" {
			return &parkedError{reason: "unreadable"}
		}
		return r.caseNews(ctx, row, event)
	case domain.TopicAccountMail, domain.TopicUnmatched:
	}
	return &parkedError{reason: "unknown_topic"}
}

func (r *Relay) hint(ctx context.Context, a domain.Appointment, row domain.OutboxRow) error {
	var event domain.WebhookPayload
	if err := json.Unmarshal(row.Payload, &event); err != nil {
		return &parkedError{reason: "unreadable"}
	}
	routed, err := r.outbox.RouteToCase(ctx, row, event)
	if err != nil {
		return err
	}
	if routed {
		return r.caseNews(ctx, row, event)
	}
	if !news(a, event) {
		return nil
	}
	if a.Status == domain.StatusArchived {
		return &parkedError{reason: "archived"} // no payment of ours, and no process that could look
	}
	return r.processes.Hint(ctx, a, appointment.PaymentHint{EventID: event.EventID, Type: event.Type})
}

// message wakes a process for a message that a person had sent again.
func (r *Relay) message(ctx context.Context, a domain.Appointment, row domain.OutboxRow) error {
	var owed domain.MessagePayload
	if err := json.Unmarshal(row.Payload, &owed); err != nil {
		return &parkedError{reason: "unreadable"}
	}
	if a.Status == domain.StatusArchived {
		return nil // its process saw it when it archived the visit
	}
	return r.processes.DeliverMessage(ctx, a, appointment.MessageOwed{MessageID: owed.MessageID})
}

func (r *Relay) caseNews(ctx context.Context, row domain.OutboxRow, event domain.WebhookPayload) error {
	return r.cases.CaseNews(ctx, row.AppointmentID, event.IntentID, paymentcase.News{EventID: event.EventID, Type: event.Type})
}

// news reports whether an event may change what the process does. Everything else only
// repeats what the books say already, or what the process is finding out by itself, such
// as the echo of its own capture: it need not be woken for that.
func news(a domain.Appointment, event domain.WebhookPayload) bool {
	if p := a.Payment.IntentID; p != "" && event.IntentID != "" && event.IntentID != p {
		return true // of an earlier attempt to be paid: the row knows the newest one only
	}
	switch event.Type {
	case "payment_intent.amount_capturable_updated":
		return a.Payment.Status != domain.PaymentAuthorised && a.Payment.Status != domain.PaymentCaptured
	case "payment_intent.succeeded":
		return a.Payment.Status != domain.PaymentCaptured && a.Status != domain.StatusCapturing
	case "payment_intent.canceled":
		return a.Payment.Status != domain.PaymentCancelled
	case "charge.refunded":
		// With a total it would be a case's by now, were it not the echo of our own.
		return event.Refunded == 0 && a.Payment.Captured > 0 && a.Payment.Refunded != a.Payment.Captured
	case "charge.refund.updated": // also how Stripe says that a refund failed
		return a.Payment.Refunded > 0
	case "charge.dispute.created":
		return true
	}
	return false
}

// command sends a deferred command. Its outcome stays with the process under the
// update ID, where the caller's repetition finds it; a refusal changed nothing.
func (r *Relay) command(ctx context.Context, a domain.Appointment, row domain.OutboxRow) error {
	var d domain.DeferredCommand
	var c appointment.Command
	if json.Unmarshal(row.Payload, &d) != nil || json.Unmarshal(d.Command, &c) != nil {
		return &parkedError{reason: "unreadable"}
	}
	_, err := r.processes.Command(ctx, a, d.Update, d.UpdateID, c, r.cfg.Lease/2)
	var refusal *domain.Error
	if errors.Is(err, appointment.ErrPending) || !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Code { //nolint:exhaustive // every other refusal is an outcome
	case domain.CodeUnavailable, domain.CodeTooMany, domain.CodeSuperseded, domain.CodeInternal:
		return err
	}
	r.log.InfoContext(ctx, "a deferred command was refused", "appointment_id", a.ID, "command", d.Update, "code", refusal.Code)
	return nil
}
