package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
	"github.com/careflow/careflow/internal/telemetry"
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
// CodeNotFound, CodeUnavailable behind the fence of a restore, which would lose it. A refused booking leaves its key free. domain.ErrNotLookedUp for a caller
// who is only claimed, unless the booking is made.
func (s *Store) Book(ctx context.Context, by domain.Caller, req domain.BookingRequest, key domain.IdempotencyKey,
	now time.Time, render func(domain.Appointment) (domain.StoredResponse, error),
) (resp domain.StoredResponse, replayed bool, err error) {
	b := booking{store: s, by: by, req: req, key: key, now: now, render: render, traceparent: telemetry.Traceparent(ctx)}
	try := b.try
	if req.AnyDoctor != nil {
		if by.Claimed != nil {
			return domain.StoredResponse{}, false, domain.ErrNotLookedUp
		}
		try = b.tryAny
	}
	for range txAttempts {
		if err = retrying(ctx, try); !errors.Is(err, errConflictGone) && !errors.Is(err, errKeyUsed) {
			break
		}
	}
	if err != nil {
		return domain.StoredResponse{}, false, err
	}
	if !b.replayed {
		s.Wake()
	}
	return b.resp, b.replayed, nil
}

// booking is one booking under way. With a doctor whose offer is remembered it takes one
// round trip; else, and to say why not, two: everything that is to be known and locked, and
// everything that is to be written.
type booking struct {
	store  *Store
	by     domain.Caller
	req    domain.BookingRequest
	key    domain.IdempotencyKey
	now    time.Time
	render func(domain.Appointment) (domain.StoredResponse, error)
	// traceparent goes into the outbox, for the process to continue the trace.
	traceparent string

	resp     domain.StoredResponse
	replayed bool
}

// keyConstraint keeps a key from being answered twice.
const keyConstraint = "idempotency_keys_pkey"

// errKeyUsed says that the key was used by a booking at the same time, which is in now.
var errKeyUsed = errors.New("the key was used meanwhile")

func (b *booking) try(ctx context.Context) error {
	if done, err := b.tryRemembered(ctx); done || err != nil {
		return err
	}
	if b.by.Claimed != nil {
		return domain.ErrNotLookedUp
	}
	conn, err := b.store.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to the database: %w", err)
	}
	defer conn.Release()
	known, err := b.look(ctx, conn)
	if err != nil {
		return errors.Join(err, rollback(ctx, conn))
	}
	if known.answered {
		b.resp, b.replayed, err = answeredBefore(known.key, b.key)
		return errors.Join(err, rollback(ctx, conn))
	}
	a, o, actor, err := b.judge(known)
	if err != nil {
		return errors.Join(err, rollback(ctx, conn))
	}
	b.store.offers.remember(o)
	return b.insert(ctx, conn, a, o, actor)
}

// tryRemembered books by the offer that is remembered: the statement that inserts also
// asks whether it is the present one, and whether the caller may. It is not done where
// anything is otherwise, whatever it is: then all is looked at.
func (b *booking) tryRemembered(ctx context.Context) (done bool, err error) {
	o, known := b.store.offers.of(b.req.DoctorID, b.req.TypeID, b.req.StartsAt)
	if !known || b.clinic() {
		return false, nil
	}
	a, err := b.visit(b.req, o)
	if err != nil {
		return false, nil //nolint:nilerr // by what may be over
	}
	params, err := b.row(a, o, domain.Actor{Kind: domain.ActorPatient, ID: b.by.UserID})
	if err != nil {
		return false, err
	}
	params.Judged, params.Roles = false, []string{}
	if b.by.Claimed != nil {
		params.SessionID, params.Roles = &b.by.SessionID, namesOf(b.by.Claimed)
	}
	var p pipeline
	var account string
	var found bool
	var r db.InsertAppointmentRow
	addIf(&p, &account, &found, func(q *db.Queries) (string, error) { return q.LockAccount(ctx, b.by.UserID) })
	add(&p, &r, func(q *db.Queries) (db.InsertAppointmentRow, error) { return q.InsertAppointment(ctx, params) })
	switch err := p.run(ctx, b.store.pool); {
	case duplicate(err) == keyConstraint:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("inserting the appointment: %w", err)
	case r.Booked:
		b.resp = domain.StoredResponse{Status: int(params.Status), Body: params.Response}
		return true, nil
	case r.Offered && r.Allowed:
		return true, b.refused(ctx, b.store.q, a)
	}
	return false, nil
}

