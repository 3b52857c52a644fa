package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

const still = 5 * time.Minute

// rest makes a row look as if it had stood still for an hour, with nothing on its way.
func (c clinic) rest(t *testing.T, id string) {
	t.Helper()
	c.exec(t, "UPDATE appointments SET updated_at = now() - interval '1 hour', process_claimed_at = now() - interval '1 hour' WHERE id = $1", id)
	c.exec(t, "UPDATE outbox SET done_at = now() WHERE appointment_id = $1", id)
}

func (c clinic) standing(t *testing.T) []string {
	t.Helper()
	var ids []string
	for after := ""; ; after = ids[len(ids)-1] {
		page, err := c.StandingVisits(t.Context(), after, still, 1)
		require.NoError(t, err)
		if len(page) == 0 {
			return ids
		}
		ids = append(ids, page[0].AppointmentID)
	}
}

func TestOnlyWhatHasStoodStillIsExamined(t *testing.T) {
	t.Parallel()
	c := open(t)
	var ids []string
	for i, start := range []time.Time{nine, later(1), later(2), later(4), later(5)} {
		by := patient
		if i > 2 {
			by = caregiver
		}
		r := visit(start)
		if i > 2 {
			r.PatientID = one[string](t, c, "SELECT id::text FROM patients WHERE account_id = $1 LIMIT 1", caregiverAccount)
		}
		ids = append(ids, c.book(t, by, r))
		c.rest(t, ids[i])
	}
	c.move(t, ids[1], domain.StatusPending)
	c.exec(t, "UPDATE appointments SET updated_at = now() WHERE id = $1", ids[1])         // just moved
	c.exec(t, "UPDATE appointments SET process_claimed_at = now() WHERE id = $1", ids[2]) // just claimed
	c.exec(t, "UPDATE outbox SET done_at = NULL WHERE appointment_id = $1", ids[3])       // with the relay
	require.Equal(t, []string{ids[0], ids[4]}, c.standing(t))

	c.move(t, ids[0], domain.StatusExpired, domain.StatusArchived)
	c.rest(t, ids[0])
	require.Equal(t, []string{ids[4]}, c.standing(t), "an archived visit needs no process")
}

func TestARowWrittenByHandIsNotInItsTimeline(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.move(t, id, domain.StatusPending)
	v, err := c.StandingVisit(t.Context(), id)
	require.NoError(t, err)
	require.True(t, v.InTimeline)
	require.Equal(t, 2, v.Version)
	for _, change := range []string{"status = 'cancelled'", "version = 7"} {
		c.exec(t, "UPDATE appointments SET status = 'pending', version = 2 WHERE id = $1", id)
		c.exec(t, "UPDATE appointments SET "+change+" WHERE id = $1", id)
		v, err = c.StandingVisit(t.Context(), id)
		require.NoError(t, err)
		require.False(t, v.InTimeline, change)
	}
	_, err = c.StandingVisit(t.Context(), domain.NewID())
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestAReplacementIsNotedOnceAndOnlyWhileTheClaimStands(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	_, ok, err := c.ClaimProcess(t.Context(), id, "dead", "")
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, c.ReportStuck(t.Context(), id, domain.CodeVendorUnavailable))

	r := domain.Replacement{AppointmentID: id, Dead: "dead", Version: 1, Actor: domain.System(), ReasonCode: "reconciled"}
	for range 2 {
		a, ok, err := c.BeginReplacement(t.Context(), r)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, domain.StatusRequested, a.Status)
		require.Empty(t, a.Stuck)
	}
	events := c.timeline(t, id)
	require.Len(t, events, 2)
	require.Equal(t, "process_replaced", events[1].Kind)
	require.Equal(t, 1, events[1].Version, "the visit did not move")
	v, err := c.StandingVisit(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, 1, v.Replaced)
	require.True(t, v.InTimeline)

	for _, old := range []domain.Replacement{{AppointmentID: id, Dead: "other", Version: 1}, {AppointmentID: id, Dead: "dead", Version: 2}} {
		_, ok, err = c.BeginReplacement(t.Context(), old)
		require.NoError(t, err)
		require.False(t, ok)
	}
	_, ok, err = c.ClaimProcess(t.Context(), id, "next", "dead")
	require.NoError(t, err)
	require.True(t, ok, "the claim passes to the one that is told whom it replaces")
	_, ok, err = c.ClaimProcess(t.Context(), id, "late", "dead")
	require.NoError(t, err)
	require.False(t, ok, "and to one only")
}

