package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
)

// device is a client with its newest refresh token.
type device struct {
	c     clinic
	id    string
	token auth.RefreshToken
}

func (c clinic) logIn(t *testing.T, account string) *device {
	t.Helper()
	d := &device{c: c, token: auth.NewRefreshToken()}
	opened, err := c.OpenSession(t.Context(), domain.NewSession{
		AccountID: account, PasswordHash: c.password(t, account), Device: "Firefox on Linux", Origin: []byte("home"), TokenHash: d.token.Hash(), Now: now,
	})
	require.NoError(t, err)
	d.id = opened.ID
	return d
}

// password is the hash that an account has now.
func (c clinic) password(t *testing.T, account string) string {
	t.Helper()
	return one[string](t, c, "SELECT password_hash FROM users WHERE id = $1", account)
}

// trade presents a token and returns the next one.
func (c clinic) trade(t *testing.T, token auth.RefreshToken, at time.Time) (auth.RefreshToken, error) {
	t.Helper()
	salt := auth.NewRefreshSalt()
	opened, err := c.RefreshSession(t.Context(), domain.Rotation{
		Hash: token.Hash(), Salt: salt, NextHash: token.Next(salt).Hash(), Origin: []byte("work"), Now: at,
	})
	if err != nil {
		return auth.RefreshToken{}, err
	}
	return token.Next(opened.Salt), nil
}

func (d *device) must(t *testing.T, at time.Time) {
	t.Helper()
	next, err := d.c.trade(t, d.token, at)
	require.NoError(t, err)
	d.token = next
}

func refused(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err), err)
}

func TestASessionGoesOnFromTokenToToken(t *testing.T) {
	t.Parallel()
	c := open(t)
	d := c.logIn(t, patientAccount)
	at := now
	for range 3 {
		at = at.Add(domain.SessionIdle - time.Minute)
		d.must(t, at)
	}
	caller, err := c.SessionCaller(t.Context(), d.id, at)
	require.NoError(t, err)
	require.Equal(t, domain.Caller{UserID: patientAccount, Roles: []domain.Role{domain.RolePatient}, SessionID: d.id}, caller)
	sessions, err := c.Sessions(t.Context(), patientAccount, at)
	require.NoError(t, err)
	require.Len(t, sessions, 1)
	require.Equal(t, domain.Session{
		ID: d.id, Device: "Firefox on Linux", CreatedAt: now, LastUsedAt: at, ExpiresAt: now.Add(domain.SessionLife),
	}, sessions[0])
	require.LessOrEqual(t, c.count(t, "refresh_tokens"), 3, "what is over is tidied away")

	_, err = c.trade(t, d.token, now.Add(domain.SessionLife))
	refused(t, err)
	_, err = c.SessionCaller(t.Context(), d.id, now.Add(domain.SessionLife))
	refused(t, err)
}

func TestAnAnswerThatWasLostIsGivenAgain(t *testing.T) {
	t.Parallel()
	c := open(t)
	d := c.logIn(t, patientAccount)
	first, err := c.trade(t, d.token, now.Add(time.Minute))
	require.NoError(t, err)
	again, err := c.trade(t, d.token, now.Add(time.Minute+domain.RefreshGrace-time.Second))
	require.NoError(t, err)
	require.Equal(t, first.Text(), again.Text(), "one successor, not a second branch")
	require.Equal(t, 2, c.count(t, "refresh_tokens"))

	_, err = c.trade(t, again, now.Add(2*time.Minute))
	require.NoError(t, err)
	require.Zero(t, c.count(t, "refresh_tokens WHERE hash = $1 AND salt IS NOT NULL", d.token.Hash()), "it arrived, and is forgotten")
}

