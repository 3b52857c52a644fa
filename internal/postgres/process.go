package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// ClaimProcess makes runID the one process of an appointment and returns the row it
// works from. ok is false when another run holds it; replaces names a dead run that
// this one takes over from, if any. The same run may claim again.
func (s *Store) ClaimProcess(ctx context.Context, id, runID, replaces string) (a domain.Appointment, ok bool, err error) {
	n, err := s.q.ClaimRun(ctx, db.ClaimRunParams{ID: id, RunID: runID, Replaces: optional(replaces)})
	if err != nil {
		return a, false, fmt.Errorf("claiming the appointment: %w", err)
	}
	if n == 0 {
		return a, false, nil
	}
	a, err = s.ProcessInput(ctx, id)
	return a, err == nil, err
}

// ReportStuck marks an appointment as stuck until its next transition. The first reason
// stays.
func (s *Store) ReportStuck(ctx context.Context, id string, code domain.Code) error {
	if err := s.q.MarkStuck(ctx, db.MarkStuckParams{ID: id, Stuck: optional(string(code))}); err != nil {
		return fmt.Errorf("marking the appointment as stuck: %w", err)
	}
	return nil
}

// Transition carries out one accepted step (see domain.Transition). A new time that
// someone else holds is CodeSlotTaken or CodePatientOverlap, one that is not offered
// CodeSlotNotOffered, one that was asked for of a time which is no more CodeConflict, and
// the row then stays as it was.
func (s *Store) Transition(ctx context.Context, t domain.Transition) (domain.TransitionResult, error) {
	var (
		result domain.TransitionResult
		stuck  error
	)
	err := s.inTx(ctx, func(q *db.Queries) error {
		stuck = nil
		if t.Visit != nil {
			// The schedule before the row, as a booking does.
			doctorID, err := q.DoctorOfAppointment(ctx, t.AppointmentID)
			if err != nil {
				return missing(err, "appointment")
			}
			if _, err := q.LockSchedule(ctx, doctorID); err != nil {
				return missing(err, "doctor")
			}
		}
		row, err := q.LockAppointment(ctx, t.AppointmentID)
		if err != nil {
			return missing(err, "appointment")
		}
		done, err := q.TransitionDone(ctx, db.TransitionDoneParams{AppointmentID: t.AppointmentID, TransitionID: t.ID})
		if err == nil {
			result = domain.TransitionResult{
				Status: domain.Status(done.ToStatus), Version: int(done.Version), At: done.At.UTC(),
				Visit: domain.Window{Start: row.StartsAt.UTC(), End: row.EndsAt.UTC()},
			}
			return lastLetters(ctx, q, t.AppointmentID, &result)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("looking for the transition: %w", err)
		}
		if int(row.Version) != t.Version || !domain.Status(row.Status).MayBecome(t.To) {
			stuck = domain.Errorf(domain.CodeStuck, "the row is %s at version %d, the process is at %d: someone else wrote it",
				row.Status, row.Version, t.Version)
			return q.MarkStuck(ctx, db.MarkStuckParams{ID: t.AppointmentID, Stuck: optional("version_conflict")})
		}
		if result, err = s.move(ctx, q, row, t); err != nil {
			return err
		}
		return lastLetters(ctx, q, t.AppointmentID, &result)
	})
	if violates(err) {
		return domain.TransitionResult{}, s.whyNotFree(ctx, t)
	}
	if err == nil {
		err = stuck
	}
	return result, err
}

// lastLetters tells what an archived visit still owes. A letter may have been asked for
// until a moment ago, and after the archive nobody else hands it over.
func lastLetters(ctx context.Context, q *db.Queries, appointmentID string, result *domain.TransitionResult) (err error) {
	if result.Status != domain.StatusArchived {
		return nil
	}
	result.LettersOwed, err = q.LettersOwed(ctx, appointmentID)
	return err
}