func TestAStuckMarkIsTakenOffOnceAndWithAReason(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	by := domain.Actor{Kind: domain.ActorStaff, ID: staffAccount}
	require.Equal(t, domain.CodeConflict, domain.CodeOf(c.ResolveStuck(t.Context(), id, "resolve/0", by, "row_corrected")))
	require.NoError(t, c.ReportStuck(t.Context(), id, "version_conflict"))
	require.NoError(t, c.NoteRetry(t.Context(), id, "retry/1", by, "cause_removed"))
	require.EqualValues(t, "version_conflict", c.row(t, id).Stuck, "a retry alone takes no mark off")
	for range 2 {
		require.NoError(t, c.ResolveStuck(t.Context(), id, "resolve/1", by, "row_corrected"))
	}
	require.Empty(t, c.row(t, id).Stuck)
	events := c.timeline(t, id)
	require.Len(t, events, 3)
	require.Equal(t, "stuck_resolved", events[2].Kind)
	require.Equal(t, by, events[2].Actor)
	require.Equal(t, "row_corrected", events[2].ReasonCode)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(c.ResolveStuck(t.Context(), domain.NewID(), "x", by, "row_corrected")))
}

func TestReconciliationsAreKeptForAWeek(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.move(t, id, domain.StatusPending, domain.StatusDeclined, domain.StatusArchived)
	c.exec(t, `INSERT INTO messages (id, appointment_id, dedupe_key, kind, recipient, for_start, created_at)
		VALUES ($1, $2, 'k', 'declined', 'patient', now(), now() - interval '1 hour')`, domain.NewID(), id)
	c.exec(t, "UPDATE appointments SET updated_at = now() - interval '1 hour' WHERE id = $1", id)
	c.exec(t, "UPDATE outbox SET created_at = now() - interval '1 hour', attempts = 7")

	findings, err := c.Leftovers(t.Context(), still, 3*still, 10)
	require.NoError(t, err)
	require.Len(t, findings, 2)
	require.Equal(t, domain.FindingUndelivered, findings[0].Code)
	require.Equal(t, domain.FindingOutboxLate, findings[1].Code)
	require.Equal(t, "start, 7 attempts", findings[1].Detail)

	require.NoError(t, c.OpenReconciliation(t.Context(), "old", domain.BySchedule))
	require.NoError(t, c.AddFindings(t.Context(), "old", findings))
	c.exec(t, "UPDATE reconcile_runs SET started_at = now() - interval '8 days'")
	for range 2 { // as a retry would
		require.NoError(t, c.OpenReconciliation(t.Context(), "new", domain.ByPerson))
		require.NoError(t, c.AddFindings(t.Context(), "new", findings))
		require.NoError(t, c.CloseReconciliation(t.Context(), "new", domain.ReconcileCounts{Checked: 9, Replaced: 1, Reported: 99}))
	}
	list, err := c.Reconciliations(t.Context(), 10, 1)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, domain.ReconcileCounts{Checked: 9, Replaced: 1, Reported: 2}, list[0].Counts, "counted from what is kept")
	require.False(t, list[0].FinishedAt.IsZero())
	require.Len(t, list[0].Findings, 1)
	require.Equal(t, id, list[0].Findings[0].AppointmentID)
}
