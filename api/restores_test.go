package api

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/restore"
)

const idRestore = "0195a1b2-0000-7000-8000-0000000000d1"

// fakeRestores has one restore, which waits for the swap, and keeps what it was told.
type fakeRestores struct {
	record domain.RestoreRecord
	filter domain.RestoreFilter
	visits domain.LostVisitFilter
	began  []restore.Input
	noted  []domain.RestoreRecord
	said   []restore.Say
	err    error
}

func newFakeRestores() *fakeRestores {
	rows := int64(3)
	return &fakeRestores{record: domain.RestoreRecord{
		RestoreID: idRestore, Target: "clinic", State: domain.RestoreAwaitingSwap, RequestedBy: idAccount, Reason: "gone", People: 2, StartedAt: now,
		Differences: []domain.TableDifference{{Table: "public.appointments", Restored: &rows}},
	}}
}

func (f *fakeRestores) Begin(_ context.Context, in restore.Input) (string, error) {
	f.began = append(f.began, in)
	return idRestore, f.err
}

func (f *fakeRestores) Say(_ context.Context, _ domain.RestoreRecord, say restore.Say, _ time.Duration) (domain.RestoreRecord, error) {
	f.said = append(f.said, say)
	return f.record, f.err
}

func (f *fakeRestores) Subject(r domain.RestoreRecord, w domain.RestoreWord) string {
	return domain.ApprovalSubject(restore.IDOf("queue", r), r.RestoreID, string(w))
}

func (f *fakeRestores) NoteRestore(_ context.Context, r domain.RestoreRecord) error {
	f.noted = append(f.noted, r)
	return nil
}

func (f *fakeRestores) Restore(_ context.Context, id string) (domain.RestoreRecord, error) {
	if id != idRestore {
		return domain.RestoreRecord{}, domain.Errorf(domain.CodeNotFound, "there is no such restore")
	}
	return f.record, nil
}

func (f *fakeRestores) Restores(_ context.Context, filter domain.RestoreFilter) ([]domain.RestoreRecord, error) {
	f.filter = filter
	return []domain.RestoreRecord{f.record, f.record}[:min(2, filter.Limit)], nil
}

func (f *fakeRestores) LostVisits(_ context.Context, filter domain.LostVisitFilter) ([]domain.LostVisit, error) {
	f.visits = filter
	v := domain.LostVisit{
		AppointmentID: idBackup, Why: domain.LostRow, BookedAt: now, Status: domain.StatusConfirmed, Process: domain.ProcessRunning,
		Intents: []domain.LostPayment{{
			PaymentFact: domain.PaymentFact{IntentID: "pi_1", Status: domain.PaymentCaptured, Captured: 8000}, Amount: domain.Money{Minor: 8000, Currency: "EUR"},
			CaseKind: domain.CaseDispute, CaseState: domain.CaseNeedsPerson,
		}},
	}
	return []domain.LostVisit{v, v}[:min(2, filter.Limit)], nil
}

func TestARestoreIsBegunWithAReasonAndCanBeLookedAtAtOnce(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	begun := decode[openapi.RestoreStarted](h.post("/v1/ops/restores", ops, `{"target":"clinic","reason":"gone"}`).status(http.StatusAccepted))
	require.Equal(t, idRestore, begun.ID)
	require.Equal(t, restore.Input{Target: "clinic", By: idAccount, Reason: "gone"}, h.restores.began[0])
	require.Equal(t, idRestore, h.restores.noted[0].RestoreID)

	got := decode[openapi.Restore](h.get("/v1/ops/restores/"+idRestore, ops).status(http.StatusOK))
	require.Equal(t, []openapi.RestoreDifference{{Table: "public.appointments", Live: -1, Restored: 3}}, got.Differences)
	h.get("/v1/ops/restores/"+idAccount, ops).problem(http.StatusNotFound, domain.CodeNotFound)
	h.post("/v1/ops/restores", ops, `{"target":"clinic"}`).problem(http.StatusBadRequest, domain.CodeInvalid)
	h.post("/v1/ops/restores", ops, `{"target":"other","reason":"gone"}`).problem(http.StatusBadRequest, domain.CodeInvalid)
	h.post("/v1/ops/restores", ops, `{"target":"clinic","reason":"gone","backup_id":"`+idBackup+`","before":"2026-03-01T00:00:00Z"}`).
		problem(http.StatusBadRequest, domain.CodeInvalid)
	h.restores.err = domain.Errorf(domain.CodeConflict, "restore x of this target has not ended")
	h.post("/v1/ops/restores", ops, `{"target":"clinic","reason":"gone"}`).problem(http.StatusConflict, domain.CodeConflict)
	require.Len(t, h.restores.noted, 1, "another one's row is its own")
}

