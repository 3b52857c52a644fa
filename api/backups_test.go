package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/activities/backup"
	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

const idBackup = "0195a1b2-0000-7000-8000-0000000000b1"

// fakeBackups has one backup, which is proven, and notes what was asked for.
type fakeBackups struct {
	record domain.BackupRecord
	filter domain.BackupFilter
	began  []domain.NewBackup
	calls  []string
	joined bool
	paused bool
	err    error
}

func newFakeBackups() *fakeBackups {
	return &fakeBackups{record: domain.BackupRecord{
		BackupID: idBackup, Target: "clinic", Trigger: domain.BackupAsked, State: domain.BackupVerified, StartedAt: now, SnapshotAt: now,
		Evidence: &domain.BackupEvidence{VerificationID: idBackup, Checks: []string{"counts"}, StartedAt: now, FinishedAt: now},
	}}
}

func (f *fakeBackups) did(what ...string) error {
	f.calls = append(f.calls, strings.Join(what, " "))
	return f.err
}

func (f *fakeBackups) Run(_ context.Context, target, by string) (string, bool, error) {
	return idBackup, f.joined, f.did("run", target, by)
}

func (f *fakeBackups) Cancel(_ context.Context, target, id string) error {
	return f.did("cancel", target, id)
}

func (f *fakeBackups) Verify(_ context.Context, target, id string) (bool, error) {
	return true, f.did("verify", target, id)
}

func (f *fakeBackups) Hold(_ context.Context, in backup.HoldInput, _ time.Duration) error {
	f.record.HeldBy, f.record.HeldReason = in.By, in.Reason
	if in.Release {
		f.record.HeldBy, f.record.ReleasedBy, f.record.ReleasedReason = "", in.By, in.Reason
	}
	return f.did("hold", in.Target, in.Reason)
}

func (f *fakeBackups) Prune(_ context.Context, target string, dry bool, _ time.Duration) (backup.PruneResult, error) {
	what := "prune"
	if dry {
		what = "preview"
	}
	return backup.PruneResult{Decision: domain.RetentionDecision{
		Refused: domain.RefuseStale, Keep: map[string]domain.KeepReason{"b": domain.KeepHeld, "a": domain.KeepWindow},
	}, Orphans: []string{"x/1"}}, f.did(what, target)
}

func (f *fakeBackups) Schedule(context.Context) (domain.BackupSchedule, error) {
	return domain.BackupSchedule{Paused: f.paused}, f.err
}

func (f *fakeBackups) Pause(_ context.Context, note string) error {
	f.paused = true
	return f.did(note)
}

func (f *fakeBackups) Resume(_ context.Context, note string) error {
	f.paused = false
	return f.did(note)
}

func (f *fakeBackups) BeginBackup(_ context.Context, n domain.NewBackup) error {
	f.began = append(f.began, n)
	return nil
}

func (f *fakeBackups) Backup(_ context.Context, id string) (domain.BackupRecord, error) {
	if id != f.record.BackupID {
		return domain.BackupRecord{}, domain.Errorf(domain.CodeNotFound, "there is no such backup")
	}
	return f.record, nil
}

func (f *fakeBackups) Backups(_ context.Context, filter domain.BackupFilter) ([]domain.BackupRecord, error) {
	f.filter = filter
	return []domain.BackupRecord{f.record, f.record}[:min(2, filter.Limit)], nil
}

func TestABackupIsBegunOrJoinedAndCanBeLookedAtAtOnce(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	begun := decode[openapi.BackupStarted](h.post("/v1/ops/backups", ops, `{"target":"clinic"}`).status(http.StatusAccepted))
	require.Equal(t, openapi.BackupStarted{ID: idBackup}, begun)
	require.Equal(t, []domain.NewBackup{{BackupID: idBackup, Target: "clinic", Trigger: domain.BackupAsked, By: idAccount, At: now}}, h.backups.began)
	h.backups.joined = true
	require.True(t, decode[openapi.BackupStarted](h.post("/v1/ops/backups", ops, `{"target":"clinic"}`).status(http.StatusAccepted)).Joined)
	require.Len(t, h.backups.began, 1, "another one's row is its own")

	got := decode[openapi.Backup](h.get("/v1/ops/backups/"+idBackup, ops).status(http.StatusOK))
	require.Equal(t, openapi.BackupStateVerified, got.State)
	require.Equal(t, []string{"counts"}, got.Evidence.Checks)
	require.Empty(t, got.Evidence.Failures)
	h.get("/v1/ops/backups/"+idAccount, ops).problem(http.StatusNotFound, domain.CodeNotFound)
}

