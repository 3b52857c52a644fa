package api

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/activities/reconcile"
	"github.com/careflow/careflow/internal/domain"
)

// fakeReconciler notes what it is asked for.
type fakeReconciler struct {
	started int
	visits  []reconcile.VisitInput
	result  reconcile.VisitResult
	err     error
}

func (f *fakeReconciler) Start(context.Context) (string, bool, error) {
	f.started++
	return "run", f.started > 1, f.err
}

func (f *fakeReconciler) Visit(_ context.Context, in reconcile.VisitInput, _ time.Duration) (reconcile.VisitResult, error) {
	f.visits = append(f.visits, in)
	if f.result.Action == "" {
		f.result.Action = domain.RepairReplaced
	}
	return f.result, f.err
}

func (s *fakeStore) ResolveStuck(_ context.Context, id, _ string, by domain.Actor, reason string) error {
	defer s.lock()()
	a := s.visits[id]
	a.Stuck = ""
	s.visits[id] = a
	s.events[id] = append(s.events[id], domain.Event{Version: a.Version, Kind: "stuck_resolved", To: a.Status, Actor: by, ReasonCode: reason, At: now})
	return s.err
}

func (s *fakeStore) Reconciliations(_ context.Context, limit, _ int) ([]domain.Reconciliation, error) {
	defer s.lock()()
	list := []domain.Reconciliation{
		{ID: "r2", Trigger: domain.ByPerson, StartedAt: now},
		{
			ID: "r1", Trigger: domain.BySchedule, StartedAt: now, FinishedAt: now, Counts: domain.ReconcileCounts{Checked: 3, Replaced: 1, Reported: 1},
			Findings: []domain.Finding{{Subject: "outbox/7", Code: domain.FindingOutboxLate, Detail: "start, 9 attempts", At: now}},
		},
	}
	return list[:min(limit, len(list))], s.err
}

func TestAReconciliationIsStartedOrJoinedAndRead(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	post := request{method: http.MethodPost, path: "/v1/ops/reconciliations", token: ops}
	require.JSONEq(t, `{"id":"run","joined":false}`, h.do(post).status(http.StatusAccepted).Body.String())
	require.JSONEq(t, `{"id":"run","joined":true}`, h.do(post).status(http.StatusAccepted).Body.String())
	require.JSONEq(t, `{"items":[
		{"id":"r2","trigger":"person","started_at":"2026-03-01T09:00:00Z","checked":0,"replaced":0,"reported":0,"findings":[]},
		{"id":"r1","trigger":"schedule","started_at":"2026-03-01T09:00:00Z","finished_at":"2026-03-01T09:00:00Z","checked":3,"replaced":1,"reported":1,
		 "findings":[{"subject":"outbox/7","code":"outbox_late","detail":"start, 9 attempts","at":"2026-03-01T09:00:00Z"}]}]}`,
		h.get("/v1/ops/reconciliations", ops).status(http.StatusOK).Body.String())
	h.get("/v1/ops/reconciliations?limit=0", ops).problem(http.StatusBadRequest, domain.CodeInvalid)

	h.repairs.err = domain.Errorf(domain.CodeUnavailable, "away")
	got := h.do(post)
	got.problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	require.NotEmpty(t, got.Header().Get("Retry-After"))
}

func (h *harness) repair(what, key, reason string) reply {
	return h.do(request{
		method: http.MethodPost, path: "/v1/appointments/" + idAppointment + "/" + what, token: h.as(domain.RoleStaff),
		body: `{"reason_code":"` + reason + `"}`, headers: []string{"Idempotency-Key", key},
	})
}

func TestARetryIsCarriedOutOncePerKey(t *testing.T) {
	h := newHarness(t)
	h.repairs.err = domain.Errorf(domain.CodeUnavailable, "no outcome in time")
	h.repair("retry", "k", "cause_removed").problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	h.repairs.err = nil
	require.JSONEq(t, `{"action":"replaced"}`, h.repair("retry", "k", "cause_removed").status(http.StatusOK).Body.String())
	again := h.repair("retry", "k", "cause_removed").status(http.StatusOK)
	require.Equal(t, "true", again.Header().Get(headerReplayed))
	require.Len(t, h.repairs.visits, 2)
	require.Equal(t, h.repairs.visits[0], h.repairs.visits[1], "the same request on each try")
	require.Equal(t, domain.Actor{Kind: domain.ActorStaff, ID: idAccount}, h.repairs.visits[0].Actor)
	require.Equal(t, "cause_removed", h.repairs.visits[0].ReasonCode)

	h.repair("retry", "k", "other").problem(http.StatusUnprocessableEntity, domain.CodeIdempotencyReused)
	h.repair("retry", "k2", "no such reason").problem(http.StatusBadRequest, domain.CodeInvalid)
}

func TestAResolvedVisitIsNotMarkedAnyMore(t *testing.T) {
	h := newHarness(t)
	a := h.store.visits[idAppointment]
	a.Stuck = domain.CodeVendorRejected
	h.store.visits[idAppointment] = a
	for range 2 {
		require.NotContains(t, h.repair("resolve", "k", "row_corrected").status(http.StatusOK).Body.String(), `"stuck"`)
	}
	require.Len(t, h.store.events[idAppointment], 2, "once")

	h.store.err = domain.Errorf(domain.CodeConflict, "not marked")
	h.repair("resolve", "k3", "row_corrected").problem(http.StatusConflict, domain.CodeConflict)
}
