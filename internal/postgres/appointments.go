package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

func validID(id string) bool { return uuid.Validate(id) == nil }

// Appointment returns a full record within the caller's scope, its clinical text
// decrypted. The line that says who reads it is on the disk before. Outside the scope it
// is CodeNotFound, and nothing is noted.
func (s *Store) Appointment(ctx context.Context, scope domain.Scope, id string, by domain.Access) (domain.Appointment, error) {
	if !validID(id) || !validID(by.Caller.UserID) {
		return domain.Appointment{}, missing(pgx.ErrNoRows, "appointment")
	}
	row, err := s.readings.read(ctx, scope, id, by)
	if err != nil {
		return domain.Appointment{}, missing(err, "appointment")
	}
	return s.record(row)
}

// record is a row with its clinical text.
func (s *Store) record(row db.AppointmentByIDRow) (domain.Appointment, error) {
	a, err := s.appointmentOfRow(row)
	if err != nil {
		return a, err
	}
	for _, text := range []struct {
		sealed []byte
		aad    string
		into   *string
	}{{row.ReasonSealed, reasonAAD(a.ID), &a.Reason}, {row.NotesSealed, notesAAD(a.ID), &a.Notes}} {
		if len(text.sealed) == 0 {
			continue
		}
		plain, err := s.cipher.Open(text.sealed, deref(row.SealedKeyID), text.aad)
		if err != nil {
			return a, fmt.Errorf("decrypting the record of %s: %w", a.ID, err)
		}
		*text.into = string(plain)
	}
	return a, nil
}

// ProcessInput returns an appointment as its process starts or resumes from: without
// clinical text and without the client secret. It is not an access to a record.
func (s *Store) ProcessInput(ctx context.Context, id string) (domain.Appointment, error) {
	row, err := s.q.AppointmentByID(ctx, scopedParams(domain.Scope{All: true}, id))
	if err != nil {
		return domain.Appointment{}, missing(err, "appointment")
	}
	row.ClientSecretSealed = nil
	return s.appointmentOfRow(row)
}

func scopedParams(scope domain.Scope, id string) db.AppointmentByIDParams {
	return db.AppointmentByIDParams{
		ID: id, AllVisits: scope.All, ScopeDoctor: optional(scope.DoctorID), ScopeAccount: optional(scope.AccountID),
	}
}

func (s *Store) appointmentOfRow(r db.AppointmentByIDRow) (domain.Appointment, error) {
	a := domain.Appointment{
		ID: r.ID, DoctorID: r.DoctorID, PatientID: r.PatientID, BookedBy: r.BookedBy, TypeID: r.TypeID,
		AccountID: r.AccountID, JoinURL: r.JoinUrl,
		TypeName: r.TypeName, DoctorName: r.DoctorName, Status: domain.Status(r.Status),
		Version: int(r.Version), Generation: int(r.Generation),
		Visit: domain.Window{Start: r.StartsAt.UTC(), End: r.EndsAt.UTC()}, Local: r.LocalStart,
		Reschedules: int(r.Reschedules), Sequence: int(r.Sequence), PayBy: utc(r.PayBy), AnswerBy: utc(r.AnswerBy),
		Kept: r.KeptMinor, CancelledBy: domain.ActorKind(deref(r.EndedBy)), ReasonCode: deref(r.ReasonCode),
		Stuck: domain.Code(deref(r.Stuck)), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		EndedAt: utc(r.EndedAt), ProcessStarted: r.ProcessRunID != nil, OverBy: utc(r.OverBy), CaseID: r.CaseID, Graces: int(r.Graces),
		Fee: domain.NoShowFee{Status: domain.FeeStatus(deref(r.FeeStatus)), Minor: r.FeeMinor, Until: utc(r.FeeUntil)},
	}
	var err error
	if a.Terms, err = s.terms.of(r.Terms); err != nil {
		return a, fmt.Errorf("reading the terms of %s: %w", a.ID, err)
	}
	if r.IntentID == nil {
		return a, nil
	}
	a.Payment = domain.Payment{
		IntentID: *r.IntentID, Status: domain.PaymentStatus(deref(r.PaymentStatus)),
		Amount:   domain.Money{Minor: deref(r.AmountMinor), Currency: deref(r.Currency)},
		Captured: deref(r.CapturedMinor), Refunded: deref(r.RefundedMinor), CaptureBefore: utc(r.CaptureBefore),
	}
	if len(r.ClientSecretSealed) > 0 {
		secret, err := s.cipher.Open(r.ClientSecretSealed, deref(r.PaymentKeyID), secretAAD(a.ID, a.Generation))
		if err != nil {
			return a, fmt.Errorf("decrypting the client secret of %s: %w", a.ID, err)
		}
		a.Payment.ClientSecret = string(secret)
	}
	return a, nil
}

