package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/testkit"
)

func answering(ctx context.Context, environ []string, answers string, args ...string) result {
	var out, errors output
	code := run(ctx, invocation{args: args, environ: environ, in: strings.NewReader(answers), out: &out, errors: &errors})
	return result{code, out.String(), errors.String()}
}

func TestTheFirstAdminIsMadeAndGetsAPassword(t *testing.T) {
	url := testkit.Database(t)
	pool := testkit.Pool(t, url)
	environ := []string{"CAREFLOW_ENV=development", "CAREFLOW_DATABASE_URL=" + url}

	r := answering(t.Context(), environ, "Boss@clinic.example\nThe Boss\n", "first-admin")
	require.NotZero(t, r.code)
	require.Contains(t, r.errors, "active admin already")
	_, err := pool.Exec(t.Context(), "UPDATE users SET disabled_at = now() WHERE 'admin' = ANY (roles)")
	require.NoError(t, err)

	for _, wrong := range []string{"", "boss\nThe Boss\n", "boss@clinic.example\n\n"} {
		require.Equal(t, exitMistaken, answering(t.Context(), environ, wrong, "first-admin").code)
	}
	require.Equal(t, exitMistaken, answering(t.Context(), environ, "a@clinic.example\nA\n", "first-admin", "--time-zone", "Mars/Base").code)

	r = answering(t.Context(), environ, "Boss@clinic.example\nThe Boss\n", "first-admin", "--time-zone", "Europe/Berlin")
	require.Zero(t, r.code, r.errors)
	var hash, zone string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT password_hash, time_zone FROM users WHERE email = 'boss@clinic.example' AND roles = '{admin}'").Scan(&hash, &zone))
	require.Equal(t, "Europe/Berlin", zone)
	passwords, err := auth.NewPasswords(auth.Config{})
	require.NoError(t, err)
	match, err := passwords.Check(t.Context(), strings.TrimSpace(r.out), hash)
	require.NoError(t, err)
	require.True(t, match)
	require.NotContains(t, r.errors, strings.TrimSpace(r.out))
	require.NotContains(t, r.errors, "boss@")
}
