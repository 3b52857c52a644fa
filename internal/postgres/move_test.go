package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

// to is a reschedule to another start, by the patient.
func (c clinic) to(t *testing.T, id string, start time.Time) domain.Transition {
	t.Helper()
	a := c.row(t, id)
	step := c.step(t, id, a.Status)
	step.ID = domain.NewID()
	step.Kind, step.Actor = "rescheduled", domain.Actor{Kind: domain.ActorPatient, ID: patientAccount}
	step.Visit = &domain.Window{Start: start, End: start.Add(a.Visit.End.Sub(a.Visit.Start))}
	step.Messages = []domain.MessageIntent{{Kind: domain.MessageMoved, Recipient: domain.RecipientPatient}}
	return step
}

func TestAVisitMovesWithItsRow(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.move(t, id, domain.StatusPending)
	ten := later(1)
	result, err := c.Transition(t.Context(), c.to(t, id, ten))
	require.NoError(t, err)
	require.Equal(t, domain.Window{Start: ten, End: ten.Add(30 * time.Minute)}, result.Visit)
	a := c.row(t, id)
	require.Equal(t, result.Visit, a.Visit)
	require.Equal(t, "2031-03-04T10:00:00+01:00", a.Local)
	require.Equal(t, 1, a.Reschedules)
	require.Equal(t, 1, a.Sequence)
	require.Equal(t, ten, one[time.Time](t, c, "SELECT for_start FROM messages WHERE appointment_id = $1", id).UTC(), "the message speaks of the new time")
	c.book(t, patient, visit(nine)) // the old time is free
}

func TestOnlyAPatientsMoveCountsAgainstTheLimit(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	for i, actor := range []domain.ActorKind{domain.ActorStaff, domain.ActorDoctor, domain.ActorPatient} {
		step := c.to(t, id, later([]int{1, 2, 5}[i]))
		step.Actor.Kind = actor
		_, err := c.Transition(t.Context(), step)
		require.NoError(t, err)
	}
	a := c.row(t, id)
	require.Equal(t, 1, a.Reschedules)
	require.Equal(t, 3, a.Sequence, "calendars see each of them")
}

func TestAMoveToATakenTimeLeavesEverythingAsItWas(t *testing.T) {
	t.Parallel()
	c := open(t)
	accounts, patients := c.people(t, 1)
	other := visit(nine.Add(time.Hour))
	other.PatientID = patients[0]
	c.book(t, domain.Caller{UserID: accounts[0], Roles: patient.Roles}, other)
	id := c.book(t, patient, visit(nine))
	before, ledger := c.row(t, id), c.ledger(t, id)

	step := c.to(t, id, nine.Add(time.Hour))
	_, err := c.Transition(t.Context(), step)
	require.Equal(t, domain.CodeSlotTaken, domain.CodeOf(err))
	require.Equal(t, before, c.row(t, id))
	require.Equal(t, ledger, c.ledger(t, id))
	require.Len(t, c.timeline(t, id), 1)
	_, err = c.Transition(t.Context(), step)
	require.Equal(t, domain.CodeSlotTaken, domain.CodeOf(err), "a retry is refused as well")
}

func TestAMoveOntoThePatientsOtherVisitSaysSo(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.book(t, patient, call(nine.Add(6*time.Hour)))
	id := c.book(t, patient, visit(nine))
	_, err := c.Transition(t.Context(), c.to(t, id, nine.Add(6*time.Hour)))
	require.Equal(t, domain.CodeSlotTaken, domain.CodeOf(err), "the same doctor's time is named first")
	c.exec(t, "UPDATE appointments SET doctor_id = (SELECT id FROM doctors WHERE id <> doctor_id LIMIT 1) WHERE id <> $1", id)
	_, err = c.Transition(t.Context(), c.to(t, id, nine.Add(6*time.Hour)))
	require.Equal(t, domain.CodePatientOverlap, domain.CodeOf(err))
}

func TestAMoveToATimeThatIsNotOfferedIsRefused(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	before := c.row(t, id)
	for name, start := range map[string]time.Time{"beside the grid": nine.Add(7 * time.Minute), "at noon": nine.Add(3 * time.Hour), "gone by": nine.Add(-30 * 24 * time.Hour)} {
		_, err := c.Transition(t.Context(), c.to(t, id, start))
		require.Equal(t, domain.CodeSlotNotOffered, domain.CodeOf(err), name)
	}
	c.exec(t, "UPDATE appointment_types SET duration_minutes = 60")
	_, err := c.Transition(t.Context(), c.to(t, id, nine.Add(time.Hour)))
	require.Equal(t, domain.CodeSlotNotOffered, domain.CodeOf(err), "the type has another length by now")
	require.Equal(t, before, c.row(t, id))
}

