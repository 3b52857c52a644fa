package api

import (
	"cmp"
	"context"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/restore"
)

// ListRestores lists restores and what became of them.
func (h *handlers) ListRestores(ctx context.Context, req openapi.ListRestoresRequestObject) (openapi.ListRestoresResponseObject, error) {
	ctx, _ = begin(ctx)
	p := req.Params
	f := domain.RestoreFilter{Target: p.Target, Limit: p.Limit + 1} // one more tells whether there is another page
	if p.Cursor != "" {
		var err error
		if f.BeforeAt, f.BeforeID, err = decodeCursor(p.Cursor); err != nil {
			return nil, err
		}
	}
	rows, err := h.restoreLog.Restores(ctx, f)
	if err != nil {
		return nil, err
	}
	rows, next := cutPage(rows, p.Limit, func(r domain.RestoreRecord) string { return encodePosition(r.StartedAt, r.RestoreID) })
	return openapi.ListRestores200JSONResponse{NextCursor: next, Items: convert(rows, restoreView)}, nil
}

// StartRestore begins a restore, which waits for approval.
func (h *handlers) StartRestore(ctx context.Context, req openapi.StartRestoreRequestObject) (openapi.StartRestoreResponseObject, error) {
	ctx, who := begin(ctx)
	if err := h.saved("body/target", req.Body.Target); err != nil {
		return nil, err
	}
	if req.Body.BackupID != "" && !req.Body.Before.IsZero() {
		return nil, invalidField("body/before", "does not go with backup_id: name a backup, or a time")
	}
	id, err := h.beginRestore(ctx, restore.Input{
		Target: req.Body.Target, BackupID: req.Body.BackupID, Before: req.Body.Before.UTC(), By: who.caller.UserID,
		Reason: req.Body.Reason, Unsaved: req.Body.UnsavedReason,
	})
	return openapi.StartRestore202JSONResponse{ID: id}, err
}

// StartTableRestore begins to put a table of a backup beside the live one.
func (h *handlers) StartTableRestore(ctx context.Context, req openapi.StartTableRestoreRequestObject) (openapi.StartTableRestoreResponseObject, error) {
	ctx, who := begin(ctx)
	if err := h.saved("body/target", req.Body.Target); err != nil {
		return nil, err
	}
	if req.Body.BackupID != "" && !req.Body.Before.IsZero() {
		return nil, invalidField("body/before", "does not go with backup_id: name a backup, or a time")
	}
	id, err := h.beginRestore(ctx, restore.Input{
		Target: req.Body.Target, BackupID: req.Body.BackupID, Before: req.Body.Before.UTC(), By: who.caller.UserID,
		Reason: req.Body.Reason, Table: req.Body.Table, Keep: time.Duration(cmp.Or(req.Body.KeepDays, domain.DefaultCopyDays)) * 24 * time.Hour,
	})
	return openapi.StartTableRestore202JSONResponse{ID: id}, err
}

func (h *handlers) beginRestore(ctx context.Context, in restore.Input) (string, error) {
	id, err := h.restores.Begin(ctx, in)
	if err != nil {
		return "", err
	}
	// The process does so too, a moment later: who looks at once finds it.
	r := domain.RestoreRecord{
		RestoreID: id, Target: in.Target, State: domain.RestoreResolving, RequestedBy: in.By, Reason: in.Reason,
		Unsaved: in.Unsaved, StartedAt: h.cfg.Clock().UTC(),
	}
	if in.Table != "" {
		r.Copy = &domain.TableCopy{Table: in.Table}
	}
	return id, h.restoreLog.NoteRestore(ctx, r)
}

// GetRestore shows one restore.
func (h *handlers) GetRestore(ctx context.Context, req openapi.GetRestoreRequestObject) (openapi.GetRestoreResponseObject, error) {
	ctx, _ = begin(ctx)
	r, err := h.restoreLog.Restore(ctx, req.RestoreID)
	return openapi.GetRestore200JSONResponse(restoreView(r)), err
}

// DecideRestore hands a person's word to a restore.
func (h *handlers) DecideRestore(ctx context.Context, req openapi.DecideRestoreRequestObject) (openapi.DecideRestoreResponseObject, error) {
	ctx, who := begin(ctx)
	r, err := h.restoreLog.Restore(ctx, req.RestoreID)
	if err != nil {
		return nil, err
	}
	word := domain.RestoreWord(req.Body.Word)
	approval, err := h.approve(who, h.restores.Subject(r, word), req.Body.Reason)
	if err != nil {
		return nil, err
	}
	r, err = h.restores.Say(ctx, r, restore.Say{Word: word, Approval: approval}, h.cfg.CommandWait)
	return openapi.DecideRestore200JSONResponse(restoreView(r)), err
}

