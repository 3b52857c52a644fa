package api

import (
	"context"
	"slices"
	"strings"

	"github.com/careflow/careflow/activities/backup"
	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// ListBackups lists backups and what became of them.
func (h *handlers) ListBackups(ctx context.Context, req openapi.ListBackupsRequestObject) (openapi.ListBackupsResponseObject, error) {
	ctx, _ = begin(ctx)
	p := req.Params
	f := domain.BackupFilter{Target: p.Target, State: domain.BackupState(p.State), Limit: p.Limit + 1} // one more tells whether there is another page
	if p.Cursor != "" {
		var err error
		if f.BeforeAt, f.BeforeID, err = decodeCursor(p.Cursor); err != nil {
			return nil, err
		}
	}
	rows, err := h.backupLog.Backups(ctx, f)
	if err != nil {
		return nil, err
	}
	rows, next := cutPage(rows, p.Limit, func(r domain.BackupRecord) string { return encodePosition(r.StartedAt, r.BackupID) })
	return openapi.ListBackups200JSONResponse{NextCursor: next, Items: convert(rows, backupView)}, nil
}

// StartBackup saves a target now.
func (h *handlers) StartBackup(ctx context.Context, req openapi.StartBackupRequestObject) (openapi.StartBackupResponseObject, error) {
	ctx, who := begin(ctx)
	if err := h.saved("body/target", req.Body.Target); err != nil {
		return nil, err
	}
	id, joined, err := h.backups.Run(ctx, req.Body.Target, who.caller.UserID)
	if err != nil {
		return nil, err
	}
	if !joined {
		// The process does so too, a moment later: who looks at once finds it.
		err = h.backupLog.BeginBackup(ctx, domain.NewBackup{
			BackupID: id, Target: req.Body.Target, Trigger: domain.BackupAsked, By: who.caller.UserID, At: h.cfg.Clock().UTC(),
		})
	}
	return openapi.StartBackup202JSONResponse{ID: id, Joined: joined}, err
}

// saved refuses what is no configured target.
func (h *handlers) saved(field, target string) error {
	switch {
	case len(h.cfg.BackupTargets) == 0:
		return domain.Errorf(domain.CodeNoBackups, "no target of backups is configured: set CAREFLOW_BACKUP_NAMES for the API")
	case !slices.Contains(h.cfg.BackupTargets, target):
		return invalidField(field, "is no target of backups; there are: "+strings.Join(h.cfg.BackupTargets, ", "))
	}
	return nil
}

// GetBackup shows one backup with its evidence.
func (h *handlers) GetBackup(ctx context.Context, req openapi.GetBackupRequestObject) (openapi.GetBackupResponseObject, error) {
	ctx, _ = begin(ctx)
	r, err := h.backupLog.Backup(ctx, req.BackupID)
	return openapi.GetBackup200JSONResponse(backupView(r)), err
}

// VerifyBackup proves a backup again.
func (h *handlers) VerifyBackup(ctx context.Context, req openapi.VerifyBackupRequestObject) (openapi.VerifyBackupResponseObject, error) {
	ctx, _ = begin(ctx)
	r, err := h.committed(ctx, req.BackupID)
	if err != nil {
		return nil, err
	}
	joined, err := h.backups.Verify(ctx, r.Target, r.BackupID)
	return openapi.VerifyBackup202JSONResponse{ID: r.BackupID, Joined: joined}, err
}

// committed reads a backup that should lie in the storage.
func (h *handlers) committed(ctx context.Context, id string) (domain.BackupRecord, error) {
	r, err := h.backupLog.Backup(ctx, id)
	if err == nil && !r.State.Committed() {
		err = domain.Errorf(domain.CodeConflict, "the backup is %s: there is nothing of it in the storage", r.State)
	}
	return r, err
}

// HoldBackup keeps a backup from being removed.
func (h *handlers) HoldBackup(ctx context.Context, req openapi.HoldBackupRequestObject) (openapi.HoldBackupResponseObject, error) {
	ctx, who := begin(ctx)
	r, err := h.hold(ctx, backup.HoldInput{BackupID: req.BackupID, By: who.caller.UserID, Reason: string(req.Body.ReasonCode)})
	return openapi.HoldBackup200JSONResponse(r), err
}

// ReleaseBackup ends the hold of a backup.
func (h *handlers) ReleaseBackup(ctx context.Context, req openapi.ReleaseBackupRequestObject) (openapi.ReleaseBackupResponseObject, error) {
	ctx, who := begin(ctx)
	r, err := h.hold(ctx, backup.HoldInput{BackupID: req.BackupID, By: who.caller.UserID, Reason: string(req.Body.ReasonCode), Release: true})
	return openapi.ReleaseBackup200JSONResponse(r), err
}

func (h *handlers) hold(ctx context.Context, in backup.HoldInput) (openapi.Backup, error) {
	r, err := h.committed(ctx, in.BackupID)
	if err != nil {
		return openapi.Backup{}, err
	}
	in.Target = r.Target
	if err := h.backups.Hold(ctx, in, h.cfg.CommandWait); err != nil {
		return openapi.Backup{}, err
	}
	r, err = h.backupLog.Backup(ctx, in.BackupID)
	return backupView(r), err
}

// CancelBackup breaks a backup off.
func (h *handlers) CancelBackup(ctx context.Context, req openapi.CancelBackupRequestObject) (openapi.CancelBackupResponseObject, error) {
	ctx, _ = begin(ctx)
	r, err := h.backupLog.Backup(ctx, req.BackupID)
	if err != nil {
		return nil, err
	}
	return openapi.CancelBackup202JSONResponse{ID: r.BackupID, Joined: true}, h.backups.Cancel(ctx, r.Target, r.BackupID)
}

func backupView(r domain.BackupRecord) openapi.Backup {
	view := openapi.Backup{
		ID: r.BackupID, Target: r.Target, Trigger: openapi.BackupTrigger(r.Trigger), RequestedBy: r.RequestedBy, State: openapi.BackupState(r.State),
		Phase: r.Phase, Bytes: r.Bytes, StartedAt: r.StartedAt, SnapshotAt: r.SnapshotAt, FinishedAt: r.FinishedAt, VerifiedAt: r.VerifiedAt,
		StoredBytes: r.StoredBytes, PlainBytes: r.PlainBytes, Tables: r.Tables, Rows: r.Rows, Server: r.Server, Tool: r.Tool,
		ErrorCode: string(r.Error), ErrorDetail: r.Detail, Held: r.Held(), HeldBy: r.HeldBy, HeldReason: r.HeldReason,
		ReleasedBy: r.ReleasedBy, ReleasedReason: r.ReleasedReason, BuriedAt: r.BuriedAt, RemovedAt: r.RemovedAt,
	}
	if e := r.Evidence; e != nil {
		view.Evidence = openapi.BackupEvidence{
			VerificationID: e.VerificationID, StartedAt: e.StartedAt, FinishedAt: e.FinishedAt, Server: e.Server, Tool: e.Tool,
			Tables: e.Tables, Rows: e.Rows, Checks: list(e.Checks), Failures: list(e.Failures),
			DownloadedBytes: e.DownloadedBytes, RestoreSeconds: e.RestoreSeconds,
		}
	}
	return view
}

// list is never null in JSON.
func list(texts []string) []string { return append([]string{}, texts...) }
