package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestTheSameTransitionAgainChangesNothing(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	step := c.step(t, id, domain.StatusPending)
	step.AnswerBy = now.Add(24 * time.Hour)
	step.Messages = []domain.MessageIntent{{Kind: domain.MessageRequestToDoctor, Recipient: domain.RecipientDoctor}}
	first, err := c.Transition(t.Context(), step)
	require.NoError(t, err)
	require.Equal(t, domain.TransitionResult{
		Status: domain.StatusPending, Version: 2, At: step.At, Visit: domain.Window{Start: nine, End: nine.Add(30 * time.Minute)},
	}, first)
	before := c.row(t, id)

	retry := step
	retry.At = step.At.Add(time.Hour) // whatever a retry says, what was decided stays
	again, err := c.Transition(t.Context(), retry)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, before, c.row(t, id))
	require.Len(t, c.timeline(t, id), 2)
	require.Len(t, c.ledger(t, id), 1, "its message is owed once")

	c.move(t, id, domain.StatusConfirmed)
	again, err = c.Transition(t.Context(), step)
	require.NoError(t, err, "also when the row has moved on")
	require.Equal(t, first, again)
	require.Empty(t, c.row(t, id).Stuck)
}

func TestAnotherTransitionAtAKnownVersionIsStuck(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	stale := c.step(t, id, domain.StatusCancelled)
	c.move(t, id, domain.StatusPending)
	_, err := c.Transition(t.Context(), stale)
	require.Equal(t, domain.CodeStuck, domain.CodeOf(err))
	a := c.row(t, id)
	require.Equal(t, domain.StatusPending, a.Status)
	require.Equal(t, 2, a.Version)
	require.NotEmpty(t, a.Stuck, "people see it on the row")
	require.Len(t, c.timeline(t, id), 2)
	c.move(t, id, domain.StatusConfirmed)
	require.Empty(t, c.row(t, id).Stuck, "a step that fits clears the mark")
}

func TestATransitionThatTheLifecycleDoesNotHaveIsStuck(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	_, err := c.Transition(t.Context(), c.step(t, id, domain.StatusCheckedIn))
	require.Equal(t, domain.CodeStuck, domain.CodeOf(err))
	c.move(t, id, domain.StatusCancelled)
	_, err = c.Transition(t.Context(), c.step(t, id, domain.StatusPending))
	require.Equal(t, domain.CodeStuck, domain.CodeOf(err), "an ended visit is never revived")
	require.Equal(t, domain.StatusCancelled, c.row(t, id).Status)
}

func TestATransitionOfNoVisitIsNotFound(t *testing.T) {
	t.Parallel()
	c := open(t)
	_, err := c.Transition(t.Context(), domain.Transition{ID: "x", AppointmentID: domain.NewID(), Version: 1, To: domain.StatusPending, At: now})
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestVersionsAndTimelineHaveNoGaps(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	_, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now)
	require.NoError(t, err)
	c.move(t, id, domain.StatusPending, domain.StatusCapturing, domain.StatusConfirmed, domain.StatusCheckedIn, domain.StatusCompleted)
	var versions []int
	for _, e := range c.timeline(t, id) {
		versions = append(versions, e.Version)
	}
	require.Equal(t, []int{1, 1, 2, 3, 4, 5, 6}, versions, "a fact has a line, but no version of its own")
	require.Equal(t, 7, one[int](t, c, "SELECT max(seq) FROM appointment_events WHERE appointment_id = $1", id))
	require.Equal(t, 7, c.count(t, "appointment_events WHERE appointment_id = $1", id))
	a := c.row(t, id)
	require.Equal(t, 6, a.Version)
	require.Equal(t, a.UpdatedAt, a.EndedAt)
	require.Equal(t, domain.ActorSystem, a.CancelledBy)
}

func TestRetriesOfOneTransitionAtOnceMoveTheRowOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	step := c.step(t, id, domain.StatusPending)
	codes := atOnce(8, func(int) error {
		_, err := c.Transition(t.Context(), step)
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 8}, codes)
	require.Equal(t, 2, c.row(t, id).Version)
}

func TestDifferentTransitionsAtOnceLetOneThrough(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	steps := []domain.Transition{c.step(t, id, domain.StatusPending), c.step(t, id, domain.StatusCancelled), c.step(t, id, domain.StatusExpired)}
	codes := atOnce(3, func(i int) error {
		_, err := c.Transition(t.Context(), steps[i])
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 1, domain.CodeStuck: 2}, codes)
	require.Len(t, c.timeline(t, id), 2)
}