// Appointments lists what the scope and the filter leave, by start and ID, without
// clinical text and client secrets.
func (s *Store) Appointments(ctx context.Context, scope domain.Scope, f domain.AppointmentFilter, p domain.Page) ([]domain.Appointment, error) {
	rows, err := s.listed(ctx, scope, f, p)
	if err != nil {
		return nil, fmt.Errorf("listing appointments: %w", err)
	}
	list := make([]domain.Appointment, 0, len(rows))
	for _, r := range rows {
		terms, err := s.terms.of(r.Terms)
		if err != nil {
			return nil, fmt.Errorf("reading the terms of %s: %w", r.ID, err)
		}
		a := domain.Appointment{
			ID: r.ID, DoctorID: r.DoctorID, PatientID: r.PatientID, BookedBy: r.BookedBy, TypeID: r.TypeID,
			TypeName: r.TypeName, DoctorName: r.DoctorName, Status: domain.Status(r.Status),
			Version: int(r.Version), Generation: int(r.Generation),
			Visit: domain.Window{Start: r.StartsAt.UTC(), End: r.EndsAt.UTC()}, Local: r.LocalStart,
			Reschedules: int(r.Reschedules), Sequence: int(r.Sequence), PayBy: utc(r.PayBy), AnswerBy: utc(r.AnswerBy),
			CancelledBy: domain.ActorKind(deref(r.EndedBy)), ReasonCode: deref(r.ReasonCode),
			Stuck: domain.Code(deref(r.Stuck)), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
			EndedAt: utc(r.EndedAt), ProcessStarted: r.ProcessRunID != nil, OverBy: utc(r.OverBy), Terms: terms, CaseID: r.CaseID,
			Fee: domain.NoShowFee{Status: domain.FeeStatus(deref(r.FeeStatus)), Minor: r.FeeMinor, Until: utc(r.FeeUntil)},
		}
		if r.PaymentStatus != nil {
			a.Payment = domain.Payment{
				Status:   domain.PaymentStatus(*r.PaymentStatus),
				Amount:   domain.Money{Minor: deref(r.AmountMinor), Currency: deref(r.Currency)},
				Captured: deref(r.CapturedMinor), Refunded: deref(r.RefundedMinor),
			}
		}
		list = append(list, a)
	}
	return list, nil
}

// Timeline returns what happened to an appointment, oldest first.
func (s *Store) Timeline(ctx context.Context, scope domain.Scope, id string) ([]domain.Event, error) {
	if err := s.visible(ctx, scope, id); err != nil {
		return nil, err
	}
	rows, err := s.q.Timeline(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the timeline: %w", err)
	}
	events := make([]domain.Event, 0, len(rows))
	for _, r := range rows {
		events = append(events, domain.Event{
			Seq: int(r.Seq), Version: int(r.Version), Transition: r.TransitionID, Kind: r.Kind, From: domain.Status(r.FromStatus),
			To: domain.Status(r.ToStatus), Actor: domain.Actor{Kind: domain.ActorKind(r.ActorKind), ID: r.ActorID},
			ReasonCode: r.ReasonCode, At: r.At.UTC(),
		})
	}
	return events, nil
}

// Messages returns an appointment's message ledger, oldest first.
func (s *Store) Messages(ctx context.Context, scope domain.Scope, id string) ([]domain.Message, error) {
	if err := s.visible(ctx, scope, id); err != nil {
		return nil, err
	}
	rows, err := s.q.MessagesOf(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the messages: %w", err)
	}
	messages := make([]domain.Message, 0, len(rows))
	for _, r := range rows {
		messages = append(messages, messageOf(r))
	}
	return messages, nil
}

func (s *Store) visible(ctx context.Context, scope domain.Scope, id string) error {
	ok, err := s.q.AppointmentVisible(ctx, db.AppointmentVisibleParams{
		ID: id, AllVisits: scope.All, ScopeDoctor: optional(scope.DoctorID), ScopeAccount: optional(scope.AccountID),
	})
	if err != nil {
		return fmt.Errorf("looking the appointment up: %w", err)
	}
	if !ok {
		return domain.Errorf(domain.CodeNotFound, "there is no such appointment, or it is not yours")
	}
	return nil
}
