package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// owe moves a visit and owes messages to the patient with it.
func (c clinic) owe(t *testing.T, id string, to domain.Status, kinds ...domain.MessageKind) {
	t.Helper()
	step := c.step(t, id, to)
	step.ID = domain.NewID()
	for _, kind := range kinds {
		step.Messages = append(step.Messages, domain.MessageIntent{Kind: kind, Recipient: domain.RecipientPatient})
	}
	_, err := c.Transition(t.Context(), step)
	require.NoError(t, err)
}

func (c clinic) next(t *testing.T, id string, at time.Time) *domain.DueMessage {
	t.Helper()
	due, err := c.NextMessage(t.Context(), id, at)
	require.NoError(t, err)
	return due
}

func (c clinic) settle(t *testing.T, m *domain.DueMessage, status domain.MessageStatus, code string, unknown bool) {
	t.Helper()
	require.NoError(t, c.SettleMessage(t.Context(), m.ID, status, "vendor-1", code, unknown))
}

func kinds(messages []domain.Message) (list []string) {
	for _, m := range messages {
		list = append(list, string(m.Kind)+" "+string(m.Status))
	}
	return list
}

func TestMessagesAreHandedOverInTheOrderInWhichTheyWereOwed(t *testing.T) {
	t.Parallel()
	c := open(t)
	id, other := c.book(t, patient, visit(nine)), c.book(t, patient, visit(nine.Add(time.Hour)))
	c.owe(t, id, domain.StatusPending, domain.MessageRequestReceived)
	c.owe(t, other, domain.StatusPending, domain.MessageRequestReceived)
	c.owe(t, id, domain.StatusConfirmed, domain.MessageConfirmed, domain.MessageReceipt)
	var got []domain.MessageKind
	for due := c.next(t, id, now); due != nil; due = c.next(t, id, now) {
		require.Equal(t, id, due.AppointmentID)
		require.Equal(t, 1, due.Attempts)
		require.False(t, due.Interrupted)
		got = append(got, due.Kind)
		c.settle(t, due, domain.MessageSent, "", false)
	}
	require.Equal(t, []domain.MessageKind{domain.MessageRequestReceived, domain.MessageConfirmed, domain.MessageReceipt}, got)
	ledger := c.ledger(t, id)
	require.Equal(t, domain.MessageSent, ledger[2].Status)
	require.False(t, ledger[2].SentAt.IsZero())
	require.Equal(t, domain.MessagePending, c.ledger(t, other)[0].Status)
}

func TestALetterSaysClinicDoctorAndTimeAndNothingElse(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	_, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now)
	require.NoError(t, err)
	letter := c.next(t, id, now).Letter
	require.Equal(t, "patient@careflow.example", letter.Address)
	require.Equal(t, "Paula Lindner", letter.RecipientName)
	require.Equal(t, "Praxis am Park", letter.ClinicName)
	require.Equal(t, "Dr. Ada Berger", letter.DoctorName)
	require.Equal(t, nine, letter.StartsAt)
	require.Equal(t, "Europe/Berlin", letter.TimeZone)
	require.Equal(t, "pi_1", letter.IntentID)
	require.Equal(t, now.Add(15*time.Minute), letter.PayBy)
	require.NotContains(t, letter.RecipientName+letter.ClinicAddress+letter.DoctorName, "Dermatology")

	step := c.step(t, id, domain.StatusPending)
	step.Messages = []domain.MessageIntent{{Kind: domain.MessageRequestToDoctor, Recipient: domain.RecipientDoctor}}
	_, err = c.Transition(t.Context(), step)
	require.NoError(t, err)
	c.exec(t, "UPDATE messages SET status = 'sent' WHERE recipient = 'patient'")
	letter = c.next(t, id, now).Letter
	require.Equal(t, "doctor@careflow.example", letter.Address)
	require.Equal(t, "Dr. Ada Berger", letter.RecipientName)
	require.Equal(t, "Paula Lindner", letter.PatientName)
}

// Found by chaos seed 11: a letter that left four times was counted as unknown twice.
func TestEachAttemptThatWasBrokenOffIsCounted(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.owe(t, id, domain.StatusPending, domain.MessageReceipt)
	for n := range 3 {
		require.Equal(t, n, c.next(t, id, now).Unknowns)
	}
	last := c.next(t, id, now)
	c.settle(t, last, domain.MessageSent, "", false)
	require.Equal(t, 3, c.ledger(t, id)[0].Unknowns)

	c.settle(t, last, domain.MessagePending, "vendor_unavailable", false)
	require.Equal(t, domain.MessageSent, c.ledger(t, id)[0].Status, "an attempt that comes back from the dead turns nothing")
	require.Nil(t, c.next(t, id, now))
}