func TestATransitionSetsWhatItCarries(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	_, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now)
	require.NoError(t, err)
	step := c.step(t, id, domain.StatusPending)
	step.AnswerBy = now.Add(20 * time.Hour)
	lapse := now.Add(7 * 24 * time.Hour)
	step.Payment = &domain.PaymentFact{IntentID: "pi_1", Status: domain.PaymentAuthorised, CaptureBefore: lapse}
	_, err = c.Transition(t.Context(), step)
	require.NoError(t, err)
	a := c.row(t, id)
	require.Equal(t, now.Add(20*time.Hour), a.AnswerBy)
	require.Equal(t, domain.PaymentAuthorised, a.Payment.Status)
	require.Equal(t, lapse, a.Payment.CaptureBefore)

	c.move(t, id, domain.StatusCapturing)
	refused := c.step(t, id, domain.StatusRequested)
	refused.Generation = 2
	_, err = c.Transition(t.Context(), refused)
	require.NoError(t, err)
	a = c.row(t, id)
	require.Equal(t, 2, a.Generation)
	require.True(t, a.PayBy.IsZero(), "a new attempt has a window of its own")
	require.Empty(t, a.Payment.IntentID)

	kept := int64(4000)
	end := c.step(t, id, domain.StatusCancelled)
	end.Kept, end.ReasonCode, end.Actor = &kept, "patient_request", domain.Actor{Kind: domain.ActorPatient, ID: patientAccount}
	_, err = c.Transition(t.Context(), end)
	require.NoError(t, err)
	a = c.row(t, id)
	require.Equal(t, kept, a.Kept)
	require.Equal(t, "patient_request", a.ReasonCode)
	require.Equal(t, domain.ActorPatient, a.CancelledBy)
	require.Equal(t, end.At, a.EndedAt)
}

func TestTheArchiveTakesTheDetailAndTheIdentityStays(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	_, err := c.RecordPayment(t.Context(), id, 1, intent(id, 1), now)
	require.NoError(t, err)
	c.move(t, id, domain.StatusCancelled)
	ended := c.row(t, id)
	c.move(t, id, domain.StatusArchived)

	a := c.row(t, id)
	require.Equal(t, domain.StatusArchived, a.Status)
	require.Equal(t, ended.EndedAt, a.EndedAt, "the archive is not the end")
	require.Equal(t, ended.CancelledBy, a.CancelledBy)
	require.Equal(t, "pi_1", a.Payment.IntentID)
	require.Equal(t, "cancelled", one[string](t, c, "SELECT detail->>'ended_as' FROM archived_appointments WHERE appointment_id = $1", id))
	require.Equal(t, 1, c.count(t, "appointments WHERE id = $1 AND reason_sealed IS NULL AND notes_sealed IS NULL", id))
	sealed := one[[]byte](t, c, "SELECT reason_sealed FROM archived_appointments WHERE appointment_id = $1", id)
	plain, err := cipher{}.Open(sealed, keyID, "appointments/reason/"+id)
	require.NoError(t, err)
	require.Equal(t, secretWords, string(plain))

	full, err := c.Appointment(t.Context(), everyone, id, domain.Access{Caller: staff})
	require.NoError(t, err)
	require.Empty(t, full.Reason)
	require.Len(t, c.timeline(t, id), 4)
}

func TestOneRunHoldsAVisit(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	claim := func(run, replaces string) bool {
		a, ok, err := c.ClaimProcess(t.Context(), id, run, replaces)
		require.NoError(t, err)
		require.Equal(t, ok, a.ID == id)
		return ok
	}
	require.True(t, claim("first", ""))
	require.True(t, claim("first", ""), "the same run again")
	require.False(t, claim("second", ""))
	require.False(t, claim("second", "another"))
	require.True(t, claim("second", "first"), "it replaces the dead one")
	require.False(t, claim("first", ""), "which must not come back")
	require.True(t, claim("second", "first"))
	require.True(t, c.row(t, id).ProcessStarted)
	_, ok, err := c.ClaimProcess(t.Context(), domain.NewID(), "run", "")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestOfManyRunsAtOnceOneClaims(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	codes := atOnce(10, func(int) error {
		_, ok, err := c.ClaimProcess(t.Context(), id, domain.NewID(), "")
		if err == nil && !ok {
			return domain.Errorf(domain.CodeSuperseded, "another one holds it")
		}
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 1, domain.CodeSuperseded: 9}, codes)
}