func TestAReusedTokenEndsTheSession(t *testing.T) {
	t.Parallel()
	for name, reuse := range map[string]func(t *testing.T, c clinic, d *device){
		"after the grace": func(t *testing.T, c clinic, d *device) {
			t.Helper()
			old := d.token
			d.must(t, now.Add(time.Minute))
			_, err := c.trade(t, old, now.Add(time.Minute+domain.RefreshGrace))
			refused(t, err)
			require.ErrorIs(t, err, domain.ErrTokenReused)
		},
		"within the grace, when the successor was seen": func(t *testing.T, c clinic, d *device) {
			t.Helper()
			old := d.token
			d.must(t, now.Add(time.Minute))
			d.must(t, now.Add(time.Minute+time.Second))
			_, err := c.trade(t, old, now.Add(time.Minute+2*time.Second))
			refused(t, err)
			require.ErrorIs(t, err, domain.ErrTokenReused)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			d, other := c.logIn(t, patientAccount), c.logIn(t, patientAccount)
			reuse(t, c, d)

			_, err := c.trade(t, d.token, now.Add(3*time.Minute))
			refused(t, err)
			_, err = c.SessionCaller(t.Context(), d.id, now.Add(3*time.Minute))
			refused(t, err)
			other.must(t, now.Add(3*time.Minute))
			require.Equal(t, "token_reused", one[string](t, c, "SELECT kind FROM account_events WHERE account_id = $1", patientAccount))
			require.Equal(t, "token_reused", one[string](t, c, "SELECT end_reason FROM sessions WHERE id = $1", d.id))
		})
	}
}

func TestOneTokenPresentedByManyAtOnceHasOneSuccessor(t *testing.T) {
	t.Parallel()
	c := open(t)
	d := c.logIn(t, patientAccount)
	texts := make(chan string, 8)
	codes := atOnce(8, func(int) error {
		next, err := c.trade(t, d.token, now.Add(time.Minute))
		texts <- next.Text()
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 8}, codes)
	close(texts)
	first := <-texts
	for text := range texts {
		require.Equal(t, first, text)
	}
	require.Equal(t, 2, c.count(t, "refresh_tokens"))
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	c := open(t)
	laptop, phone, strange := c.logIn(t, patientAccount), c.logIn(t, patientAccount), c.logIn(t, caregiverAccount)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(c.EndSession(t.Context(), caregiverAccount, laptop.id, now)))
	require.NoError(t, c.EndSession(t.Context(), patientAccount, laptop.id, now))
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(c.EndSession(t.Context(), patientAccount, laptop.id, now)))
	_, err := c.trade(t, laptop.token, now)
	refused(t, err)
	phone.must(t, now)

	require.NoError(t, c.EndSessions(t.Context(), domain.Access{Caller: patient, RequestID: "r-1"}, now))
	_, err = c.trade(t, phone.token, now)
	refused(t, err)
	_, err = c.SessionCaller(t.Context(), phone.id, now)
	refused(t, err)
	strange.must(t, now)
	require.Equal(t, patientAccount+" r-1",
		one[string](t, c, "SELECT actor_id || ' ' || request_id FROM account_events WHERE kind = 'logged_out_everywhere'"))
	sessions, err := c.Sessions(t.Context(), patientAccount, now)
	require.NoError(t, err)
	require.Empty(t, sessions)
}

func TestADisabledAccountOpensNoSession(t *testing.T) {
	t.Parallel()
	c := open(t)
	d := c.logIn(t, patientAccount)
	c.exec(t, "UPDATE users SET disabled_at = now() WHERE id = $1", patientAccount)
	_, err := c.OpenSession(t.Context(), domain.NewSession{AccountID: patientAccount, PasswordHash: c.password(t, patientAccount), TokenHash: []byte("h"), Now: now})
	refused(t, err)
	_, err = c.SessionCaller(t.Context(), d.id, now)
	refused(t, err)
}

func TestSessionsOfLongAgoAreForgottenAtALogIn(t *testing.T) {
	t.Parallel()
	c := open(t)
	old := c.logIn(t, patientAccount)
	require.NoError(t, c.EndSession(t.Context(), patientAccount, old.id, now.Add(-domain.SessionKept-time.Second)))
	kept := c.logIn(t, caregiverAccount)
	require.NoError(t, c.EndSession(t.Context(), caregiverAccount, kept.id, now))
	c.logIn(t, patientAccount)
	c.logIn(t, caregiverAccount)
	require.Zero(t, c.count(t, "sessions WHERE id = $1", old.id))
	require.Equal(t, 1, c.count(t, "sessions WHERE id = $1", kept.id))
}

func TestTheDatabaseHoldsNothingToLogInWith(t *testing.T) {
	t.Parallel()
	c := open(t)
	d := c.logIn(t, patientAccount)
	before := d.token
	d.must(t, now)
	dump := one[string](t, c, "SELECT string_agg(x::text, ' ') FROM refresh_tokens x")
	for _, token := range []auth.RefreshToken{before, d.token} {
		require.NotContains(t, dump, token.Text())
	}
}