func TestABackupThatCannotBeginSaysWhatToDo(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	require.Contains(t, h.post("/v1/ops/backups", ops, `{"target":"other"}`).problem(http.StatusBadRequest, domain.CodeInvalid).Errors[0].Message, "clinic")
	h.backups.err = domain.Errorf(domain.CodeNoBackupWorker, "no worker takes this job: start `careflow backup-worker`")
	require.Contains(t, h.post("/v1/ops/backups", ops, `{"target":"clinic"}`).problem(http.StatusConflict, domain.CodeNoBackupWorker).Detail, "careflow backup-worker")
	require.Empty(t, h.backups.began)
	none := newHarness(t, func(c *Config) { c.BackupTargets = nil })
	require.Contains(t, none.post("/v1/ops/backups", none.as(domain.RoleOps), `{"target":"clinic"}`).problem(http.StatusConflict, domain.CodeNoBackups).Detail, "CAREFLOW_BACKUP_NAMES")
}

func TestBackupsAreListedInPages(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	page := decode[openapi.BackupPage](h.get("/v1/ops/backups?limit=1&target=clinic&state=verified", ops).status(http.StatusOK))
	require.Len(t, page.Items, 1)
	require.Equal(t, domain.BackupFilter{Target: "clinic", State: domain.BackupVerified, Limit: 2}, h.backups.filter)
	h.get("/v1/ops/backups?cursor="+page.NextCursor, ops).status(http.StatusOK)
	require.Equal(t, []any{now, idBackup}, []any{h.backups.filter.BeforeAt, h.backups.filter.BeforeID})
	h.get("/v1/ops/backups?cursor=x", ops).problem(http.StatusBadRequest, domain.CodeInvalid)
	h.get("/v1/ops/backups?state=lost", ops).problem(http.StatusBadRequest, domain.CodeInvalid)
}

func TestABackupIsProvenAgainHeldReleasedAndBrokenOff(t *testing.T) {
	h := newHarness(t)
	ops, at := h.as(domain.RoleOps), "/v1/ops/backups/"+idBackup
	h.post(at+"/verify", ops, "").status(http.StatusAccepted)
	held := decode[openapi.Backup](h.post(at+"/hold", ops, `{"reason_code":"legal_hold"}`).status(http.StatusOK))
	require.True(t, held.Held)
	require.Equal(t, idAccount, held.HeldBy)
	freed := decode[openapi.Backup](h.post(at+"/release", ops, `{"reason_code":"hold_over"}`).status(http.StatusOK))
	require.False(t, freed.Held)
	require.Equal(t, "hold_over", freed.ReleasedReason)
	h.post(at+"/hold", ops, `{"reason_code":"because"}`).problem(http.StatusBadRequest, domain.CodeInvalid)
	h.post(at+"/cancel", ops, "").status(http.StatusAccepted)
	require.Equal(t, []string{"verify clinic " + idBackup, "hold clinic legal_hold", "hold clinic hold_over", "cancel clinic " + idBackup}, h.backups.calls)

	h.backups.record.State = domain.BackupFailed
	for _, what := range []string{"/verify", "/hold", "/release"} {
		h.post(at+what, ops, map[string]string{"/hold": `{"reason_code":"other"}`, "/release": `{"reason_code":"other"}`}[what]).
			problem(http.StatusConflict, domain.CodeConflict)
	}
	require.Len(t, h.backups.calls, 4)
}

func TestTheRetentionIsShownAndApplied(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	got := decode[openapi.BackupRetention](h.get("/v1/ops/backup-retention?target=clinic", ops).status(http.StatusOK))
	require.Equal(t, openapi.BackupRetentionRefusedNewestVerifiedTooOld, got.Refused)
	require.Equal(t, []openapi.BackupKept{{BackupID: "a", Reason: "in_window"}, {BackupID: "b", Reason: "held"}}, got.Keep)
	require.Equal(t, []string{"x/1"}, got.Orphans)
	h.post("/v1/ops/backup-retention", ops, `{"target":"clinic"}`).status(http.StatusOK)
	require.Equal(t, []string{"preview clinic", "prune clinic"}, h.backups.calls)
	h.get("/v1/ops/backup-retention?target=other", ops).problem(http.StatusBadRequest, domain.CodeInvalid)
}

func TestTheScheduleOfBackupsIsPausedAndResumed(t *testing.T) {
	h := newHarness(t)
	ops := h.as(domain.RoleOps)
	require.True(t, decode[openapi.BackupSchedule](h.post("/v1/ops/backup-schedule/pause", ops, "").status(http.StatusOK)).Paused)
	require.False(t, decode[openapi.BackupSchedule](h.post("/v1/ops/backup-schedule/resume", ops, "").status(http.StatusOK)).Paused)
	h.backups.err = domain.Errorf(domain.CodeNoBackups, "there is no schedule")
	h.get("/v1/ops/backup-schedule", ops).problem(http.StatusConflict, domain.CodeNoBackups)
}
