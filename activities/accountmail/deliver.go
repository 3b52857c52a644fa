package accountmail

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
)

// Ledger is where an account's messages are owed and settled.
type Ledger interface {
	NextAccountMessage(ctx context.Context, accountID string, now time.Time) (*domain.DueAccountMessage, error)
	SettleAccountMessage(ctx context.Context, id string, status domain.MessageStatus, vendorID, errorCode string, unknown bool) error
}

// Writer turns facts into a letter.
type Writer func(kind domain.AccountMessageKind, d domain.AccountLetter) (domain.Mail, error)

// Linker makes the link of a message that has one. The same message gets the same link
// each time; it stands nowhere but in the letter.
type Linker func(kind domain.AccountMessageKind, messageID, keyID string) (string, error)

// Activities deliver what accounts owe.
type Activities struct {
	ledger Ledger
	mailer appointment.Mailer
	write  Writer
	link   Linker
}

// New returns the activities.
func New(ledger Ledger, mailer appointment.Mailer, write Writer, link Linker) *Activities {
	return &Activities{ledger: ledger, mailer: mailer, write: write, link: link}
}

// Register registers the activities of the mail vendor's task queue.
func Register(r worker.ActivityRegistry, a *Activities) {
	r.RegisterActivityWithOptions(a.Deliver, activity.RegisterOptions{Name: Deliver})
}

// Deliver hands over everything the account owes, oldest first. A letter that fails for
// good holds up none of the others. It ends with an error only when the vendor could not be
// reached: then it is tried again from where it stopped, so that the order holds.
func (a *Activities) Deliver(ctx context.Context, in DeliverInput) (DeliverResult, error) {
	var result DeliverResult
	for n := 0; ; n++ {
		due, err := a.ledger.NextAccountMessage(ctx, in.AccountID, now())
		if err != nil || due == nil {
			return result, appointment.Fault(err)
		}
		if n > 0 { // one letter is done long before a heartbeat is missed
			activity.RecordHeartbeat(ctx, due.Seq)
		}
		if err := a.deliver(ctx, *due, &result); err != nil {
			return result, appointment.Fault(err)
		}
	}
}

// deliver sends one letter. One whose outcome is unknown is sent again: it is the same
// letter with the same link.
func (a *Activities) deliver(ctx context.Context, due domain.DueAccountMessage, result *DeliverResult) error {
	letter, err := a.letter(due)
	if err != nil {
		result.Failed++
		slog.ErrorContext(ctx, "a letter cannot be written", "message_id", due.ID, "kind", due.Kind, "error", err)
		return a.ledger.SettleAccountMessage(ctx, due.ID, domain.MessageFailed, "", "cannot_be_written", false)
	}
	handed := appointment.HandOver(ctx, a.mailer, letter, false)
	switch handed.Status { //nolint:exhaustive // pending is counted when it is settled
	case domain.MessageSent:
		result.Sent++
	case domain.MessageFailed:
		result.Failed++
	}
	// The outcome is written down also when the worker is being stopped.
	settled := a.ledger.SettleAccountMessage(context.WithoutCancel(ctx), due.ID, handed.Status, handed.VendorID, handed.Code, handed.Unknown)
	return errors.Join(handed.Err, settled)
}

func (a *Activities) letter(due domain.DueAccountMessage) (domain.Mail, error) {
	if due.Kind.LinkLife() > 0 {
		link, err := a.link(due.Kind, due.ID, due.KeyID)
		if err != nil {
			return domain.Mail{}, err
		}
		due.Letter.Link = link
	}
	return a.write(due.Kind, due.Letter)
}

// now is the wall clock, in UTC and in the resolution of the database.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
