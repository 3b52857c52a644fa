package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// MaxUnpaidHolds is how many unpaid requests one account may hold at a time.
const MaxUnpaidHolds = 3

// errConflictGone says that the visit which stood in the way has gone meanwhile.
var errConflictGone = errors.New("the conflicting visit has gone")

// Book takes a slot in one transaction: the key, the schedule's lock, the slot by the
// rule that lists slots, the row under its exclusion constraints, its first event, its
// outbox row and the rendered answer. now is the instant the request came in, UTC.
//
// The same key and body gets the first answer again (replayed is true), another body
// CodeIdempotencyReused. Other refusals: CodeSlotTaken, CodePatientOverlap,
// CodeSlotNotOffered, CodeDoctorInactive, CodeNotYourPatient, CodeTooManyHolds,
// CodeNotFound. A refused booking leaves its key free.
func (s *Store) Book(ctx context.Context, by domain.Caller, req domain.BookingRequest, key domain.IdempotencyKey,
	now time.Time, render func(domain.Appointment) (domain.StoredResponse, error),
) (resp domain.StoredResponse, replayed bool, err error) {
	book := func(q *db.Queries) error {
		stored, err := claimKey(ctx, q, key)
		if err != nil {
			return err
		}
		if stored != nil {
			resp, replayed = *stored, true
			return nil
		}
		a, err := s.insertBooking(ctx, q, by, req, now)
		if err != nil {
			return err
		}
		if resp, err = render(a); err != nil {
			return fmt.Errorf("rendering the answer: %w", err)
		}
		return answerKey(ctx, q, key, resp)
	}
	for range txAttempts {
		if err = s.inTx(ctx, book); !errors.Is(err, errConflictGone) {
			break
		}
	}
	if err != nil {
		return domain.StoredResponse{}, false, err
	}
	if !replayed {
		s.Wake()
	}
	return resp, replayed, nil
}

func (s *Store) insertBooking(ctx context.Context, q *db.Queries, by domain.Caller, req domain.BookingRequest, now time.Time) (domain.Appointment, error) {
	none := domain.Appointment{}
	if !by.Has(domain.RoleStaff, domain.RoleAdmin) {
		if _, err := q.LockAccount(ctx, by.UserID); err != nil {
			return none, missing(err, "account")
		}
	}
	party, err := q.BookingParty(ctx, db.BookingPartyParams{BookedBy: by.UserID, PatientID: req.PatientID})
	if err != nil {
		return none, missing(err, "patient")
	}
	actor := domain.Actor{Kind: domain.ActorPatient, ID: by.UserID}
	if party.AccountID != by.UserID {
		if !by.Has(domain.RoleStaff, domain.RoleAdmin) {
			return none, domain.Errorf(domain.CodeNotFound, "there is no such patient, or it is not yours")
		}
		actor.Kind = domain.ActorStaff
	}
	if actor.Kind == domain.ActorPatient && party.UnpaidHolds >= MaxUnpaidHolds {
		return none, domain.Errorf(domain.CodeTooManyHolds, "pay or cancel one of your %d unpaid requests first", party.UnpaidHolds)
	}
	if req.AnyDoctor != nil {
		return s.bookAny(ctx, q, by, req, actor, now)
	}
	return s.bookWith(ctx, q, by, req, actor, now)
}

// bookWith books with the doctor and type that the request names. It is refused without a
// trace: another one may be tried in the same transaction.
func (s *Store) bookWith(ctx context.Context, q *db.Queries, by domain.Caller, req domain.BookingRequest, actor domain.Actor, now time.Time) (domain.Appointment, error) {
	none := domain.Appointment{}
	if _, err := q.LockSchedule(ctx, req.DoctorID); err != nil {
		return none, missing(err, "doctor")
	}
	start := req.StartsAt.UTC()
	o, err := s.offer(ctx, q, req.DoctorID, req.TypeID, domain.Window{Start: start, End: start})
	if err != nil {
		return none, err
	}
	if !o.active {
		return none, domain.Errorf(domain.CodeDoctorInactive, "this doctor does not take this kind of appointment at the moment")
	}
	slot, err := domain.SlotAt(o.schedule, o.typ.Rules, o.typ.Terms, start, now)
	if err != nil {
		return none, err
	}
	a := domain.Appointment{
		ID: domain.NewID(), DoctorID: req.DoctorID, PatientID: req.PatientID, BookedBy: by.UserID,
		TypeID: o.typ.ID, TypeName: o.typ.Name, DoctorName: o.doctor, Status: domain.StatusRequested, Version: 1, Generation: 1,
		Visit: slot.Window, Local: slot.Local, Terms: o.typ.Terms, Reason: req.Reason, CreatedAt: now, UpdatedAt: now,
	}
	return a, s.insertAppointment(ctx, q, a, actor)
}

