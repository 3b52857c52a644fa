package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
)

// A caller who is only what a token says books as long as the session goes on with what it
// says, and else not at all.
func TestAClaimedCallerBooksOnlyInASessionThatGoesOn(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]string{
		"goes on":         ``,
		"logged out":      `UPDATE sessions SET ended_at = now(), end_reason = 'logged_out'`,
		"over":            `UPDATE sessions SET expires_at = '2031-03-03 06:59:59Z'`,
		"disabled":        `UPDATE users SET disabled_at = now() WHERE id = '` + patientAccount + `'`,
		"another role":    `UPDATE users SET roles = '{caregiver}' WHERE id = '` + patientAccount + `'`,
		"one role more":   `UPDATE users SET roles = '{patient,staff}' WHERE id = '` + patientAccount + `'`,
		"another account": `UPDATE sessions SET user_id = '` + caregiverAccount + `'`,
		"forgotten":       `DELETE FROM sessions`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			c.book(t, patient, visit(nine)) // remembers the offer
			by := patient
			by.SessionID, by.Claimed = domain.NewID(), patient.Roles
			c.exec(t, `INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at) VALUES ($1, $2, now(), now(), '2031-03-04')`, by.SessionID, patientAccount)
			if change != "" {
				c.exec(t, change)
			}
			_, err := c.try(t.Context(), by, visit(later(1)))
			if change == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, domain.ErrNotLookedUp)
			require.Equal(t, 1, c.count(t, "appointments"))
			require.Equal(t, 1, c.count(t, "idempotency_keys"))
		})
	}
}

func TestAClaimedCallerIsLookedUpWhereMoreIsToBeKnown(t *testing.T) {
	t.Parallel()
	c := open(t)
	by := patient
	by.SessionID, by.Claimed = domain.NewID(), patient.Roles
	_, err := c.try(t.Context(), by, visit(nine))
	require.ErrorIs(t, err, domain.ErrNotLookedUp, "the offer is not remembered")
	anyone := visit(nine)
	anyone.DoctorID, anyone.TypeID, anyone.AnyDoctor = "", "", &domain.AnyDoctor{DoctorIDs: []string{seed.DoctorID}}
	_, err = c.try(t.Context(), by, anyone)
	require.ErrorIs(t, err, domain.ErrNotLookedUp)
	require.Zero(t, c.count(t, "appointments"))
}
