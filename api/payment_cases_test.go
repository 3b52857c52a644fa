package api

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

const idCase = "01950000-0000-7000-8000-0000000000ca"

func exampleCase() domain.PaymentCase {
	return domain.PaymentCase{
		ID: idCase, IntentID: "pi_1", AppointmentID: idAppointment, Kind: domain.CaseRefundFailed, State: domain.CaseNeedsPerson,
		WaitsFor: domain.WaitsForPerson, WaitingSince: now, Version: 1, ErrorCode: "refund_failed",
		Amount: domain.Money{Minor: 8000, Currency: "EUR"}, Captured: 8000, OpenedAt: now, UpdatedAt: now,
	}
}

// fakeCases is one case that waits for a person.
type fakeCases struct {
	filters []domain.CaseFilter
	reasons []string
	actors  []domain.Actor
}

func (s *fakeStore) PaymentCases(_ context.Context, f domain.CaseFilter, p domain.Page) ([]domain.PaymentCase, error) {
	defer s.lock()()
	s.cases.filters = append(s.cases.filters, f)
	older := exampleCase()
	older.ID, older.OpenedAt = idType, now.Add(-time.Hour)
	older.Dispute = domain.Dispute{ID: "dp_1", Status: "needs_response", Reason: "general", Minor: 8000, EvidenceBy: now}
	list := []domain.PaymentCase{exampleCase(), older}
	if p.AfterID == idCase {
		list = list[1:]
	}
	return list[:min(len(list), p.Limit)], s.err
}

func (s *fakeStore) PaymentCase(_ context.Context, id string) (domain.PaymentCase, []domain.CaseEvent, error) {
	defer s.lock()()
	if id != idCase || s.err != nil {
		return domain.PaymentCase{}, nil, firstError(s.err, notFound())
	}
	return exampleCase(), []domain.CaseEvent{{Version: 1, Kind: "opened_refund_failed", State: domain.CaseOpen, WaitsFor: domain.WaitsForProvider, Actor: domain.System(), At: now}}, nil
}

func (s *fakeStore) decideCase(id string, by domain.Actor, reason string, expect int, key domain.IdempotencyKey, state domain.CaseState,
	render func(domain.PaymentCase) (domain.StoredResponse, error),
) (domain.StoredResponse, bool, error) {
	defer s.lock()()
	c := exampleCase()
	switch {
	case s.err != nil || id != idCase:
		return domain.StoredResponse{}, false, firstError(s.err, notFound())
	case expect != 0 && expect != c.Version:
		return domain.StoredResponse{}, false, domain.Errorf(domain.CodeStale, "changed")
	}
	if kept, err := s.kept(key); err != nil || kept != nil {
		return deref(kept), kept != nil, err
	}
	s.cases.reasons, s.cases.actors = append(s.cases.reasons, reason), append(s.cases.actors, by)
	c.State, c.Version = state, 2
	resp, err := render(c)
	s.answers[keyText(key)] = keptAnswer{hash: key.BodyHash, resp: &resp}
	return resp, false, err
}

func (s *fakeStore) RetryCase(_ context.Context, id string, by domain.Actor, reason string, expect int, key domain.IdempotencyKey,
	render func(domain.PaymentCase) (domain.StoredResponse, error),
) (domain.StoredResponse, bool, error) {
	return s.decideCase(id, by, reason, expect, key, domain.CaseOpen, render)
}

func (s *fakeStore) ResolveCase(_ context.Context, id string, by domain.Actor, reason string, expect int, key domain.IdempotencyKey,
	render func(domain.PaymentCase) (domain.StoredResponse, error),
) (domain.StoredResponse, bool, error) {
	return s.decideCase(id, by, reason, expect, key, domain.CaseClosed, render)
}

func TestPaymentCasesAreListedByStateAndPage(t *testing.T) {
	h := newHarness(t)
	staff := h.as(domain.RoleStaff)
	first := h.get("/v1/payment-cases?state=needs_person&state=retrying&limit=1&appointment_id="+idAppointment, staff).status(http.StatusOK)
	require.Equal(t, domain.CaseFilter{States: []domain.CaseState{domain.CaseNeedsPerson, domain.CaseRetrying}, AppointmentID: idAppointment}, h.store.cases.filters[0])
	require.Contains(t, first.Body.String(), idCase)
	next := exampleCase()
	second := h.get("/v1/payment-cases?limit=1&cursor="+encodePosition(next.OpenedAt, next.ID), staff).status(http.StatusOK)
	require.Contains(t, second.Body.String(), `"evidence_by"`)
	require.NotContains(t, second.Body.String(), "next_cursor")
	h.get("/v1/payment-cases?state=lost", staff).problem(http.StatusBadRequest, domain.CodeInvalid)
	h.get("/v1/payment-cases?cursor=x", staff).problem(http.StatusBadRequest, domain.CodeInvalid)

	one := h.get("/v1/payment-cases/"+idCase, staff).status(http.StatusOK)
	require.Equal(t, `"1"`, one.Header().Get("ETag"))
	require.Contains(t, one.Body.String(), "opened_refund_failed")
	h.get("/v1/payment-cases/"+idNobody, staff).problem(http.StatusNotFound, domain.CodeNotFound)
}

func (h *harness) decision(verb, reason, key string, version int) reply {
	return h.do(request{
		method: http.MethodPost, path: "/v1/payment-cases/" + idCase + "/" + verb, token: h.as(domain.RoleAdmin),
		body:    `{"reason_code":"` + reason + `"}`,
		headers: []string{"Idempotency-Key", key, "If-Match", strconv.Quote(strconv.Itoa(version))},
	})
}

func TestAPersonsDecisionAboutACaseCountsOnce(t *testing.T) {
	h := newHarness(t)
	require.Contains(t, h.decision("retry", "payer_reached", "k", 1).status(http.StatusOK).Body.String(), `"state":"open"`)
	require.Equal(t, "true", h.decision("retry", "payer_reached", "k", 1).status(http.StatusOK).Header().Get(headerReplayed))
	require.Contains(t, h.decision("resolve", "written_off", "k2", 1).status(http.StatusOK).Body.String(), `"state":"closed"`)
	require.Equal(t, []string{"payer_reached", "written_off"}, h.store.cases.reasons)
	require.Equal(t, domain.Actor{Kind: domain.ActorStaff, ID: idAccount}, h.store.cases.actors[0])

	h.decision("retry", "other", "k", 1).problem(http.StatusUnprocessableEntity, domain.CodeIdempotencyReused)
	h.decision("resolve", "written_off", "k3", 7).problem(http.StatusPreconditionFailed, domain.CodeStale)
	h.decision("resolve", "because", "k4", 1).problem(http.StatusBadRequest, domain.CodeInvalid)
	h.store.err = domain.Errorf(domain.CodeConflict, "it goes on by itself")
	h.decision("retry", "other", "k5", 1).problem(http.StatusConflict, domain.CodeConflict)
}

func TestAnOpenCaseShowsOnTheVisitToStaffAlone(t *testing.T) {
	h := newHarness(t)
	a := h.store.visits[idAppointment]
	a.CaseID = idCase
	h.store.visits[idAppointment] = a
	require.Contains(t, h.get("/v1/appointments/"+idAppointment, h.as(domain.RoleStaff)).status(http.StatusOK).Body.String(), idCase)
	require.NotContains(t, h.get("/v1/appointments/"+idAppointment, h.as(domain.RolePatient)).status(http.StatusOK).Body.String(), idCase)
}