// rollback frees what was locked. Without a connection any more there is nothing to free.
func rollback(ctx context.Context, conn *pgxpool.Conn) error {
	if conn.Conn().IsClosed() {
		return nil
	}
	_, err := conn.Exec(context.WithoutCancel(ctx), "rollback")
	return err
}

// bookingFacts is what a booking must know, read under its locks.
type bookingFacts struct {
	account              string
	key                  db.ReadKeyRow
	party                db.BookingPartyRow
	schedule             int32
	offer                db.OfferRow
	since                time.Time // of the offer
	accountFound         bool
	fenced               bool // a restore is under way
	answered, partyFound bool
	scheduleFound        bool
	offerFound           bool
}

// look begins the transaction. The order counts: bookings of one account queue up at its
// lock, and so find the answer of the one before; edits of the schedule wait at its lock,
// and what is read after it holds until the end.
func (b *booking) look(ctx context.Context, conn *pgxpool.Conn) (bookingFacts, error) {
	var f bookingFacts
	p := pipeline{before: "begin"}
	b.askWho(ctx, &p, &f)
	addIf(&p, &f.schedule, &f.scheduleFound, func(q *db.Queries) (int32, error) { return q.LockSchedule(ctx, b.req.DoctorID) })
	span := memorable(b.req.StartsAt.UTC())
	f.since = span.Start
	addIf(&p, &f.offer, &f.offerFound, func(q *db.Queries) (db.OfferRow, error) {
		return q.Offer(ctx, offerParams(b.req.DoctorID, b.req.TypeID, span))
	})
	if err := p.run(ctx, conn); err != nil {
		return f, fmt.Errorf("reading what a booking needs: %w", err)
	}
	return f, nil
}

// askWho adds what is to be known whoever the doctor is.
func (b *booking) askWho(ctx context.Context, p *pipeline, f *bookingFacts) {
	if b.clinic() {
		f.accountFound = true
	} else {
		addIf(p, &f.account, &f.accountFound, func(q *db.Queries) (string, error) { return q.LockAccount(ctx, b.by.UserID) })
	}
	addIf(p, &f.key, &f.answered, func(q *db.Queries) (db.ReadKeyRow, error) {
		return q.ReadKey(ctx, db.ReadKeyParams{Principal: b.key.Principal, Operation: b.key.Operation, Key: b.key.Key})
	})
	add(p, &f.fenced, func(q *db.Queries) (bool, error) { return q.Fenced(ctx) })
	addIf(p, &f.party, &f.partyFound, func(q *db.Queries) (db.BookingPartyRow, error) {
		return q.BookingParty(ctx, db.BookingPartyParams{BookedBy: b.by.UserID, PatientID: b.req.PatientID})
	})
}

// clinic reports whether the clinic books, for any patient and without a limit.
func (b *booking) clinic() bool { return b.by.Has(domain.RoleStaff, domain.RoleAdmin) }

// judge says whether the booking may be, and what it is.
func (b *booking) judge(f bookingFacts) (domain.Appointment, offer, domain.Actor, error) {
	actor, err := b.mayBook(f)
	switch {
	case err != nil:
	case !f.scheduleFound:
		err = missing(pgx.ErrNoRows, "doctor")
	case !f.offerFound:
		err = missing(pgx.ErrNoRows, "doctor and appointment type")
	}
	if err != nil {
		return domain.Appointment{}, offer{}, actor, err
	}
	o, err := offerOf(f.offer, b.req.DoctorID, f.since)
	if err != nil {
		return domain.Appointment{}, o, actor, err
	}
	a, err := b.visit(b.req, o)
	return a, o, actor, err
}

// mayBook says as whom the caller books for the patient, whoever the doctor is.
func (b *booking) mayBook(f bookingFacts) (domain.Actor, error) {
	actor := domain.Actor{Kind: domain.ActorPatient, ID: b.by.UserID}
	switch {
	case f.fenced:
		return actor, domain.Errorf(domain.CodeUnavailable, "a restore is under way: nothing is booked until it is done")
	case !f.accountFound:
		return actor, missing(pgx.ErrNoRows, "account")
	case !f.partyFound:
		return actor, missing(pgx.ErrNoRows, "patient")
	case f.party.AccountID != b.by.UserID && !b.clinic():
		return actor, domain.Errorf(domain.CodeNotFound, "there is no such patient, or it is not yours")
	case f.party.AccountID != b.by.UserID:
		actor.Kind = domain.ActorStaff
	case f.party.UnpaidHolds >= MaxUnpaidHolds:
		return actor, domain.Errorf(domain.CodeTooManyHolds, "pay or cancel one of your %d unpaid requests first", f.party.UnpaidHolds)
	}
	return actor, nil
}