func TestAVisitMayMoveIntoPartOfItsOwnTime(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.exec(t, "UPDATE appointment_types SET step_minutes = 15")
	id := c.book(t, patient, visit(nine))
	_, err := c.Transition(t.Context(), c.to(t, id, nine.Add(15*time.Minute)))
	require.NoError(t, err)
	require.Equal(t, nine.Add(15*time.Minute), c.row(t, id).Visit.Start)
}

func TestTheTermsOfTheBookingHoldForAMove(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.exec(t, `UPDATE appointment_types SET terms = '{"buffer_after": "2h"}', price_minor = 1, price_currency = 'EUR'`)
	_, err := c.Transition(t.Context(), c.to(t, id, nine.Add(time.Hour)))
	require.NoError(t, err)
	a := c.row(t, id)
	require.Equal(t, int64(8000), a.Terms.Price.Minor)
	require.Equal(t, a.Visit.End.Add(10*time.Minute), one[time.Time](t, c, "SELECT upper(occupied) FROM appointments WHERE id = $1", id).UTC())
}

func TestTwoVisitsThatRaceForOneTime(t *testing.T) {
	t.Parallel()
	c := open(t)
	accounts, patients := c.people(t, 8)
	var steps []domain.Transition
	free := nine.Add(8 * 24 * time.Hour)
	for i := range 4 {
		r := visit(later([]int{0, 1, 2, 5}[i]))
		r.PatientID = patients[i]
		id := c.book(t, domain.Caller{UserID: accounts[i], Roles: patient.Roles}, r)
		steps = append(steps, c.to(t, id, free))
	}
	codes := atOnce(8, func(i int) error {
		if i < 4 {
			_, err := c.Transition(t.Context(), steps[i])
			return err
		}
		r := visit(free)
		r.PatientID = patients[i]
		_, err := c.try(t.Context(), domain.Caller{UserID: accounts[i], Roles: patient.Roles}, r)
		return err
	})
	require.Equal(t, map[domain.Code]int{"": 1, domain.CodeSlotTaken: 7}, codes)
	require.Equal(t, 1, c.count(t, "appointments WHERE starts_at = $1", free))
}

func TestTwoVisitsThatSwapTimesEndInOneCleanState(t *testing.T) {
	t.Parallel()
	c := open(t)
	ids := []string{c.book(t, patient, visit(nine)), c.book(t, patient, visit(nine.Add(time.Hour)))}
	steps := []domain.Transition{c.to(t, ids[0], nine.Add(time.Hour)), c.to(t, ids[1], nine)}
	codes := atOnce(2, func(i int) error {
		_, err := c.Transition(t.Context(), steps[i])
		return err
	})
	require.Equal(t, map[domain.Code]int{domain.CodeSlotTaken: 2}, codes, "neither time is free at any moment")
	require.Equal(t, nine, c.row(t, ids[0]).Visit.Start)
}

func TestAMoveThatWasAskedForOfAnEarlierTimeIsRefused(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	c.move(t, id, domain.StatusPending)
	asked := func(sequence int, start time.Time) error {
		move := c.to(t, id, start)
		move.IfSequence = &sequence
		_, err := c.Transition(t.Context(), move)
		return err
	}
	require.NoError(t, asked(0, later(1)))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(asked(0, later(2))))
	a := c.row(t, id)
	require.True(t, a.Visit.Start.Equal(later(1)))
	require.Equal(t, 1, a.Sequence)
	require.Empty(t, a.Stuck, "a refusal is no fault")
	require.NoError(t, asked(1, later(2)))
}

func TestAVisitBehindALinkHasNoClinicalTextAndIsAudited(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.book(t, patient, visit(nine))
	v, err := c.LinkedVisit(t.Context(), id, "request-1")
	require.NoError(t, err)
	require.Empty(t, v.Reason+v.Notes)
	require.Equal(t, patient.UserID, v.AccountID)
	require.NotEmpty(t, v.ClinicName)
	require.NotEmpty(t, v.Zone)
	require.Equal(t, 1, c.count(t, "record_accesses WHERE appointment_id = $1 AND user_id = $2 AND roles = '{link}' AND request_id = 'request-1'",
		id, patient.UserID))
	_, err = c.LinkedVisit(t.Context(), domain.NewID(), "request-2")
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}
