package appointment_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acts "github.com/careflow/careflow/activities/appointment"
	"github.com/careflow/careflow/internal/domain"
)

// ledger is an appointment's messages in order.
type ledger struct {
	messages  []domain.Message
	reminders []domain.Reminder
	failing   error // returned by the next call, once
}

func owing(kinds ...domain.MessageKind) *ledger {
	l := &ledger{}
	for i, kind := range kinds {
		l.messages = append(l.messages, domain.Message{ID: string(rune('a' + i)), Seq: int64(i), Kind: kind, Status: domain.MessagePending})
	}
	return l
}

func (l *ledger) OweReminder(_ context.Context, _ string, r domain.Reminder) error {
	l.reminders = append(l.reminders, r)
	return l.fails()
}

func (l *ledger) NextMessage(context.Context, string, time.Time) (*domain.DueMessage, error) {
	if err := l.fails(); err != nil {
		return nil, err
	}
	for i := range l.messages {
		m := &l.messages[i]
		if m.Status != domain.MessagePending && m.Status != domain.MessageSending {
			continue
		}
		due := domain.DueMessage{Interrupted: m.Status == domain.MessageSending}
		if due.Interrupted {
			m.Unknowns++
		}
		m.Status, m.Attempts = domain.MessageSending, m.Attempts+1
		due.Message = *m
		due.Letter = domain.LetterData{MessageID: m.ID}
		return &due, nil
	}
	return nil, nil
}

func (l *ledger) SettleMessage(ctx context.Context, messageID string, status domain.MessageStatus, _, code string, unknown bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i := range l.messages {
		if m := &l.messages[i]; m.ID == messageID {
			m.Status, m.ErrorCode = status, code
			if unknown {
				m.Unknowns++
			}
		}
	}
	return l.fails()
}

func (l *ledger) fails() error {
	err := l.failing
	l.failing = nil
	return err
}

func (l *ledger) status() (list []domain.MessageStatus) {
	for _, m := range l.messages {
		list = append(list, m.Status)
	}
	return list
}

// vendor takes mails and answers as it is told, per message and attempt.
type vendor struct {
	taken   []string
	answers map[string][]error
}

func (v *vendor) Send(_ context.Context, m domain.Mail) (string, error) {
	v.taken = append(v.taken, m.MessageID+" "+m.Text)
	if queue := v.answers[m.MessageID]; len(queue) > 0 {
		v.answers[m.MessageID] = queue[1:]
		return "", queue[0]
	}
	return "vendor-" + m.MessageID, nil
}

func deliver(t *testing.T, l *ledger, v *vendor, reminders ...domain.Reminder) (acts.DeliverMailResult, error) {
	t.Helper()
	write := func(kind domain.MessageKind, d domain.LetterData) (domain.Mail, error) {
		if kind == "unwritable" {
			return domain.Mail{}, errors.New("no template")
		}
		return domain.Mail{MessageID: d.MessageID, Text: d.Link}, nil
	}
	link := func(kind domain.MessageKind, _ domain.LetterData) string { return "/" + string(kind) }
	return run[acts.DeliverMailResult](t, acts.NewMail(l, v, write, link).DeliverMail, acts.DeliverMailInput{AppointmentID: id, Reminders: reminders})
}

const (
	sent    = domain.MessageSent
	pending = domain.MessagePending
	failed  = domain.MessageFailed
	unknown = domain.MessageUnknown
	sending = domain.MessageSending
)

func TestEverythingOwedIsHandedOverInOrder(t *testing.T) {
	t.Parallel()
	l, v := owing(domain.MessageConfirmed, domain.MessageReceipt, domain.MessageReminder), &vendor{}
	result, err := deliver(t, l, v, domain.Reminder{Offset: domain.Duration(time.Hour), Decision: domain.ReminderSend})
	require.NoError(t, err)
	require.Equal(t, acts.DeliverMailResult{Sent: 3}, result)
	require.Equal(t, []string{"a /confirmed", "b /receipt", "c /reminder"}, v.taken)
	require.Len(t, l.reminders, 1, "the reminders that came up are in the ledger first")
}

func TestABadRecipientHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{
		"the recipient": domain.Errorf(domain.CodeRecipientRejected, "no such address").WithDetail("bad_address"),
		"the mail":      domain.Errorf(domain.CodeVendorRejected, "what is this").WithDetail("bad_address"),
	} {
		l, v := owing(domain.MessageConfirmed, domain.MessageReminder, domain.MessageReceipt), &vendor{answers: map[string][]error{"a": {fault}}}
		result, err := deliver(t, l, v)
		require.NoError(t, err, name)
		require.Equal(t, acts.DeliverMailResult{Sent: 2, Failed: 1}, result)
		require.Equal(t, []domain.MessageStatus{failed, sent, sent}, l.status())
		require.Equal(t, "bad_address", l.messages[0].ErrorCode)
	}
}

func TestALetterThatCannotBeWrittenHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	l := owing("unwritable", domain.MessageReceipt)
	result, err := deliver(t, l, &vendor{})
	require.NoError(t, err)
	require.Equal(t, acts.DeliverMailResult{Sent: 1, Failed: 1}, result)
	require.Equal(t, "cannot_be_written", l.messages[0].ErrorCode)
}

func TestAReminderThatWasInterruptedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	l, v := owing(domain.MessageReminder, domain.MessageReceipt), &vendor{}
	l.messages[0].Status, l.messages[0].Attempts = sending, 1
	result, err := deliver(t, l, v)
	require.NoError(t, err)
	require.Equal(t, acts.DeliverMailResult{Sent: 1, Unknown: 1}, result)
	require.Equal(t, []string{"b /receipt"}, v.taken)
	require.Equal(t, unknown, l.messages[0].Status)
	require.Equal(t, 1, l.messages[0].Unknowns)
}

func TestAReminderWithoutAReplyIsUnknown(t *testing.T) {
	t.Parallel()
	l := owing(domain.MessageReminder, domain.MessageReceipt)
	v := &vendor{answers: map[string][]error{"a": {domain.Errorf(domain.CodeOutcomeUnknown, "the line broke")}}}
	result, err := deliver(t, l, v)
	require.NoError(t, err)
	require.Equal(t, acts.DeliverMailResult{Sent: 1, Unknown: 1}, result)
	require.Equal(t, []domain.MessageStatus{unknown, sent}, l.status())
}

func TestAMailAboutMoneyThatWasInterruptedIsSentAgainAndCounted(t *testing.T) {
	t.Parallel()
	for _, kind := range []domain.MessageKind{domain.MessageRefunded, domain.MessageReceipt, domain.MessageCancelled} {
		l, v := owing(kind), &vendor{}
		l.messages[0].Status, l.messages[0].Attempts = sending, 1
		result, err := deliver(t, l, v)
		require.NoError(t, err)
		require.Equal(t, acts.DeliverMailResult{Sent: 1}, result)
		require.Len(t, v.taken, 1)
		require.Equal(t, 1, l.messages[0].Unknowns, "the patient may have it twice, and we know")
	}
}

func TestAMailAboutMoneyWithoutAReplyIsTriedAgainAndCounted(t *testing.T) {
	t.Parallel()
	l := owing(domain.MessageReceipt)
	v := &vendor{answers: map[string][]error{"a": {domain.Errorf(domain.CodeOutcomeUnknown, "the line broke")}}}
	_, err := deliver(t, l, v)
	require.False(t, application(t, err).NonRetryable())
	require.Equal(t, pending, l.messages[0].Status)
	_, err = deliver(t, l, v)
	require.NoError(t, err)
	require.Equal(t, sent, l.messages[0].Status)
	require.Equal(t, 1, l.messages[0].Unknowns)
	require.Len(t, v.taken, 2)
}

func TestAVendorThatIsDownStopsTheRowAtTheSameMessage(t *testing.T) {
	t.Parallel()
	l := owing(domain.MessageReminder, domain.MessageCancelled)
	v := &vendor{answers: map[string][]error{"a": {down, down}}}
	for range 2 {
		_, err := deliver(t, l, v)
		app := application(t, err)
		require.False(t, app.NonRetryable())
		require.Equal(t, string(domain.CodeVendorUnavailable), app.Type())
		require.Equal(t, []domain.MessageStatus{pending, pending}, l.status(), "the next one does not overtake it")
	}
	result, err := deliver(t, l, v)
	require.NoError(t, err)
	require.Equal(t, acts.DeliverMailResult{Sent: 2}, result)
	require.Equal(t, []string{"a /reminder", "a /reminder", "a /reminder", "b /cancelled"}, v.taken)
	require.Zero(t, l.messages[0].Unknowns, "a vendor that said no has not sent it")
}

func TestAnOutcomeThatCannotBeWrittenDownStopsTheDelivery(t *testing.T) {
	t.Parallel()
	l, v := owing(domain.MessageReceipt, domain.MessageCancelled), &vendor{}
	write := func(domain.MessageKind, domain.LetterData) (domain.Mail, error) {
		l.failing = errDatabase // from here on, once
		return domain.Mail{MessageID: "a"}, nil
	}
	link := func(domain.MessageKind, domain.LetterData) string { return "" }
	_, err := run[acts.DeliverMailResult](t, acts.NewMail(l, v, write, link).DeliverMail, acts.DeliverMailInput{AppointmentID: id})
	require.False(t, application(t, err).NonRetryable())
	require.Len(t, v.taken, 1)
}

func TestALedgerThatCannotBeReadIsTriedAgain(t *testing.T) {
	t.Parallel()
	l, v := owing(domain.MessageReceipt), &vendor{}
	l.failing = errDatabase
	_, err := deliver(t, l, v)
	require.False(t, application(t, err).NonRetryable())
	l.failing = errDatabase
	_, err = deliver(t, l, v, domain.Reminder{})
	require.Error(t, err)
	require.Empty(t, v.taken)
}
