package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
	"github.com/careflow/careflow/internal/telemetry"
)

// OpenCase opens the payment case of an intent, or opens it again, and owes Temporal its
// process, in one transaction. A case that is open already stays as it is.
func (s *Store) OpenCase(ctx context.Context, o domain.CaseOpening) error {
	err := s.inTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockAppointment(ctx, o.AppointmentID); err != nil {
			return missing(err, "appointment")
		}
		c, opened, err := openCase(ctx, q, o)
		if err != nil || !opened {
			return err
		}
		return oweCase(ctx, q, o.AppointmentID, o.IntentID, fmt.Sprintf("payment-case/%s/%d", c.ID, c.Version))
	})
	if err == nil {
		s.Wake()
	}
	return err
}

// openCase returns the intent's case as it stands afterwards. The appointment is locked.
func openCase(ctx context.Context, q *db.Queries, o domain.CaseOpening) (c db.PaymentCase, opened bool, err error) {
	c, err = q.LockCaseOfIntent(ctx, o.IntentID)
	if errors.Is(err, pgx.ErrNoRows) {
		c = db.PaymentCase{ID: domain.NewID(), Version: 1}
		err = q.InsertCase(ctx, db.InsertCaseParams{
			ID: c.ID, IntentID: o.IntentID, AppointmentID: o.AppointmentID, Kind: string(o.Kind), ErrorCode: o.ErrorCode, At: o.At,
		})
		if err != nil {
			return c, false, fmt.Errorf("opening the payment case: %w", err)
		}
	} else if err != nil {
		return c, false, fmt.Errorf("reading the payment case: %w", err)
	} else {
		// Of two causes the one that asks more of people names the case.
		graver := o.Kind != domain.CaseKind(c.Kind) && (o.Kind == domain.CaseDispute || o.Kind == domain.CaseRefundFailed)
		if c.State != string(domain.CaseClosed) && !graver {
			return c, false, nil
		}
		c.Version++
		if err := q.MoveCase(ctx, db.MoveCaseParams{
			ID: c.ID, Kind: string(o.Kind), State: string(domain.CaseOpen), WaitsFor: string(domain.WaitsForProvider),
			ErrorCode: o.ErrorCode, At: o.At, LookAt: o.At, RetryBeyond: c.RetryBeyond,
		}); err != nil {
			return c, false, fmt.Errorf("opening the payment case again: %w", err)
		}
	}
	return c, true, appendCaseEvent(ctx, q, c.ID, c.Version, domain.CaseMove{
		Kind: "opened_" + string(o.Kind), State: domain.CaseOpen, WaitsFor: domain.WaitsForProvider, Actor: domain.System(),
		ErrorCode: o.ErrorCode, At: o.At,
	})
}

// restoredLook is how long a case that a restore opened again may wait for its first look.
const restoredLook = 10 * time.Minute

// RestoreCase opens the case of an intent whose process had gone further than a restored row,
// and owes Temporal the process, which looks and goes on from there. What a person had
// resolved stays so: nothing of it moves by itself.
func (s *Store) RestoreCase(ctx context.Context, o domain.CaseOpening, resolved bool) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockAppointment(ctx, o.AppointmentID); err != nil {
			return missing(err, "appointment")
		}
		c, _, err := openCase(ctx, q, o)
		if err != nil {
			return err
		}
		if !resolved {
			// Behind the fence it does not look at once, and has not lost its process.
			if err := q.SetCaseLook(ctx, db.SetCaseLookParams{ID: c.ID, LookAt: o.At.Add(restoredLook)}); err != nil {
				return fmt.Errorf("putting the look at the payment case off: %w", err)
			}
			return oweCase(ctx, q, o.AppointmentID, o.IntentID, fmt.Sprintf("payment-case/%s/%d/restored", c.ID, c.Version))
		}
		if err := q.SetCaseResolved(ctx, c.ID); err != nil {
			return fmt.Errorf("resolving the payment case: %w", err)
		}
		return moveCase(ctx, q, c, domain.CaseMove{
			Kind: "resolved", Becomes: o.Kind, State: domain.CaseClosed, WaitsFor: domain.WaitsForNothing, Outcome: domain.OutcomeResolved,
			Actor: domain.System(), At: o.At, LookAt: o.At,
		}, c.RetryBeyond)
	})
}

