// Package alarm tells the people who run an installation what needs them, by e-mail. An
// alarm is kept under its key before it is sent, so that it is sent once, however often
// the process that raised it is tried again.
package alarm

import (
	"context"
	"fmt"
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
	OpenAlarm(ctx context.Context, a domain.Alarm) (id string, state domain.AlarmState, err error)
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
	id, state, err := s.store.OpenAlarm(ctx, a)
	if err != nil || state != domain.AlarmPending {
		return err
	}
	state = domain.AlarmUnsent
	for i, to := range s.cfg.To {
		_, err := s.mailer.Send(ctx, s.mail(a, fmt.Sprintf("%s-%d", id, i), to))
		switch domain.CodeOf(err) {
		case "":
			state = domain.AlarmSent
		case domain.CodeRecipientRejected, domain.CodeVendorRejected:
			activity.GetLogger(ctx).Error("an alarm was refused by the mail vendor", "kind", a.Kind, "recipient", i)
		default:
			return temporal.NewApplicationError("the mail vendor cannot be reached", string(domain.CodeOf(err)))
		}
	}
	return s.store.SettleAlarm(ctx, id, state)
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
