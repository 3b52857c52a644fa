package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// PreviewRetention says what the retention would do now.
func (h *handlers) PreviewRetention(ctx context.Context, req openapi.PreviewRetentionRequestObject) (openapi.PreviewRetentionResponseObject, error) {
	ctx, _ = begin(ctx)
	view, err := h.retention(ctx, "query/target", req.Params.Target, true)
	return openapi.PreviewRetention200JSONResponse(view), err
}

// ApplyRetention applies it.
func (h *handlers) ApplyRetention(ctx context.Context, req openapi.ApplyRetentionRequestObject) (openapi.ApplyRetentionResponseObject, error) {
	ctx, _ = begin(ctx)
	view, err := h.retention(ctx, "body/target", req.Body.Target, false)
	return openapi.ApplyRetention200JSONResponse(view), err
}

func (h *handlers) retention(ctx context.Context, field, target string, dry bool) (openapi.BackupRetention, error) {
	if err := h.saved(field, target); err != nil {
		return openapi.BackupRetention{}, err
	}
	result, err := h.backups.Prune(ctx, target, dry, h.cfg.CommandWait)
	if err != nil {
		return openapi.BackupRetention{}, err
	}
	d := result.Decision
	view := openapi.BackupRetention{
		Target: target, Refused: openapi.BackupRetentionRefused(d.Refused), Keep: []openapi.BackupKept{},
		Bury: list(d.Bury), Raise: list(d.Raise), Remove: list(d.Remove), Orphans: list(result.Orphans),
		Missing: list(result.Missing), Adopted: list(result.Adopted), Unreadable: list(result.Unreadable),
	}
	for _, id := range slices.Sorted(maps.Keys(d.Keep)) {
		view.Keep = append(view.Keep, openapi.BackupKept{BackupID: id, Reason: openapi.BackupKeptReason(d.Keep[id])})
	}
	return view, nil
}

// GetBackupSchedule says when backups begin by themselves.
func (h *handlers) GetBackupSchedule(ctx context.Context, _ openapi.GetBackupScheduleRequestObject) (openapi.GetBackupScheduleResponseObject, error) {
	ctx, _ = begin(ctx)
	s, err := h.backups.Schedule(ctx)
	return openapi.GetBackupSchedule200JSONResponse(scheduleView(s)), err
}

// PauseBackupSchedule keeps nightly backups from beginning.
func (h *handlers) PauseBackupSchedule(ctx context.Context, _ openapi.PauseBackupScheduleRequestObject) (openapi.PauseBackupScheduleResponseObject, error) {
	ctx, who := begin(ctx)
	if err := h.backups.Pause(ctx, "paused by "+who.caller.UserID); err != nil {
		return nil, err
	}
	s, err := h.backups.Schedule(ctx)
	return openapi.PauseBackupSchedule200JSONResponse(scheduleView(s)), err
}

// ResumeBackupSchedule lets them begin again.
func (h *handlers) ResumeBackupSchedule(ctx context.Context, _ openapi.ResumeBackupScheduleRequestObject) (openapi.ResumeBackupScheduleResponseObject, error) {
	ctx, who := begin(ctx)
	if err := h.backups.Resume(ctx, "resumed by "+who.caller.UserID); err != nil {
		return nil, err
	}
	s, err := h.backups.Schedule(ctx)
	return openapi.ResumeBackupSchedule200JSONResponse(scheduleView(s)), err
}

func scheduleView(s domain.BackupSchedule) openapi.BackupSchedule {
	return openapi.BackupSchedule{Paused: s.Paused, Note: s.Note, Next: append([]time.Time{}, s.Next...)}
}
