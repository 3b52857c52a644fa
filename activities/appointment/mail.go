package appointment

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/careflow/careflow/internal/domain"
)

// Ledger is where messages are owed and settled.
//
// NextMessage counts an attempt that was broken off before this one as unknown, and
// SettleMessage what this one does not know; it leaves alone what is settled already.
type Ledger interface {
	OweReminder(ctx context.Context, appointmentID string, r domain.Reminder) error
	NextMessage(ctx context.Context, appointmentID string, now time.Time) (*domain.DueMessage, error)
	SettleMessage(ctx context.Context, id string, status domain.MessageStatus, vendorID, errorCode string, unknown bool) error
}

// Mailer hands a letter to the vendor. CodeRecipientRejected and CodeVendorRejected are
// final; CodeVendorUnavailable means certainly not sent; CodeOutcomeUnknown, perhaps.
type Mailer interface {
	Send(ctx context.Context, m domain.Mail) (vendorID string, err error)
}

// Writer turns facts into a letter.
type Writer func(kind domain.MessageKind, d domain.LetterData) (domain.Mail, error)

// Linker makes the link of a letter. Opening it changes nothing.
type Linker func(kind domain.MessageKind, d domain.LetterData) string

// Mail delivers what an appointment owes.
type Mail struct {
	ledger Ledger
	mailer Mailer
	write  Writer
	link   Linker
}

// NewMail returns the activity.
func NewMail(ledger Ledger, mailer Mailer, write Writer, link Linker) *Mail {
	return &Mail{ledger: ledger, mailer: mailer, write: write, link: link}
}

// DeliverMail hands over everything the appointment owes, oldest first. It ends with an
// error only when the vendor could not be reached: then it is tried again from where it
// stopped, so that the order holds.
func (m *Mail) DeliverMail(ctx context.Context, in DeliverMailInput) (DeliverMailResult, error) {
	var result DeliverMailResult
	for _, r := range in.Reminders {
		if err := m.ledger.OweReminder(ctx, in.AppointmentID, r); err != nil {
			return result, fault(err)
		}
	}
	for n := 0; ; n++ {
		due, err := m.ledger.NextMessage(ctx, in.AppointmentID, now())
		if err != nil || due == nil {
			return result, fault(err)
		}
		if n > 0 { // one letter is done long before a heartbeat is missed
			activity.RecordHeartbeat(ctx, due.Seq)
		}
		before := result
		err = m.deliver(ctx, *due, &result)
		report(ctx, *due, before, result)
		if err != nil {
			return result, fault(err)
		}
	}
}

// notSent counts messages that the provider refused, or perhaps took, by status and kind.
const notSent = "careflow_messages_not_sent"

// report counts a message that did not get out and says so in the log. The ledger has
// the reason.
func report(ctx context.Context, due domain.DueMessage, before, after DeliverMailResult) {
	var status domain.MessageStatus
	switch {
	case after.Failed > before.Failed:
		status = domain.MessageFailed
	case after.Unknown > before.Unknown:
		status = domain.MessageUnknown
	default:
		return
	}
	activity.GetMetricsHandler(ctx).WithTags(map[string]string{"status": string(status), "kind": string(due.Kind)}).Counter(notSent).Inc(1)
	slog.WarnContext(ctx, "a message was not sent", "message_id", due.ID, "appointment_id", due.AppointmentID,
		"kind", due.Kind, "status", status)
}

func (m *Mail) deliver(ctx context.Context, due domain.DueMessage, result *DeliverMailResult) error {
	if due.Interrupted && due.Kind.AtMostOnce() {
		// We died between handing it over and writing that down: it may be there already.
		result.Unknown++
		return m.ledger.SettleMessage(ctx, due.ID, domain.MessageUnknown, "", "interrupted", false)
	}
	due.Letter.Link = m.link(due.Kind, due.Letter)
	letter, err := m.write(due.Kind, due.Letter)
	if err != nil {
		result.Failed++
		slog.ErrorContext(ctx, "a letter cannot be written", "message_id", due.ID, "kind", due.Kind, "error", err)
		return m.ledger.SettleMessage(ctx, due.ID, domain.MessageFailed, "", "cannot_be_written", false)
	}
	handed := HandOver(ctx, m.mailer, letter, due.Kind.AtMostOnce())
	switch handed.Status { //nolint:exhaustive // pending is counted when it is settled
	case domain.MessageSent:
		result.Sent++
	case domain.MessageFailed:
		result.Failed++
	case domain.MessageUnknown:
		result.Unknown++
	}
	// The outcome is written down also when the worker is being stopped.
	settled := m.ledger.SettleMessage(context.WithoutCancel(ctx), due.ID, handed.Status, handed.VendorID, handed.Code, handed.Unknown)
	return errors.Join(handed.Err, settled)
}

func detail(err error) string {
	var e *domain.Error
	if errors.As(err, &e) {
		if e.Detail != "" {
			return e.Detail
		}
		return string(e.Code)
	}
	return string(domain.CodeInternal)
}

// now is the wall clock, in UTC and in the resolution of the database.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
