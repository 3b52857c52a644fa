package api

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// signedUntil is a check that every token passes; its session has the token's name.
func signedUntil(end time.Time, checked *int) func(string) (domain.Caller, time.Time, error) {
	return func(token string) (domain.Caller, time.Time, error) {
		*checked++
		return domain.Caller{SessionID: token}, end, nil
	}
}

func TestASessionIsLookedUpOnceASecondAndASignatureOnceAToken(t *testing.T) {
	c := newCallers(time.Second)
	var checked, asked int
	verify := signedUntil(noon.Add(time.Minute), &checked)
	lookUp := func(session string) (domain.Caller, error) {
		asked++
		return domain.Caller{UserID: session + strconv.Itoa(asked)}, nil
	}
	for _, tt := range []struct {
		token string
		after time.Duration
		want  string
	}{
		{"t", 0, "t1"}, {"t", 999 * time.Millisecond, "t1"}, {"o", 0, "o2"}, {"t", time.Second, "t3"}, {"t", 1500 * time.Millisecond, "t3"},
	} {
		caller, err := c.of(tt.token, noon.Add(tt.after), verify, lookUp)
		require.NoError(t, err)
		require.Equal(t, tt.want, caller.UserID, "%s after %s", tt.token, tt.after)
	}
	require.Equal(t, 2, checked, "one signature a token")
	c.forget()
	caller, err := c.of("t", noon.Add(1500*time.Millisecond), verify, lookUp)
	require.NoError(t, err)
	require.Equal(t, "t4", caller.UserID, "asked again after a log-out")
	require.Equal(t, 2, checked)
}

func TestATokenIsCheckedAgainWhenItIsOver(t *testing.T) {
	c := newCallers(time.Hour)
	var checked int
	lookUp := func(string) (domain.Caller, error) { return domain.Caller{UserID: "u"}, nil }
	_, err := c.of("t", noon, signedUntil(noon.Add(time.Minute), &checked), lookUp)
	require.NoError(t, err)
	_, err = c.of("t", noon.Add(time.Minute), func(string) (domain.Caller, time.Time, error) {
		return domain.Caller{}, time.Time{}, errors.New("over")
	}, lookUp)
	require.Error(t, err, "although its session was looked up within the hour")
}

func TestARefusalIsNotRemembered(t *testing.T) {
	c := newCallers(time.Second)
	var checked int
	verify := signedUntil(noon.Add(time.Minute), &checked)
	_, err := c.of("t", noon, verify, func(string) (domain.Caller, error) { return domain.Caller{}, errors.New("down") })
	require.Error(t, err)
	caller, err := c.of("t", noon, verify, func(string) (domain.Caller, error) { return domain.Caller{UserID: "u"}, nil })
	require.NoError(t, err)
	require.Equal(t, "u", caller.UserID)
}

func TestACallerReadBeforeALogOutIsNotRememberedAfterIt(t *testing.T) {
	c := newCallers(time.Second)
	var checked int
	verify := signedUntil(noon.Add(time.Minute), &checked)
	caller, err := c.of("t", noon, verify, func(string) (domain.Caller, error) {
		c.forget() // the log-out comes between the reading and the remembering
		return domain.Caller{UserID: "u"}, nil
	})
	require.NoError(t, err)
	require.Equal(t, "u", caller.UserID)
	_, err = c.of("t", noon, verify, func(string) (domain.Caller, error) { return domain.Caller{}, errors.New("over") })
	require.Error(t, err)
}

func TestRememberedCallersAreBounded(t *testing.T) {
	c := newCallers(time.Second)
	var checked int
	for i := range 2*maxCallers + 1 {
		_, err := c.of(strconv.Itoa(i), noon, signedUntil(noon.Add(time.Minute), &checked), func(string) (domain.Caller, error) { return domain.Caller{}, nil })
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