func TestAnAttemptWithoutAnOutcomeIsInterrupted(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.owe(t, id, domain.StatusPending, domain.MessageReceipt)
	first := c.next(t, id, now)
	second := c.next(t, id, now)
	require.Equal(t, first.ID, second.ID)
	require.True(t, second.Interrupted)
	require.Equal(t, 2, second.Attempts)
	require.Equal(t, 1, second.Unknowns, "nobody knows what became of the first")
	c.settle(t, second, domain.MessagePending, "no_reply", true)
	third := c.next(t, id, now)
	require.Equal(t, first.ID, third.ID, "given back, it is the next one again")
	require.False(t, third.Interrupted)
	require.Equal(t, 2, third.Unknowns, "of the second neither")
	c.settle(t, third, domain.MessageFailed, "bad_address", false)
	require.Nil(t, c.next(t, id, now))
	m := c.ledger(t, id)[0]
	require.Equal(t, domain.MessageFailed, m.Status)
	require.Equal(t, "bad_address", m.ErrorCode)
	require.Equal(t, 3, m.Attempts)
	require.Equal(t, 2, m.Unknowns)
	require.True(t, m.SentAt.IsZero())
}

func TestNothingIsSaidAboutATimeThatIsNoMore(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.owe(t, id, domain.StatusPending, domain.MessageRequestReceived)
	c.owe(t, id, domain.StatusConfirmed, domain.MessageConfirmed, domain.MessageReceipt)
	_, err := c.Transition(t.Context(), c.to(t, id, nine.Add(time.Hour)))
	require.NoError(t, err)
	require.Equal(t, domain.MessageReceipt, c.next(t, id, now).Kind, "a receipt is about money, not about a time")
	require.Equal(t, []string{"request_received skipped", "confirmed skipped", "receipt sending", "moved pending"}, kinds(c.ledger(t, id)))
	require.Equal(t, "overtaken", c.ledger(t, id)[1].ErrorCode)
}

func TestNothingButTheEndIsSaidOfAnEndedVisit(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.owe(t, id, domain.StatusPending, domain.MessageRequestReceived)
	require.NoError(t, c.OweReminder(t.Context(), id, domain.Reminder{Offset: domain.Duration(time.Hour), Start: nine, SendBefore: nine, Decision: domain.ReminderSend}))
	c.owe(t, id, domain.StatusCancelled, domain.MessageCancelled)
	require.Equal(t, domain.MessageCancelled, c.next(t, id, now).Kind)
	require.Equal(t, []string{"request_received skipped", "reminder skipped", "cancelled sending"}, kinds(c.ledger(t, id)))
}

func TestAnInterruptedMessageAboutAnOldTimeIsNotSentAgain(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.owe(t, id, domain.StatusPending, domain.MessageRequestReceived)
	require.NotNil(t, c.next(t, id, now)) // and the worker dies
	c.owe(t, id, domain.StatusCancelled, domain.MessageCancelled)
	require.Equal(t, domain.MessageCancelled, c.next(t, id, now).Kind)
	m := c.ledger(t, id)[0]
	require.Equal(t, domain.MessageUnknown, m.Status, "the vendor may have it")
	require.Equal(t, 1, m.Unknowns, "which is counted")
}

func TestAReminderIsOwedOncePerStartAndOffset(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	reminder := func(offset time.Duration, start time.Time, decision domain.ReminderDecision) domain.Reminder {
		return domain.Reminder{Offset: domain.Duration(offset), Start: start, SendBefore: start, Decision: decision}
	}
	for _, r := range []domain.Reminder{
		reminder(24*time.Hour, nine, domain.ReminderSend), reminder(24*time.Hour, nine, domain.ReminderSkipped),
		reminder(2*time.Hour, nine, domain.ReminderSkipped), reminder(2*time.Hour, nine, domain.ReminderSend),
		reminder(2*time.Hour, nine.Add(time.Hour), domain.ReminderSkippedGo),
	} {
		require.NoError(t, c.OweReminder(t.Context(), id, r))
	}
	ledger := c.ledger(t, id)
	require.Equal(t, []string{"reminder pending", "reminder skipped", "reminder skipped"}, kinds(ledger))
	require.Equal(t, string(domain.ReminderSkipped), ledger[1].ErrorCode)
	require.Equal(t, string(domain.ReminderSkippedGo), ledger[2].ErrorCode)
	require.Equal(t, 24*time.Hour, c.next(t, id, now).Letter.ReminderLead)
}

func TestAReminderThatIsTooLateIsSkipped(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	before := nine.Add(-time.Hour)
	require.NoError(t, c.OweReminder(t.Context(), id, domain.Reminder{Offset: domain.Duration(2 * time.Hour), Start: nine, SendBefore: before, Decision: domain.ReminderSend}))
	require.Nil(t, c.next(t, id, before))
	m := c.ledger(t, id)[0]
	require.Equal(t, domain.MessageSkipped, m.Status)
	require.Equal(t, "too_late", m.ErrorCode)
	require.NoError(t, c.OweReminder(t.Context(), id, domain.Reminder{Offset: domain.Duration(time.Hour), Start: nine, SendBefore: nine, Decision: domain.ReminderSend}))
	require.NotNil(t, c.next(t, id, nine.Add(-1*time.Second)))
}