// ListRestoreVisits lists what a restore does not have, and whose money moved since.
func (h *handlers) ListRestoreVisits(ctx context.Context, req openapi.ListRestoreVisitsRequestObject) (openapi.ListRestoreVisitsResponseObject, error) {
	ctx, _ = begin(ctx)
	if _, err := h.restoreLog.Restore(ctx, req.RestoreID); err != nil {
		return nil, err
	}
	p := req.Params
	rows, err := h.restoreLog.LostVisits(ctx, domain.LostVisitFilter{RestoreID: req.RestoreID, After: p.Cursor, Limit: p.Limit + 1})
	if err != nil {
		return nil, err
	}
	rows, next := cutPage(rows, p.Limit, func(r domain.LostVisit) string { return r.AppointmentID })
	return openapi.ListRestoreVisits200JSONResponse{NextCursor: next, Items: convert(rows, lostVisitView)}, nil
}

func restoreView(r domain.RestoreRecord) openapi.Restore {
	return openapi.Restore{
		ID: r.RestoreID, Target: r.Target, State: openapi.RestoreState(r.State), RequestedBy: r.RequestedBy, Reason: r.Reason,
		BackupID: r.Point.BackupID, RestorePoint: r.Point.SnapshotAt, Rows: r.Point.Rows, StoredBytes: r.Point.Bytes,
		SafetyBackupID: r.SafetyBackup, UnsavedReason: r.Unsaved, People: r.People, ApproveBy: r.ApproveBy,
		Approvals: convert(r.Approvals, func(a domain.RestoreApproval) openapi.RestoreApproval {
			return openapi.RestoreApproval{Word: openapi.RestoreWord(a.Word), By: a.By, Reason: a.Reason, At: a.At}
		}),
		Differences: convert(r.Differences, func(d domain.TableDifference) openapi.RestoreDifference {
			return openapi.RestoreDifference{Table: d.Table, Live: rowsOrNone(d.Live), Restored: rowsOrNone(d.Restored)}
		}),
		Phases: convert(r.Phases, func(p domain.RestorePhase) openapi.RestorePhase {
			return openapi.RestorePhase{Name: string(p.Name), Seconds: p.Seconds}
		}),
		Copy:   copyView(r.Copy),
		SwapMs: r.SwapMillis, UndoMs: r.UndoMillis, Forward: forwardView(r.Forward), Reconciled: openapi.RestoreReconciled(r.Reconciled),
		Lost: r.Lost, StartedAt: r.StartedAt, SwappedAt: r.SwappedAt, UndoUntil: r.UndoUntil, FinishedAt: r.FinishedAt,
		ErrorCode: string(r.Error), ErrorDetail: r.Detail,
	}
}

func copyView(c *domain.TableCopy) openapi.RestoreCopy {
	if c == nil {
		return openapi.RestoreCopy{}
	}
	return openapi.RestoreCopy{
		Table: c.Table, Schema: c.Schema, Rows: c.Rows, KeptUntil: c.Until,
		OnlyInBackup: rowsOrNone(c.OnlySaved), OnlyLive: rowsOrNone(c.OnlyLive), Different: rowsOrNone(c.Different),
		NotCompared: c.Uncompared, ColumnsLeftOut: c.LeftOut,
	}
}

func forwardView(c domain.ForwardCounts) openapi.RestoreForward {
	return openapi.RestoreForward{Visits: c.Visits, Moved: c.Moved, Steps: c.Steps, Letters: c.Letters, Failed: c.Failed, Missing: c.Missing, Money: c.Money}
}

func rowsOrNone(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

func lostVisitView(v domain.LostVisit) openapi.RestoreVisit {
	return openapi.RestoreVisit{
		AppointmentID: v.AppointmentID, Why: openapi.RestoreVisitWhy(v.Why), BookedAt: v.BookedAt, StartsAt: v.StartsAt, DoctorID: v.DoctorID,
		PatientID: v.PatientID, BookedBy: v.BookedBy, Status: string(v.Status), Version: v.Version, Process: openapi.RestoreVisitProcess(v.Process),
		Payments: convert(v.Intents, func(p domain.LostPayment) openapi.RestoreVisitPayment {
			return openapi.RestoreVisitPayment{
				IntentID: p.IntentID, Status: string(p.Status), Amount: money(p.Amount.Minor, p.Amount.Currency), Captured: p.Captured, Refunded: p.Refunded,
				CaseKind: string(p.CaseKind), CaseState: string(p.CaseState), CaseOutcome: p.Outcome,
			}
		}),
	}
}