func (s *Store) move(ctx context.Context, q *db.Queries, row db.LockAppointmentRow, t domain.Transition) (domain.TransitionResult, error) {
	none := domain.TransitionResult{}
	if t.IfSequence != nil && *t.IfSequence != int(row.Sequence) {
		return none, domain.Errorf(domain.CodeConflict, "the visit has moved to another time meanwhile: read it again and decide anew")
	}
	visit := domain.Window{Start: row.StartsAt.UTC(), End: row.EndsAt.UTC()}
	if t.Visit != nil {
		if err := s.moveVisit(ctx, q, row, t); err != nil {
			return none, err
		}
		visit = *t.Visit
	}
	if t.Payment != nil {
		if err := bookMoney(ctx, q, *t.Payment, t.At); err != nil {
			return none, err
		}
	}
	if t.To == domain.StatusArchived {
		if err := q.ArchiveDetail(ctx, t.AppointmentID); err != nil {
			return none, fmt.Errorf("moving the detail to the archive: %w", err)
		}
		if err := q.ClearDetail(ctx, t.AppointmentID); err != nil {
			return none, fmt.Errorf("clearing the detail: %w", err)
		}
	}
	params := db.MoveAppointmentParams{
		ID: t.AppointmentID, Status: string(t.To), Generation: row.Generation, AnswerBy: optionalTime(t.AnswerBy),
		PayBy: optionalTime(t.PayBy), OverBy: optionalTime(t.OverBy), KeptMinor: t.Kept, At: t.At,
	}
	if t.Grace {
		params.Graces = 1
	}
	if t.Fee != nil {
		params.FeeStatus, params.FeeMinor, params.FeeUntil = optional(string(t.Fee.Status)), &t.Fee.Minor, optionalTime(t.Fee.Until)
	}
	if t.Generation > 0 {
		params.Generation = int32(t.Generation) //nolint:gosec // a small count
	}
	// What becomes of a no-show's fee does not end the visit once more.
	if t.To.Ended() && t.To != domain.StatusArchived && string(t.To) != row.Status {
		params.EndedAt, params.EndedBy, params.ReasonCode = &t.At, optional(string(t.Actor.Kind)), optional(t.ReasonCode)
	}
	if err := q.MoveAppointment(ctx, params); err != nil {
		return none, fmt.Errorf("moving the appointment: %w", err)
	}
	version := row.Version + 1
	err := q.AppendEvent(ctx, db.AppendEventParams{
		AppointmentID: t.AppointmentID, Seq: row.EventSeq + 1, Version: version, TransitionID: t.ID, Kind: t.Kind,
		FromStatus: row.Status, ToStatus: string(t.To), ActorKind: string(t.Actor.Kind), ActorID: t.Actor.ID,
		ReasonCode: t.ReasonCode, At: t.At,
	})
	if err != nil {
		return none, fmt.Errorf("appending the event: %w", err)
	}
	if err := oweMessages(ctx, q, t.AppointmentID, t.ID, visit.Start, t.Messages); err != nil {
		return none, err
	}
	return domain.TransitionResult{Status: t.To, Version: int(version), At: t.At, Visit: visit}, nil
}

// moveVisit checks the new time by the rules that list slots and moves the row to it.
func (s *Store) moveVisit(ctx context.Context, q *db.Queries, row db.LockAppointmentRow, t domain.Transition) error {
	o, err := s.offer(ctx, q, row.DoctorID, row.TypeID, *t.Visit)
	if err != nil {
		return err
	}
	var terms domain.Terms
	if err := json.Unmarshal(row.Terms, &terms); err != nil {
		return fmt.Errorf("reading the terms: %w", err)
	}
	if !o.active {
		return domain.Errorf(domain.CodeDoctorInactive, "this doctor does not take this kind of appointment at the moment")
	}
	// Nobody has to pay again, and a visit that stays confirmed needs no answer.
	offered := terms
	offered.Price.Minor, offered.InstantConfirm = 0, t.To == domain.StatusConfirmed
	slot, err := domain.SlotAt(o.schedule, o.typ.Rules, offered, t.Visit.Start, t.At)
	if err != nil {
		return err
	}
	if !slot.End.Equal(t.Visit.End) {
		return domain.Errorf(domain.CodeSlotNotOffered, "this kind of visit has another length by now: book it anew")
	}
	counted := int32(0)
	if t.Actor.Kind == domain.ActorPatient {
		counted = 1
	}
	occupied := terms.Occupied(*t.Visit)
	err = q.MoveVisit(ctx, db.MoveVisitParams{
		ID: t.AppointmentID, StartsAt: t.Visit.Start, EndsAt: t.Visit.End,
		OccupiedFrom: occupied.Start, OccupiedTo: occupied.End, LocalStart: slot.Local, Counted: counted,
	})
	if err != nil {
		return fmt.Errorf("moving the visit: %w", err)
	}
	return nil
}

// whyNotFree names the conflict after an exclusion constraint refused a move. The
// transaction is rolled back: the old time is still held.
func (s *Store) whyNotFree(ctx context.Context, t domain.Transition) error {
	row, err := s.q.AppointmentByID(ctx, scopedParams(domain.Scope{All: true}, t.AppointmentID))
	if err != nil {
		return missing(err, "appointment")
	}
	var terms domain.Terms
	if err := json.Unmarshal(row.Terms, &terms); err != nil {
		return fmt.Errorf("reading the terms: %w", err)
	}
	err = nameConflict(ctx, s.q, row.ID, row.DoctorID, row.PatientID, *t.Visit, terms.Occupied(*t.Visit))
	if errors.Is(err, errConflictGone) {
		return domain.Errorf(domain.CodeSlotTaken, "this time was taken a moment ago: ask for the slots again")
	}
	return err
}
