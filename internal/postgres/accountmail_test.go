package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func (c clinic) logInFrom(t *testing.T, device, origin string, at time.Time) {
	t.Helper()
	hash := one[string](t, c, "SELECT password_hash FROM users WHERE id = $1", patientAccount)
	_, err := c.OpenSession(t.Context(), domain.NewSession{
		AccountID: patientAccount, PasswordHash: hash, Device: device, Origin: []byte(origin), TokenHash: []byte(domain.NewID()), Now: at,
	})
	require.NoError(t, err)
}

func TestALogInFromSomewhereNewIsOwedALetter(t *testing.T) {
	t.Parallel()
	c := open(t)
	alerts := func() int { t.Helper(); return c.count(t, "account_messages WHERE kind = 'login_alert'") }
	c.logInFrom(t, "Firefox", "home", now)
	c.logInFrom(t, "Firefox", "home", now)
	require.Equal(t, 0, alerts())
	c.logInFrom(t, "Firefox", "away", now)
	require.Equal(t, 1, alerts())
	c.logInFrom(t, "Chrome", "home", now)
	require.Equal(t, 2, alerts())
	c.logInFrom(t, "Chrome", "home", now)
	require.Equal(t, 2, alerts())
	c.exec(t, "UPDATE sessions SET ended_at = now(), end_reason = 'token_reused' WHERE device = 'Chrome'")
	c.logInFrom(t, "Chrome", "home", now)
	require.Equal(t, 3, alerts(), "where a thief was is not known ground")
	c.logInFrom(t, "Firefox", "home", now.Add(domain.SessionLife+domain.SessionKept+time.Hour))
	c.exec(t, "DELETE FROM sessions")
	c.logInFrom(t, "Firefox", "home", now)
	require.Equal(t, 4, alerts(), "sessions that were forgotten make no log-in the first one")
}

func TestTheSessionUsedLongestAgoMakesRoom(t *testing.T) {
	t.Parallel()
	c := open(t)
	for n := range domain.MostSessions {
		c.logInFrom(t, fmt.Sprint("d", n), "home", now.Add(time.Duration(n)*time.Minute))
	}
	c.exec(t, "UPDATE sessions SET last_used_at = $1 WHERE device = 'd0'", now.Add(time.Hour))
	c.logInFrom(t, "one more", "home", now.Add(time.Hour))
	require.Equal(t, domain.MostSessions, c.count(t, "sessions WHERE ended_at IS NULL"))
	require.Equal(t, "d1", one[string](t, c, "SELECT device FROM sessions WHERE end_reason = 'too_many_sessions'"))
}

func TestAnAccountsLettersAreTakenInOrderAndTooLateOnesSkipped(t *testing.T) {
	t.Parallel()
	c := open(t)
	reset := newLink()
	require.NoError(t, c.SendLink(t.Context(), domain.MessagePasswordReset, "patient@careflow.example", reset, now))
	c.logInFrom(t, "Firefox", "home", now)
	c.logInFrom(t, "Chrome", "away", now)

	due, err := c.NextAccountMessage(t.Context(), patientAccount, now)
	require.NoError(t, err)
	require.Equal(t, domain.MessagePasswordReset, due.Kind)
	require.Equal(t, reset.MessageID, due.ID)
	require.Equal(t, "k1", due.KeyID)
	require.False(t, due.Interrupted)
	require.Equal(t, now.Add(time.Hour), due.Letter.LinkUntil)
	require.Equal(t, "patient@careflow.example", due.Letter.Address)
	require.NotEmpty(t, due.Letter.ClinicName)
	require.NoError(t, c.SettleAccountMessage(t.Context(), due.ID, domain.MessagePending, "", "503", true))
	due, err = c.NextAccountMessage(t.Context(), patientAccount, now)
	require.NoError(t, err)
	require.Equal(t, reset.MessageID, due.ID, "the order holds")
	require.Equal(t, 2, due.Attempts)
	due, err = c.NextAccountMessage(t.Context(), patientAccount, now)
	require.NoError(t, err)
	require.True(t, due.Interrupted, "its worker died")

	due, err = c.NextAccountMessage(t.Context(), patientAccount, now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, domain.MessageLoginAlert, due.Kind)
	require.Equal(t, "Chrome", due.Letter.Device)
	require.Equal(t, 1, c.count(t, "account_messages WHERE kind = 'password_reset' AND status = 'unknown' AND unknowns = 3 AND error_code = 'interrupted'"))
	require.NoError(t, c.SettleAccountMessage(t.Context(), due.ID, domain.MessageSent, "v", "", false))

	list, err := c.AccountMessages(t.Context(), staff, patientAccount, 10)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, domain.MessageSent, list[0].Status)
	require.False(t, list[0].SentAt.IsZero())
	_, err = c.AccountMessages(t.Context(), staff, staffAccount, 10)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestAnAccountsLettersAreRelayedByItsID(t *testing.T) {
	t.Parallel()
	c := open(t)
	require.NoError(t, c.SendLink(t.Context(), domain.MessagePasswordReset, "patient@careflow.example", newLink(), now))
	rows, err := c.LeaseOutbox(t.Context(), 5, time.Minute)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, domain.TopicAccountMail, rows[0].Topic)
	require.Equal(t, patientAccount, rows[0].AccountID)
	require.JSONEq(t, "{}", string(rows[0].Payload))

	c.exec(t, "UPDATE account_messages SET created_at = now() - interval '1 day'")
	found, err := c.Leftovers(t.Context(), time.Minute, time.Hour, 10)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Contains(t, found[0].Subject, "account_message/")
	require.Equal(t, domain.FindingUndelivered, found[0].Code)
}
