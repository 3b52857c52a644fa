package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// attempt is a try to log in to an account from a network.
func attempt(email, from string, at time.Time) domain.Attempt {
	return domain.Attempt{
		Pair: []byte("pair " + email + from), Network: []byte("network " + from), Account: []byte("account " + email),
		Email: email, Origin: []byte(from), Now: at,
	}
}

func (c clinic) attempts(t *testing.T, n int, email, from string, at time.Time) {
	t.Helper()
	for range n {
		require.NoError(t, c.Attempt(t.Context(), attempt(email, from, at)))
	}
}

func tooMany(t *testing.T, err error, wait time.Duration) {
	t.Helper()
	var known *domain.Error
	require.ErrorAs(t, err, &known)
	require.Equal(t, domain.CodeTooMany, known.Code)
	require.Equal(t, wait, known.RetryAfter)
}

const owner = "patient@careflow.example"

func TestAttemptsOnOneAccountFromOneNetworkAreLimited(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.attempts(t, domain.AttemptsPair, owner, "home", now)
	tooMany(t, c.Attempt(t.Context(), attempt(owner, "home", now.Add(time.Minute))), domain.AttemptWindow-time.Minute)
	c.attempts(t, 1, owner, "elsewhere", now)
	c.attempts(t, 1, "other@careflow.example", "home", now)

	c.attempts(t, domain.AttemptsPair, owner, "home", now.Add(domain.AttemptWindow))
	tooMany(t, c.Attempt(t.Context(), attempt(owner, "home", now.Add(domain.AttemptWindow))), domain.AttemptWindow)
}

func TestTheLimitHoldsAgainstManyAtOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	codes := atOnce(40, func(int) error { return c.Attempt(t.Context(), attempt(owner, "home", now)) })
	require.Equal(t, map[domain.Code]int{"": domain.AttemptsPair, domain.CodeTooMany: 40 - domain.AttemptsPair}, codes)
}

func TestARightPasswordGivesTheAttemptBack(t *testing.T) {
	t.Parallel()
	c := open(t)
	for range 5 * domain.AttemptsPair {
		c.attempts(t, 1, owner, "home", now)
		require.NoError(t, c.Forgive(t.Context(), attempt(owner, "home", now)))
	}
	require.Zero(t, one[int](t, c, "SELECT sum(attempts)::int FROM login_attempts"))
	c.attempts(t, 1, owner, "home", now)
	require.NoError(t, c.Forgive(t.Context(), attempt("other@careflow.example", "elsewhere", now.Add(48*time.Hour))))
	require.Zero(t, c.count(t, "login_attempts"), "windows of yesterday are forgotten")
}

func TestOneNetworkCannotTryEveryAccount(t *testing.T) {
	t.Parallel()
	c := open(t)
	for i := range domain.AttemptsNetwork {
		c.attempts(t, 1, fmt.Sprintf("p%d@careflow.example", i), "there", now)
	}
	tooMany(t, c.Attempt(t.Context(), attempt(owner, "there", now)), domain.AttemptWindow)
	c.attempts(t, 1, owner, "home", now)
}

func TestManyNetworksCannotKeepTheOwnerOut(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.logIn(t, patientAccount) // from home, once
	for i := range domain.AttemptsAccount {
		c.attempts(t, 1, owner, fmt.Sprintf("bot-%d", i), now)
	}
	tooMany(t, c.Attempt(t.Context(), attempt(owner, "bot-new", now)), domain.AttemptWindow)
	c.attempts(t, 1, owner, "home", now)
	tooMany(t, c.Attempt(t.Context(), attempt(owner, "hotel", now)), domain.AttemptWindow)
	c.exec(t, "UPDATE sessions SET ended_at = now(), end_reason = 'token_reused'")
	tooMany(t, c.Attempt(t.Context(), attempt(owner, "home", now)), domain.AttemptWindow)
	c.attempts(t, 1, owner, "hotel", now.Add(domain.AttemptWindow))

	// An address that nobody has is limited alike.
	for i := range domain.AttemptsAccount {
		c.attempts(t, 1, "nobody@careflow.example", fmt.Sprintf("bot2-%d", i), now)
	}
	tooMany(t, c.Attempt(t.Context(), attempt("nobody@careflow.example", "home", now)), domain.AttemptWindow)
}