func TestATableIsRestoredBesideTheLiveOneUntilSomebodyIsDoneWithIt(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	h.post("/v1/ops/restores/tables", ops, `{"target":"clinic","table":"appointments","reason":"to look"}`).status(http.StatusAccepted)
	require.Equal(t, restore.Input{Target: "clinic", By: idAccount, Reason: "to look", Table: "appointments", Keep: 7 * 24 * time.Hour}, h.restores.began[0])
	require.Equal(t, "appointments", h.restores.noted[0].Copy.Table)
	for _, body := range []string{
		`{"target":"clinic","table":"pg_catalog.pg_class","reason":"x"}`, `{"target":"clinic","table":"a\"; DROP TABLE users; --","reason":"x"}`,
		`{"target":"clinic","table":"users","reason":"x","keep_days":31}`, `{"target":"other","table":"users","reason":"x"}`, `{"target":"clinic","table":"users"}`,
		`{"target":"clinic","table":"users","reason":"x","backup_id":"` + idBackup + `","before":"2026-03-01T00:00:00Z"}`,
	} {
		h.post("/v1/ops/restores/tables", ops, body).problem(http.StatusBadRequest, domain.CodeInvalid)
	}
	require.Len(t, h.restores.began, 1)

	two := int64(2)
	h.restores.record.State, h.restores.record.Copy = domain.RestoreKept, &domain.TableCopy{Table: "appointments", Schema: "careflow_restored_1", Rows: 9, OnlySaved: &two}
	got := decode[openapi.Restore](h.get("/v1/ops/restores/"+idRestore, ops).status(http.StatusOK))
	require.Equal(t, openapi.RestoreCopy{Table: "appointments", Schema: "careflow_restored_1", Rows: 9, OnlyInBackup: 2, OnlyLive: -1, Different: -1}, got.Copy)
	h.post("/v1/ops/restores/"+idRestore+"/words", ops, `{"word":"finish","reason":"seen"}`).status(http.StatusOK)
	keys := domain.ApprovalKeys{"approvals": approvalKey.Public().(ed25519.PublicKey)}
	require.NoError(t, keys.Check(h.restores.said[0].Approval, "restore-table-queue-clinic-appointments/"+idRestore+"/finish", now))
}

func TestAWordOnARestoreIsSignedForThatWordAlone(t *testing.T) {
	h := newHarness(t)
	ops, at := h.as(domain.RoleOps), "/v1/ops/restores/"+idRestore+"/words"
	h.post(at, ops, `{"word":"swap","reason":"as agreed"}`).status(http.StatusOK)
	said := h.restores.said[0]
	keys := domain.ApprovalKeys{"approvals": approvalKey.Public().(ed25519.PublicKey)}
	require.NoError(t, keys.Check(said.Approval, "restore-queue-clinic/"+idRestore+"/swap", now))
	require.Error(t, keys.Check(said.Approval, "restore-queue-clinic/"+idRestore+"/undo", now))
	require.Equal(t, []any{idAccount, "as agreed"}, []any{said.Approval.By, said.Approval.Reason})
	h.post(at, ops, `{"word":"swap"}`).problem(http.StatusBadRequest, domain.CodeInvalid)
	h.post(at, ops, `{"word":"burn","reason":"x"}`).problem(http.StatusBadRequest, domain.CodeInvalid)
	h.post("/v1/ops/restores/"+idAccount+"/words", ops, `{"word":"swap","reason":"x"}`).problem(http.StatusNotFound, domain.CodeNotFound)
	h.restores.err = domain.Errorf(domain.CodeConflict, "you have said so already")
	h.post(at, ops, `{"word":"swap","reason":"x"}`).problem(http.StatusConflict, domain.CodeConflict)
	require.Len(t, h.restores.said, 2)

	none := newHarness(t, func(c *Config) { c.ApprovalKey = nil })
	none.post(at, none.as(domain.RoleOps), `{"word":"swap","reason":"x"}`).problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	require.Empty(t, none.restores.said)
}

func TestRestoresAndTheirVisitsAreListedInPages(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	page := decode[openapi.RestorePage](h.get("/v1/ops/restores?limit=1&target=clinic", ops).status(http.StatusOK))
	require.Len(t, page.Items, 1)
	require.Equal(t, domain.RestoreFilter{Target: "clinic", Limit: 2}, h.restores.filter)
	h.get("/v1/ops/restores?cursor="+page.NextCursor, ops).status(http.StatusOK)
	require.Equal(t, []any{now, idRestore}, []any{h.restores.filter.BeforeAt, h.restores.filter.BeforeID})
	h.get("/v1/ops/restores?cursor=x", ops).problem(http.StatusBadRequest, domain.CodeInvalid)

	visits := decode[openapi.RestoreVisitPage](h.get("/v1/ops/restores/"+idRestore+"/visits?limit=1", h.as(domain.RoleStaff)).status(http.StatusOK))
	require.Equal(t, "pi_1", visits.Items[0].Payments[0].IntentID)
	h.get("/v1/ops/restores/"+idRestore+"/visits?cursor="+visits.NextCursor, ops).status(http.StatusOK)
	require.Equal(t, idBackup, h.restores.visits.After)
	h.get("/v1/ops/restores/"+idAccount+"/visits", ops).problem(http.StatusNotFound, domain.CodeNotFound)
}
