package accountmail_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	acts "github.com/careflow/careflow/activities/accountmail"
	"github.com/careflow/careflow/internal/domain"
)

// owed is a letter and what became of it.
type owed struct {
	domain.DueAccountMessage
	codes    []string
	unknowns int
}

// ledger is one account's letters in order.
type ledger struct{ letters []*owed }

func owing(kinds ...domain.AccountMessageKind) *ledger {
	l := &ledger{}
	for i, kind := range kinds {
		o := &owed{}
		o.ID, o.Seq, o.Kind, o.Status, o.KeyID = string(rune('a'+i)), int64(i), kind, domain.MessagePending, "k1"
		o.Letter.MessageID = o.ID
		l.letters = append(l.letters, o)
	}
	return l
}

func (l *ledger) NextAccountMessage(context.Context, string, time.Time) (*domain.DueAccountMessage, error) {
	for _, o := range l.letters {
		if o.Status == domain.MessagePending || o.Status == domain.MessageSending {
			if o.Interrupted = o.Status == domain.MessageSending; o.Interrupted {
				o.unknowns++ // the database counts an attempt that was broken off
			}
			o.Status = domain.MessageSending
			due := o.DueAccountMessage
			return &due, nil
		}
	}
	return nil, nil
}

func (l *ledger) SettleAccountMessage(ctx context.Context, id string, status domain.MessageStatus, _, code string, unknown bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, o := range l.letters {
		if o.ID == id {
			o.Status, o.codes = status, append(o.codes, code)
			if unknown {
				o.unknowns++
			}
		}
	}
	return nil
}

func (l *ledger) statuses() (list []domain.MessageStatus) {
	for _, o := range l.letters {
		list = append(list, o.Status)
	}
	return list
}

// vendor takes letters and answers as it is told, per message and attempt.
type vendor struct {
	taken   []string
	answers map[string][]error
}

func (v *vendor) Send(_ context.Context, m domain.Mail) (string, error) {
	v.taken = append(v.taken, m.MessageID+m.Text)
	if queue := v.answers[m.MessageID]; len(queue) > 0 {
		v.answers[m.MessageID] = queue[1:]
		return "", queue[0]
	}
	return "v-" + m.MessageID, nil
}

func deliver(t *testing.T, l *ledger, v *vendor) (acts.DeliverResult, error) {
	t.Helper()
	write := func(_ domain.AccountMessageKind, d domain.AccountLetter) (domain.Mail, error) {
		return domain.Mail{MessageID: d.MessageID, Text: d.Link}, nil
	}
	link := func(_ domain.AccountMessageKind, messageID, keyID string) (string, error) {
		if keyID != "k1" {
			return "", errors.New("no such key")
		}
		return "/link-of-" + messageID, nil
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	acts.Register(env, acts.New(l, v, write, link))
	value, err := env.ExecuteActivity(acts.Deliver, acts.DeliverInput{AccountID: "account"})
	var result acts.DeliverResult
	if err == nil {
		require.NoError(t, value.Get(&result))
	}
	return result, err
}

func TestLettersLeaveInOrderWithTheirLinks(t *testing.T) {
	l, v := owing(domain.MessageVerifyEmail, domain.MessageLoginAlert, domain.MessagePasswordReset), &vendor{}
	result, err := deliver(t, l, v)
	require.NoError(t, err)
	require.Equal(t, acts.DeliverResult{Sent: 3}, result)
	require.Equal(t, []string{"a/link-of-a", "b", "c/link-of-c"}, v.taken)
}

func TestABadRecipientFailsForGoodAndHoldsUpNothing(t *testing.T) {
	l := owing(domain.MessageVerifyEmail, domain.MessageLoginAlert)
	v := &vendor{answers: map[string][]error{"a": {domain.Errorf(domain.CodeRecipientRejected, "no such address").WithDetail("to")}}}
	result, err := deliver(t, l, v)
	require.NoError(t, err)
	require.Equal(t, acts.DeliverResult{Sent: 1, Failed: 1}, result)
	require.Equal(t, []domain.MessageStatus{domain.MessageFailed, domain.MessageSent}, l.statuses())
	require.Equal(t, []string{"to"}, l.letters[0].codes)
}

func TestAnOutageIsTriedAgainFromWhereItStopped(t *testing.T) {
	l := owing(domain.MessageLoginAlert, domain.MessagePasswordReset)
	v := &vendor{answers: map[string][]error{"a": {domain.Errorf(domain.CodeVendorUnavailable, "503").WithDetail("503")}}}
	_, err := deliver(t, l, v)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, string(domain.CodeVendorUnavailable), app.Type())
	require.False(t, app.NonRetryable())
	require.Equal(t, []string{"a"}, v.taken, "the order holds")
	require.Equal(t, []domain.MessageStatus{domain.MessagePending, domain.MessagePending}, l.statuses())

	_, err = deliver(t, l, v)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a", "b/link-of-b"}, v.taken)
	require.Zero(t, l.letters[0].unknowns)
}

func TestALetterWhoseOutcomeIsUnknownIsSentAgainAndCounted(t *testing.T) {
	l := owing(domain.MessagePasswordReset)
	v := &vendor{answers: map[string][]error{"a": {domain.Errorf(domain.CodeOutcomeUnknown, "no reply")}}}
	_, err := deliver(t, l, v)
	require.Error(t, err)
	l.letters[0].Status = domain.MessageSending // and the worker dies during the next one
	_, err = deliver(t, l, v)
	require.NoError(t, err)
	require.Equal(t, []string{"a/link-of-a", "a/link-of-a"}, v.taken, "the same letter with the same link")
	require.Equal(t, 2, l.letters[0].unknowns)
}

func TestALetterWhoseKeyIsGoneFailsVisibly(t *testing.T) {
	l, v := owing(domain.MessageVerifyEmail, domain.MessageLoginAlert), &vendor{}
	l.letters[0].KeyID = "k0"
	result, err := deliver(t, l, v)
	require.NoError(t, err)
	require.Equal(t, acts.DeliverResult{Sent: 1, Failed: 1}, result)
	require.Equal(t, []string{"cannot_be_written"}, l.letters[0].codes)
}
