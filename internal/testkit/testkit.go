// Package testkit gives tests real parts: a database cloned from a migrated and seeded
// template, network lines that can be cut, the product's own binary as a process that
// can be killed. `make test` brings up PostgreSQL and Temporal and says where they are.
package testkit

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience is how long a test waits for something to happen on a busy machine. It is a
// bound for what has gone wrong, not a figure.
const Patience = 90 * time.Second

// Env returns a variable that `make test` sets, and fails the test without it.
func Env(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv(name)
	require.NotEmpty(t, v, "%s is not set: run the tests with `make test`, which brings up what they need", name)
	return v
}

// Context ends with the test, or when the test's patience does.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*Patience)
	t.Cleanup(cancel)
	return ctx
}

// Eventually waits until the condition holds.
func Eventually(t testing.TB, condition func() bool, what string, args ...any) {
	t.Helper()
	require.Eventuallyf(t, condition, Patience, 25*time.Millisecond, what, args...)
}