func oweCase(ctx context.Context, q *db.Queries, appointmentID, intentID, dedupe string) error {
	payload, err := json.Marshal(domain.WebhookPayload{IntentID: intentID})
	if err != nil {
		return fmt.Errorf("storing the case's news: %w", err)
	}
	_, err = q.EnqueueOutbox(ctx, db.EnqueueOutboxParams{
		Topic: string(domain.TopicPaymentCase), DedupeKey: dedupe, AppointmentID: &appointmentID, Payload: payload, Traceparent: telemetry.Traceparent(ctx),
	})
	if err != nil {
		return fmt.Errorf("owing the case its process: %w", err)
	}
	return nil
}

func appendCaseEvent(ctx context.Context, q *db.Queries, caseID string, version int32, m domain.CaseMove) error {
	err := q.AppendCaseEvent(ctx, db.AppendCaseEventParams{
		CaseID: caseID, Version: version, Kind: m.Kind, State: string(m.State), WaitsFor: string(m.WaitsFor),
		ActorKind: string(m.Actor.Kind), ActorID: m.Actor.ID, ReasonCode: m.ReasonCode, ErrorCode: m.ErrorCode, At: m.At,
	})
	if err != nil {
		return fmt.Errorf("appending to the case's timeline: %w", err)
	}
	return nil
}

// RouteToCase decides whether an event of the provider is a matter for its intent's
// payment case. If it is, the case is opened where it is not, and the event's own row of
// the outbox becomes the case's, in one transaction: so it can neither be lost nor open
// the case twice.
func (s *Store) RouteToCase(ctx context.Context, row domain.OutboxRow, event domain.WebhookPayload) (routed bool, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		routed = false
		visit, err := q.LockAppointment(ctx, row.AppointmentID)
		if err != nil {
			return missing(err, "appointment")
		}
		news := domain.IntentNews{Event: event, Visit: domain.Status(visit.Status)}
		all, err := paymentsOf(ctx, q, row.AppointmentID)
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.IntentID == event.IntentID {
				news.Recorded, news.Payment, news.CaseOpen = true, p.Status, p.Case != "" && p.Case != domain.CaseClosed
				news.Refunded = p.Refunded
			}
		}
		known, err := refundsOf(ctx, q, event.IntentID)
		if err != nil {
			return err
		}
		for _, r := range known {
			if r.Status == domain.RefundBegun { // the echo of our own, perhaps
				news.Refunded += r.Minor
			}
		}
		kind, ours := news.Case()
		if !ours {
			return nil
		}
		routed = true
		if kind != domain.CaseUnsettled && kind != domain.CaseRefundByHand || !news.CaseOpen {
			_, _, err := openCase(ctx, q, domain.CaseOpening{
				AppointmentID: row.AppointmentID, IntentID: event.IntentID, Kind: kind, At: now(),
			})
			if err != nil {
				return err
			}
		}
		return q.TurnIntoCase(ctx, row.ID)
	})
	return routed, err
}

// CaseWork returns what the process of an intent's case works from. CodeNotFound when
// there is no case.
func (s *Store) CaseWork(ctx context.Context, intentID string) (domain.CaseWork, error) {
	row, err := s.q.CaseOfIntent(ctx, intentID)
	if err != nil {
		return domain.CaseWork{}, missing(err, "payment case")
	}
	visit, err := s.q.VisitOfIntent(ctx, intentID)
	if err != nil {
		return domain.CaseWork{}, missing(err, "appointment")
	}
	all, err := s.Payments(ctx, row.AppointmentID)
	if err != nil {
		return domain.CaseWork{}, err
	}
	work := domain.CaseWork{Status: domain.Status(visit.Status)}
	for _, p := range all {
		if p.IntentID == intentID {
			work.Payment = p
		}
	}
	work.Kept = domain.KeptShare(visit.KeptMinor, all, work.Payment.Generation)
	work.Case = caseOf(row, work.Payment.Amount, work.Payment.Captured, work.Payment.Refunded, work.Payment.ChargedBack)
	return work, nil
}

