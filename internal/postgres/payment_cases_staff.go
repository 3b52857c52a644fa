package postgres

import (
	"context"
	"fmt"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/db"
)

// PaymentCases lists cases, the newest first; the page's position is (opened, ID).
func (s *Store) PaymentCases(ctx context.Context, f domain.CaseFilter, p domain.Page) ([]domain.PaymentCase, error) {
	params := db.PaymentCasesParams{
		States: []string{}, AppointmentID: optional(f.AppointmentID), MaxRows: int32(p.Limit), //nolint:gosec // bounded by the API
	}
	for _, state := range f.States {
		params.States = append(params.States, string(state))
	}
	if p.AfterID != "" {
		params.Before, params.BeforeID = &p.AfterTime, &p.AfterID
	}
	rows, err := s.q.PaymentCases(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("listing the payment cases: %w", err)
	}
	list := make([]domain.PaymentCase, 0, len(rows))
	for _, r := range rows {
		list = append(list, shownCase(db.PaymentCaseRow(r)))
	}
	return list, nil
}

func shownCase(r db.PaymentCaseRow) domain.PaymentCase {
	return caseOf(r.PaymentCase, domain.Money{Minor: r.AmountMinor, Currency: r.Currency}, r.CapturedMinor, r.RefundedMinor, r.ChargedBackMinor)
}

// PaymentCase returns one case with its timeline, oldest first. CodeNotFound.
func (s *Store) PaymentCase(ctx context.Context, id string) (domain.PaymentCase, []domain.CaseEvent, error) {
	row, err := s.q.PaymentCase(ctx, id)
	if err != nil {
		return domain.PaymentCase{}, nil, missing(err, "payment case")
	}
	rows, err := s.q.CaseEvents(ctx, id)
	if err != nil {
		return domain.PaymentCase{}, nil, fmt.Errorf("reading the case's timeline: %w", err)
	}
	events := make([]domain.CaseEvent, 0, len(rows))
	for _, e := range rows {
		events = append(events, domain.CaseEvent{
			Version: int(e.Version), Kind: e.Kind, State: domain.CaseState(e.State), WaitsFor: domain.CaseWait(e.WaitsFor),
			Actor: domain.Actor{Kind: domain.ActorKind(e.ActorKind), ID: e.ActorID}, ReasonCode: e.ReasonCode, ErrorCode: e.ErrorCode, At: e.At.UTC(),
		})
	}
	return shownCase(row), events, nil
}

// RetryCase lets the process of a case that waits for a person try again: after a refund
// that failed for good, with a new one. expect is the version it was read at, 0 for any
// (CodeStale otherwise). A case that waits for nobody here is CodeConflict.
func (s *Store) RetryCase(ctx context.Context, id string, by domain.Actor, reason string, expect int, key domain.IdempotencyKey,
	render func(domain.PaymentCase) (domain.StoredResponse, error),
) (domain.StoredResponse, bool, error) {
	return s.decideCase(ctx, id, expect, key, render, func(ctx context.Context, q *db.Queries, c db.PaymentCase) error {
		known, err := refundsOf(ctx, q, c.IntentID)
		if err != nil {
			return err
		}
		at := now()
		return moveCase(ctx, q, c, domain.CaseMove{
			Kind: "retried", State: domain.CaseOpen, WaitsFor: domain.WaitsForProvider, Actor: by, ReasonCode: reason, At: at, LookAt: at,
		}, int32(len(known))) //nolint:gosec // a small count
	})
}

// ResolveCase closes a case that waits for a person, who says how the money was seen to.
// Its process moves nothing any more. Errors as RetryCase, and CodeConflict while nobody
// knows whether a refund of ours has happened.
func (s *Store) ResolveCase(ctx context.Context, id string, by domain.Actor, reason string, expect int, key domain.IdempotencyKey,
	render func(domain.PaymentCase) (domain.StoredResponse, error),
) (domain.StoredResponse, bool, error) {
	return s.decideCase(ctx, id, expect, key, render, func(ctx context.Context, q *db.Queries, c db.PaymentCase) error {
		known, err := refundsOf(ctx, q, c.IntentID)
		if err != nil {
			return err
		}
		for _, r := range known {
			if r.Status == domain.RefundBegun || r.Status == domain.RefundPending {
				return domain.Errorf(domain.CodeConflict, "a refund is on its way, or may be: retry, and wait for what becomes of it")
			}
		}
		if err := q.SetCaseResolved(ctx, c.ID); err != nil {
			return fmt.Errorf("resolving the payment case: %w", err)
		}
		at := now()
		return moveCase(ctx, q, c, domain.CaseMove{
			Kind: "resolved", State: domain.CaseClosed, WaitsFor: domain.WaitsForNothing, Outcome: domain.OutcomeResolved,
			Actor: by, ReasonCode: reason, At: at, LookAt: at,
		}, c.RetryBeyond)
	})
}

// decideCase carries out a person's decision once per key, under the locks of visit and
// case, and owes the case's process the news.
func (s *Store) decideCase(ctx context.Context, id string, expect int, key domain.IdempotencyKey,
	render func(domain.PaymentCase) (domain.StoredResponse, error), decide func(context.Context, *db.Queries, db.PaymentCase) error,
) (domain.StoredResponse, bool, error) {
	resp, replayed, err := s.once(ctx, key, func(q *db.Queries) (domain.StoredResponse, error) {
		none := domain.StoredResponse{}
		found, err := q.PaymentCase(ctx, id)
		if err != nil {
			return none, missing(err, "payment case")
		}
		if _, err := q.LockAppointment(ctx, found.PaymentCase.AppointmentID); err != nil {
			return none, missing(err, "appointment")
		}
		c, err := q.LockCase(ctx, id)
		if err != nil {
			return none, missing(err, "payment case")
		}
		if expect != 0 && int(c.Version) != expect {
			return none, domain.Errorf(domain.CodeStale, "the case was changed since it was read: read it again")
		}
		if c.WaitsFor != string(domain.WaitsForPerson) {
			return none, notForPerson(c)
		}
		if err := decide(ctx, q, c); err != nil {
			return none, err
		}
		if err := oweCase(ctx, q, c.AppointmentID, c.IntentID, fmt.Sprintf("payment-case/%s/%d", c.ID, c.Version+1)); err != nil {
			return none, err
		}
		if found, err = q.PaymentCase(ctx, id); err != nil {
			return none, missing(err, "payment case")
		}
		return render(shownCase(found))
	})
	if err == nil && !replayed {
		s.Wake()
	}
	return resp, replayed, err
}

func notForPerson(c db.PaymentCase) error {
	switch domain.CaseWait(c.WaitsFor) { //nolint:exhaustive // the others are one answer
	case domain.WaitsForEvidence, domain.WaitsForDispute:
		return domain.Errorf(domain.CodeConflict, "answer or accept the dispute at the payment provider: the case follows it")
	case domain.WaitsForNothing:
		return domain.Errorf(domain.CodeConflict, "this case is closed")
	}
	return domain.Errorf(domain.CodeConflict, "this case waits for the %s: its process goes on by itself", c.WaitsFor)
}
