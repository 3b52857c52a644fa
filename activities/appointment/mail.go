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
		if err := m.deliver(ctx, *due, &result); err != nil {
			return result, fault(err)
		}
	}
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
	vendorID, err := m.mailer.Send(ctx, letter)
	// The outcome is written down also when the worker is being stopped.
	ctx = context.WithoutCancel(ctx)
	switch code := domain.CodeOf(err); {
	case err == nil:
		result.Sent++
		return m.ledger.SettleMessage(ctx, due.ID, domain.MessageSent, vendorID, "", false)
	case code == domain.CodeRecipientRejected || code == domain.CodeVendorRejected:
		result.Failed++
		return m.ledger.SettleMessage(ctx, due.ID, domain.MessageFailed, "", detail(err), false)
	case code == domain.CodeOutcomeUnknown && due.Kind.AtMostOnce():
		result.Unknown++
		return m.ledger.SettleMessage(ctx, due.ID, domain.MessageUnknown, "", "no_reply", true)
	default:
		settled := m.ledger.SettleMessage(ctx, due.ID, domain.MessagePending, "", detail(err), code == domain.CodeOutcomeUnknown)
		return errors.Join(err, settled)
	}
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