func caseOf(c db.PaymentCase, amount domain.Money, captured, refunded, chargedBack int64) domain.PaymentCase {
	return domain.PaymentCase{
		ID: c.ID, IntentID: c.IntentID, AppointmentID: c.AppointmentID, Kind: domain.CaseKind(c.Kind), State: domain.CaseState(c.State),
		WaitsFor: domain.CaseWait(c.WaitsFor), WaitingSince: c.WaitingSince.UTC(), Version: int(c.Version), ErrorCode: c.ErrorCode,
		Outcome: c.Outcome, RetryBeyond: int(c.RetryBeyond), LookAt: c.LookAt.UTC(), Amount: amount, Captured: captured,
		Refunded: refunded, ChargedBack: chargedBack,
		Dispute: domain.Dispute{
			ID: c.DisputeID, Status: c.DisputeStatus, Reason: c.DisputeReason, Minor: c.DisputeMinor, EvidenceBy: utc(c.EvidenceBy),
		},
		OpenedAt: c.OpenedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(), ClosedAt: utc(c.ClosedAt),
	}
}

// MoveCase takes over how its process found a case. What people see of it, when it
// changed, is a new version with a line in its timeline; otherwise only the time of the
// next look is kept. CodeUnavailable when someone else moved the case in the meantime:
// look again.
func (s *Store) MoveCase(ctx context.Context, m domain.CaseMove) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		c, err := q.LockCaseOfIntent(ctx, m.IntentID)
		if err != nil {
			return missing(err, "payment case")
		}
		if int(c.Version) != m.Version {
			return domain.Errorf(domain.CodeUnavailable, "the case was changed meanwhile: look again")
		}
		if m.Becomes == "" {
			m.Becomes = domain.CaseKind(c.Kind)
		}
		same := c.Kind == string(m.Becomes) && c.State == string(m.State) && c.WaitsFor == string(m.WaitsFor) && c.ErrorCode == m.ErrorCode && c.Outcome == m.Outcome
		if same {
			return q.SetCaseLook(ctx, db.SetCaseLookParams{ID: c.ID, LookAt: m.LookAt})
		}
		return moveCase(ctx, q, c, m, c.RetryBeyond)
	})
}

func moveCase(ctx context.Context, q *db.Queries, c db.PaymentCase, m domain.CaseMove, retryBeyond int32) error {
	kind := c.Kind
	if m.Becomes != "" {
		kind = string(m.Becomes)
	}
	err := q.MoveCase(ctx, db.MoveCaseParams{
		ID: c.ID, Kind: kind, State: string(m.State), WaitsFor: string(m.WaitsFor), ErrorCode: m.ErrorCode, Outcome: m.Outcome,
		At: m.At, LookAt: m.LookAt, RetryBeyond: retryBeyond,
	})
	if err != nil {
		return fmt.Errorf("moving the payment case: %w", err)
	}
	return appendCaseEvent(ctx, q, c.ID, c.Version+1, m)
}

// BookDispute brings what the provider says of a dispute into the case, and a lost one
// into the books: its receipt, and its line in the visit's timeline, once.
func (s *Store) BookDispute(ctx context.Context, appointmentID, intentID string, d domain.Dispute) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		row, err := q.LockAppointment(ctx, appointmentID)
		if err != nil {
			return missing(err, "appointment")
		}
		err = q.SetCaseDispute(ctx, db.SetCaseDisputeParams{
			IntentID: intentID, DisputeID: d.ID, DisputeStatus: d.Status, DisputeReason: d.Reason, DisputeMinor: d.Minor,
			EvidenceBy: optionalTime(d.EvidenceBy),
		})
		if err != nil || !d.Lost() {
			return err
		}
		fact := "dispute-lost/" + d.ID
		_, err = q.TransitionDone(ctx, db.TransitionDoneParams{AppointmentID: appointmentID, TransitionID: fact})
		if err == nil {
			return nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("looking for the fact: %w", err)
		}
		money, err := q.MoneyOfIntent(ctx, intentID)
		if err != nil {
			return missing(err, "payment")
		}
		at := now()
		if err := q.AddChargedBack(ctx, db.AddChargedBackParams{IntentID: intentID, Minor: d.Minor}); err != nil {
			return fmt.Errorf("booking the lost dispute: %w", err)
		}
		if err := issueReceipt(ctx, q, money, intentID, domain.ReceiptChargeback, d.Minor, at); err != nil {
			return err
		}
		return appendFact(ctx, q, row, fact, "dispute_lost", at)
	})
}

// LettersOwed reports whether an appointment owes letters.
func (s *Store) LettersOwed(ctx context.Context, appointmentID string) (bool, error) {
	return s.q.LettersOwed(ctx, appointmentID)
}

// now is truncated as the database does, so that what is answered is what is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