func (s *Store) insertAppointment(ctx context.Context, q *db.Queries, a domain.Appointment, actor domain.Actor) error {
	terms, err := json.Marshal(a.Terms)
	if err != nil {
		return fmt.Errorf("storing the terms: %w", err)
	}
	var sealed []byte
	var keyID string
	if a.Reason != "" {
		if sealed, keyID, err = s.cipher.Seal([]byte(a.Reason), reasonAAD(a.ID)); err != nil {
			return fmt.Errorf("encrypting the reason: %w", err)
		}
	}
	occupied := a.Terms.Occupied(a.Visit)
	n, err := q.InsertAppointment(ctx, db.InsertAppointmentParams{
		ID: a.ID, DoctorID: a.DoctorID, PatientID: a.PatientID, BookedBy: a.BookedBy, TypeID: a.TypeID,
		StartsAt: a.Visit.Start, EndsAt: a.Visit.End, OccupiedFrom: occupied.Start, OccupiedTo: occupied.End,
		LocalStart: a.Local, Terms: terms, ReasonSealed: sealed, SealedKeyID: optional(keyID), Now: a.CreatedAt,
		ActorKind: string(actor.Kind), ActorID: actor.ID,
	})
	if err != nil {
		return fmt.Errorf("inserting the appointment: %w", err)
	}
	if n == 1 {
		return nil
	}
	return nameConflict(ctx, q, a.ID, a.DoctorID, a.PatientID, a.Visit, occupied)
}

// nameConflict says whose time is taken: the doctor's or the patient's.
func nameConflict(ctx context.Context, q *db.Queries, id, doctorID, patientID string, visit, occupied domain.Window) error {
	conflict, err := q.BookingConflict(ctx, db.BookingConflictParams{
		ID: id, DoctorID: doctorID, PatientID: patientID, StartsAt: visit.Start, EndsAt: visit.End,
		OccupiedFrom: occupied.Start, OccupiedTo: occupied.End,
	})
	if err != nil {
		return fmt.Errorf("naming the conflict: %w", err)
	}
	switch conflict {
	case "doctor":
		return domain.Errorf(domain.CodeSlotTaken, "someone else holds this time: choose another slot")
	case "patient":
		return domain.Errorf(domain.CodePatientOverlap, "the patient has another visit at this time: choose another slot or move that visit")
	}
	return errConflictGone
}

func reasonAAD(appointmentID string) string { return "appointments/reason/" + appointmentID }
func notesAAD(appointmentID string) string  { return "appointments/notes/" + appointmentID }

// claimKey takes a key for this transaction. It waits for a concurrent use of the same
// key to end, and returns that one's answer if it has one.
func claimKey(ctx context.Context, q *db.Queries, key domain.IdempotencyKey) (*domain.StoredResponse, error) {
	var row db.ReadKeyRow
	for {
		n, err := q.ClaimKey(ctx, db.ClaimKeyParams{
			Principal: key.Principal, Operation: key.Operation, Key: key.Key, BodyHash: key.BodyHash,
		})
		if err != nil {
			return nil, fmt.Errorf("taking the idempotency key: %w", err)
		}
		if n == 1 {
			return nil, nil
		}
		row, err = q.ReadKey(ctx, db.ReadKeyParams{Principal: key.Principal, Operation: key.Operation, Key: key.Key})
		if errors.Is(err, pgx.ErrNoRows) {
			continue // its command was refused and freed the key in this very moment
		}
		if err != nil {
			return nil, fmt.Errorf("reading the idempotency key: %w", err)
		}
		break
	}
	if !bytes.Equal(row.BodyHash, key.BodyHash) {
		return nil, domain.Errorf(domain.CodeIdempotencyReused, "this Idempotency-Key was used with another body: send a new key for a new command")
	}
	if row.Status == 0 {
		return nil, nil
	}
	return &domain.StoredResponse{Status: int(row.Status), Body: row.Response}, nil
}

func answerKey(ctx context.Context, q *db.Queries, key domain.IdempotencyKey, resp domain.StoredResponse) error {
	_, err := q.AnswerKey(ctx, db.AnswerKeyParams{
		Status: int32(resp.Status), Response: resp.Body, //nolint:gosec // an HTTP status fits
		Principal: key.Principal, Operation: key.Operation, Key: key.Key,
	})
	if err != nil {
		return fmt.Errorf("keeping the answer: %w", err)
	}
	return nil
}
