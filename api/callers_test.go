package api

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestACallerIsAskedForOnceASecond(t *testing.T) {
	c, asked := newCallers(time.Second), 0
	ask := func(context.Context) (domain.Caller, error) {
		asked++
		return domain.Caller{UserID: strconv.Itoa(asked)}, nil
	}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		token string
		after time.Duration
		want  string
	}{
		{"t", 0, "1"}, {"t", 999 * time.Millisecond, "1"}, {"other", 0, "2"}, {"t", time.Second, "3"}, {"t", 1500 * time.Millisecond, "3"},
	} {
		caller, err := c.of(t.Context(), tt.token, at.Add(tt.after), ask)
		require.NoError(t, err)
		require.Equal(t, tt.want, caller.UserID, "%s after %s", tt.token, tt.after)
	}
	c.forget()
	caller, err := c.of(t.Context(), "t", at.Add(1500*time.Millisecond), ask)
	require.NoError(t, err)
	require.Equal(t, "4", caller.UserID, "asked again after a log-out")
}

func TestARefusalIsNotRemembered(t *testing.T) {
	c, at := newCallers(time.Second), time.Now()
	_, err := c.of(t.Context(), "t", at, func(context.Context) (domain.Caller, error) { return domain.Caller{}, errors.New("down") })
	require.Error(t, err)
	caller, err := c.of(t.Context(), "t", at, func(context.Context) (domain.Caller, error) { return domain.Caller{UserID: "u"}, nil })
	require.NoError(t, err)
	require.Equal(t, "u", caller.UserID)
}

func TestACallerReadBeforeALogOutIsNotRememberedAfterIt(t *testing.T) {
	c, at := newCallers(time.Second), time.Now()
	caller, err := c.of(t.Context(), "t", at, func(context.Context) (domain.Caller, error) {
		c.forget() // the log-out comes between the reading and the remembering
		return domain.Caller{UserID: "u"}, nil
	})
	require.NoError(t, err)
	require.Equal(t, "u", caller.UserID)
	_, err = c.of(t.Context(), "t", at, func(context.Context) (domain.Caller, error) { return domain.Caller{}, errors.New("over") })
	require.Error(t, err)
}

func TestRememberedCallersAreBounded(t *testing.T) {
	c, at := newCallers(time.Second), time.Now()
	for i := range 2*maxCallers + 1 {
		_, err := c.of(t.Context(), strconv.Itoa(i), at, func(context.Context) (domain.Caller, error) { return domain.Caller{}, nil })
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(c.known), maxCallers)
}

func TestOnlyOperationsOnVisitsLeaveCallersRemembered(t *testing.T) {
	doc, err := loadContract(contractYAML)
	require.NoError(t, err)
	operations, err := operationsOf(doc)
	require.NoError(t, err)
	changes := map[string]bool{}
	for _, o := range operations {
		changes[o.id] = o.changesAccess
	}
	for _, id := range []string{"endSession", "endSessions", "refreshSession", "changeAccount", "changePassword", "resetAccountPassword", "putDoctor"} {
		require.Contains(t, changes, id)
		require.True(t, changes[id], id)
	}
	for _, id := range []string{"bookAppointment", "confirmAppointment", "listAppointments", "listSlots"} {
		require.Contains(t, changes, id)
		require.False(t, changes[id], id)
	}
}
