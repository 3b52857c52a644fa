// Package alarm tells the people who run an installation what needs them, by e-mail. An
// alarm is kept under its key before it is sent, so that it is sent once, however often
// the process that raised it is tried again.
package alarm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/careflow/careflow/internal/domain"
)

// Send is the registered activity name. Histories refer to it: never rename it.
const Send = "alarm.send"

// Store keeps alarms.
type Store interface {
	// OpenAlarm keeps an alarm under its key, once, and returns how far it has come.
	OpenAlarm(ctx context.Context, a domain.Alarm) (domain.KeptAlarm, error)
	// NoteTold notes that an alarm was sent to an address.
	NoteTold(ctx context.Context, id, address string) error
	SettleAlarm(ctx context.Context, id string, state domain.AlarmState) error
}

// Mailer hands a mail to the vendor. CodeVendorUnavailable means certainly not sent.
type Mailer interface {
	Send(ctx context.Context, m domain.Mail) (vendorID string, err error)
}

// Config says whom to tell.
type Config struct {
	// To are e-mail addresses. None: alarms are kept and shown, and not sent.
	To []string
	// Installation names it in the subject, such as its public host.
	Installation string
}

// Activities send alarms.
type Activities struct {
	store  Store
	mailer Mailer
	cfg    Config
}

// New returns the activities.
func New(store Store, mailer Mailer, cfg Config) *Activities {
	return &Activities{store: store, mailer: mailer, cfg: cfg}
}

// Register registers the activities, on the mail vendor's task queue.
func Register(r worker.ActivityRegistry, a *Activities) {
	r.RegisterActivityWithOptions(a.Send, activity.RegisterOptions{Name: Send})
}

// Send keeps an alarm and mails it, unless that was done before. A mail whose outcome
// nobody knows is sent again: an alarm that comes twice is better than none.
func (s *Activities) Send(ctx context.Context, a domain.Alarm) error {
	kept, err := s.store.OpenAlarm(ctx, a)
	if err != nil || kept.State != domain.AlarmPending {
		return err
	}
	return s.Tell(ctx, a, kept, activity.GetLogger(ctx))
}

// Tell mails a pending alarm to each address that was not told yet, and settles it. An
// address that is refused keeps none of the others from being told.
func (s *Activities) Tell(ctx context.Context, a domain.Alarm, kept domain.KeptAlarm, log Logger) error {
	state := domain.AlarmUnsent
	if len(kept.Told) > 0 {
		state = domain.AlarmSent
	}
	var away error
	for i, to := range s.cfg.To {
		if slices.Contains(kept.Told, to) {
			continue
		}
		_, err := s.mailer.Send(ctx, s.mail(a, fmt.Sprintf("%s-%d", kept.ID, i), to))
		switch domain.CodeOf(err) {
		case "":
			state = domain.AlarmSent
			if err := s.store.NoteTold(ctx, kept.ID, to); err != nil {
				return err
			}
		case domain.CodeRecipientRejected, domain.CodeVendorRejected:
			log.Error("an alarm was refused by the mail vendor", "kind", a.Kind, "recipient", i)
		default:
			away = temporal.NewApplicationError("the mail vendor cannot be reached", string(domain.CodeOf(err)))
		}
	}
	if away != nil {
		return away
	}
	return s.store.SettleAlarm(ctx, kept.ID, state)
}

// Logger is how it is told that a recipient was refused.
type Logger interface {
	Error(msg string, keyvals ...any)
}

func (s *Activities) mail(a domain.Alarm, id, to string) domain.Mail {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s: %s\n\n", strings.ReplaceAll(a.Kind, "_", " "), a.Subject)
	for _, line := range [][2]string{{"reference", a.Ref}, {"code", string(a.Code)}, {"detail", a.Detail}, {"at", a.At.UTC().Format("2006-01-02 15:04:05 UTC")}} {
		if line[1] != "" {
			_, _ = fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
		}
	}
	_, _ = fmt.Fprintf(&b, "\nThe runbook says what to do about %s.\n", a.Kind)
	return domain.Mail{
		MessageID: id, To: to, Text: b.String(),
		Subject: fmt.Sprintf("[%s] %s: %s", s.cfg.Installation, strings.ReplaceAll(a.Kind, "_", " "), a.Subject),
	}
}