// visit is the visit that a request asks for, where it is offered.
func (b *booking) visit(req domain.BookingRequest, o offer) (domain.Appointment, error) {
	if !o.active {
		return domain.Appointment{}, domain.Errorf(domain.CodeDoctorInactive, "this doctor does not take this kind of appointment at the moment")
	}
	slot, err := domain.SlotAt(o.schedule, o.typ.Rules, o.typ.Terms, req.StartsAt.UTC(), b.now)
	if err != nil {
		return domain.Appointment{}, err
	}
	return domain.Appointment{
		ID: domain.NewID(), DoctorID: req.DoctorID, PatientID: req.PatientID, BookedBy: b.by.UserID,
		TypeID: o.typ.ID, TypeName: o.typ.Name, DoctorName: o.doctor, Status: domain.StatusRequested, Version: 1, Generation: 1,
		Visit: slot.Window, Local: slot.Local, Terms: o.typ.Terms, Reason: req.Reason, CreatedAt: b.now, UpdatedAt: b.now,
	}, nil
}

// insert writes the visit with everything that belongs to it, and commits: where nothing
// could be written, that only frees the locks.
func (b *booking) insert(ctx context.Context, conn *pgxpool.Conn, a domain.Appointment, o offer, actor domain.Actor) error {
	params, err := b.row(a, o, actor)
	if err != nil {
		return errors.Join(err, rollback(ctx, conn))
	}
	var r db.InsertAppointmentRow
	p := pipeline{after: "commit"}
	add(&p, &r, func(q *db.Queries) (db.InsertAppointmentRow, error) { return q.InsertAppointment(ctx, params) })
	if err := p.run(ctx, conn); err != nil {
		if duplicate(err) == keyConstraint {
			err = errKeyUsed
		}
		return errors.Join(fmt.Errorf("inserting the appointment: %w", err), rollback(ctx, conn))
	}
	if r.Booked {
		b.resp = domain.StoredResponse{Status: int(params.Status), Body: params.Response}
		return nil
	}
	return b.refused(ctx, db.New(conn), a)
}

func (b *booking) row(a domain.Appointment, o offer, actor domain.Actor) (db.InsertAppointmentParams, error) {
	var sealed []byte
	var keyID string
	var err error
	if a.Reason != "" {
		if sealed, keyID, err = b.store.cipher.Seal([]byte(a.Reason), reasonAAD(a.ID)); err != nil {
			return db.InsertAppointmentParams{}, fmt.Errorf("encrypting the reason: %w", err)
		}
	}
	answer, err := b.render(a)
	if err != nil {
		return db.InsertAppointmentParams{}, fmt.Errorf("rendering the answer: %w", err)
	}
	occupied := a.Terms.Occupied(a.Visit)
	return db.InsertAppointmentParams{
		Stamp: o.stamp, Judged: true, MostHolds: MaxUnpaidHolds, Roles: []string{},
		ID: a.ID, DoctorID: a.DoctorID, PatientID: a.PatientID, BookedBy: a.BookedBy, TypeID: a.TypeID,
		StartsAt: a.Visit.Start, EndsAt: a.Visit.End, OccupiedFrom: occupied.Start, OccupiedTo: occupied.End,
		LocalStart: a.Local, Terms: o.terms, ReasonSealed: sealed, SealedKeyID: optional(keyID), Now: a.CreatedAt,
		ActorKind: string(actor.Kind), ActorID: actor.ID,
		Principal: b.key.Principal, Operation: b.key.Operation, Key: b.key.Key, BodyHash: b.key.BodyHash,
		Status: int32(answer.Status), Response: answer.Body, //nolint:gosec // an HTTP status fits
		Traceparent: b.traceparent,
	}, nil
}

// refused says why nothing was inserted: the same booking was made at the same time under
// the same key, or somebody's time is taken.
func (b *booking) refused(ctx context.Context, q *db.Queries, a domain.Appointment) error {
	row, err := q.ReadKey(ctx, db.ReadKeyParams{Principal: b.key.Principal, Operation: b.key.Operation, Key: b.key.Key})
	if err == nil {
		b.resp, b.replayed, err = answeredBefore(row, b.key)
		return err
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the idempotency key: %w", err)
	}
	return nameConflict(ctx, q, a.ID, a.DoctorID, a.PatientID, a.Visit, a.Terms.Occupied(a.Visit))
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
