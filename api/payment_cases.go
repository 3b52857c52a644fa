package api

import (
	"context"
	"net/http"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListPaymentCases lists the money that does not go its usual way.
func (h *handlers) ListPaymentCases(ctx context.Context, req openapi.ListPaymentCasesRequestObject) (openapi.ListPaymentCasesResponseObject, error) {
	ctx, _ = begin(ctx)
	p := req.Params
	filter := domain.CaseFilter{
		States:        convert(p.State, func(s openapi.PaymentCaseState) domain.CaseState { return domain.CaseState(s) }),
		AppointmentID: p.AppointmentID,
	}
	page := domain.Page{Limit: p.Limit + 1} // one more tells whether there is another page
	if p.Cursor != "" {
		var err error
		if page.AfterTime, page.AfterID, err = decodeCursor(p.Cursor); err != nil {
			return nil, err
		}
	}
	rows, err := h.store.PaymentCases(ctx, filter, page)
	if err != nil {
		return nil, err
	}
	rows, next := cutPage(rows, p.Limit, func(r domain.PaymentCase) string { return encodePosition(r.OpenedAt, r.ID) })
	return openapi.ListPaymentCases200JSONResponse{NextCursor: next, Items: convert(rows, caseView)}, nil
}

// GetPaymentCase shows one case with its timeline.
func (h *handlers) GetPaymentCase(ctx context.Context, req openapi.GetPaymentCaseRequestObject) (openapi.GetPaymentCaseResponseObject, error) {
	ctx, _ = begin(ctx)
	c, events, err := h.store.PaymentCase(ctx, req.CaseID)
	return openapi.GetPaymentCase200JSONResponse{
		Headers: openapi.GetPaymentCase200ResponseHeaders{ETag: etag(c.Version)},
		Body: openapi.PaymentCaseRecord{Case: caseView(c), Events: convert(events, func(e domain.CaseEvent) openapi.PaymentCaseEvent {
			return openapi.PaymentCaseEvent{
				Version: e.Version, Kind: e.Kind, State: openapi.PaymentCaseState(e.State), WaitsFor: string(e.WaitsFor),
				Actor: openapi.Actor{Kind: openapi.ActorKind(e.Actor.Kind), ID: e.Actor.ID}, ReasonCode: e.ReasonCode, ErrorCode: e.ErrorCode, At: e.At,
			}
		})},
	}, err
}

// RetryPaymentCase lets a case's process try again.
func (h *handlers) RetryPaymentCase(ctx context.Context, req openapi.RetryPaymentCaseRequestObject) (openapi.RetryPaymentCaseResponseObject, error) {
	return h.decide(ctx, h.store.RetryCase, req.CaseID, req.Params.IdempotencyKey, req.Params.IfMatch, string(req.Body.ReasonCode), *req.Body)
}

// ResolvePaymentCase closes a case that a person saw to.
func (h *handlers) ResolvePaymentCase(ctx context.Context, req openapi.ResolvePaymentCaseRequestObject) (openapi.ResolvePaymentCaseResponseObject, error) {
	return h.decide(ctx, h.store.ResolveCase, req.CaseID, req.Params.IdempotencyKey, req.Params.IfMatch, string(req.Body.ReasonCode), *req.Body)
}

// decide keeps a person's decision about a case, once per key.
func (h *handlers) decide(ctx context.Context, carryOut caseDecision, caseID, idempotencyKey, match, reason string, body any) (answer, error) {
	ctx, who := begin(ctx)
	expect, err := ifMatch(match)
	if err != nil {
		return answer{}, err
	}
	key, err := who.idempotencyKey(caseID, idempotencyKey, body)
	if err != nil {
		return answer{}, err
	}
	by := domain.Actor{Kind: domain.ActorStaff, ID: who.caller.UserID}
	stored, replayed, err := carryOut(ctx, caseID, by, reason, expect, key, func(c domain.PaymentCase) (domain.StoredResponse, error) {
		done, err := jsonAnswer(http.StatusOK, caseView(c))
		return done.stored(), err
	})
	if err != nil {
		return answer{}, err
	}
	done := answerOf(stored)
	if replayed {
		done = done.with(headerReplayed, "true")
	}
	return done, nil
}

func caseView(c domain.PaymentCase) openapi.PaymentCase {
	in := func(minor int64) openapi.Money {
		return openapi.Money{Minor: minor, Currency: c.Amount.Currency}
	}
	view := openapi.PaymentCase{
		ID: c.ID, IntentID: c.IntentID, AppointmentID: c.AppointmentID, Kind: openapi.PaymentCaseKind(c.Kind),
		State: openapi.PaymentCaseState(c.State), WaitsFor: openapi.PaymentCaseWaitsFor(c.WaitsFor), WaitingSince: c.WaitingSince,
		Version: c.Version, ErrorCode: c.ErrorCode, Outcome: openapi.PaymentCaseOutcome(c.Outcome),
		Amount: in(c.Amount.Minor), Captured: in(c.Captured), Refunded: in(c.Refunded), ChargedBack: in(c.ChargedBack),
		OpenedAt: c.OpenedAt, UpdatedAt: c.UpdatedAt, ClosedAt: c.ClosedAt,
	}
	if d := c.Dispute; d.ID != "" {
		view.DisputeStatus, view.DisputeReason, view.Disputed, view.EvidenceBy = d.Status, d.Reason, in(d.Minor), d.EvidenceBy
	}
	return view
}

// caseDecision is one of a person's two ways to go on with a case.
type caseDecision func(ctx context.Context, id string, by domain.Actor, reason string, expect int, key domain.IdempotencyKey,
	render func(domain.PaymentCase) (domain.StoredResponse, error)) (resp domain.StoredResponse, replayed bool, err error)

// PaymentCases is what the API asks of the database about payment cases.
type PaymentCases interface {
	// PaymentCases lists the newest first, by (opened, ID).
	PaymentCases(ctx context.Context, f domain.CaseFilter, p domain.Page) ([]domain.PaymentCase, error)
	PaymentCase(ctx context.Context, id string) (domain.PaymentCase, []domain.CaseEvent, error)
	// RetryCase and ResolveCase take a person's decision at a version (0: any) and keep the
	// answer that render makes, in one transaction. CodeConflict for a case that does not
	// wait for a person, CodeStale for another version.
	RetryCase(ctx context.Context, id string, by domain.Actor, reason string, expect int, key domain.IdempotencyKey,
		render func(domain.PaymentCase) (domain.StoredResponse, error)) (resp domain.StoredResponse, replayed bool, err error)
	ResolveCase(ctx context.Context, id string, by domain.Actor, reason string, expect int, key domain.IdempotencyKey,
		render func(domain.PaymentCase) (domain.StoredResponse, error)) (resp domain.StoredResponse, replayed bool, err error)
}

func (a answer) VisitRetryPaymentCaseResponse(w http.ResponseWriter) error   { return a.write(w) }
func (a answer) VisitResolvePaymentCaseResponse(w http.ResponseWriter) error { return a.write(w) }
