package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestVisitsWhoseZoneChangedItsRulesAreFound(t *testing.T) {
	t.Parallel()
	c := open(t)
	moved, kept, fresh, gone := c.book(t, staff, visit(nine)), c.book(t, staff, visit(later(1))), c.book(t, staff, visit(later(2))), c.book(t, staff, visit(later(5)))
	const older = `UPDATE appointments SET terms = terms || '{"zone_version": "go1.20"}' WHERE id = $1`
	// What was promised as 09:00 by the rules of then is 10:00 by those of today.
	const promised = `UPDATE appointments SET local_start = '2031-03-04T08:00:00Z' WHERE id = $1`
	for _, id := range []string{moved, kept, gone} {
		c.exec(t, older, id)
	}
	for _, id := range []string{moved, fresh, gone} {
		c.exec(t, promised, id)
	}
	c.move(t, gone, domain.StatusExpired)
	findings, err := c.MovedVisits(t.Context(), now, 10)
	require.NoError(t, err)
	require.Equal(t, []domain.Finding{{
		Subject: "appointment/" + moved, Code: domain.FindingLocalTimeMoved, AppointmentID: moved,
		Detail: "promised 2031-03-04T08:00:00Z, by today's rules 2031-03-04T09:00:00+01:00 in Europe/Berlin",
	}}, findings)

	findings, err = c.MovedVisits(t.Context(), later(1), 10)
	require.NoError(t, err)
	require.Empty(t, findings, "what has begun cannot be told any more")
}
