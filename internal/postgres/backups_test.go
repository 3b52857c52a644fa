package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
)

const backupTarget = "clinic"

// catalogue is the catalogue of backups on a database of its own.
func catalogue(t *testing.T) *postgres.Catalogue {
	t.Helper()
	return postgres.NewCatalogue(open(t).db)
}

func begin(t *testing.T, s *postgres.Catalogue, at time.Time) string {
	t.Helper()
	id := domain.NewID()
	require.NoError(t, s.BeginBackup(t.Context(), domain.NewBackup{BackupID: id, Target: backupTarget, Trigger: domain.BackupAsked, By: staffAccount, At: at}))
	return id
}

func manifestOf(id string, at time.Time) domain.BackupManifest {
	return domain.BackupManifest{
		BackupID: id, Target: backupTarget, Engine: "logical", StartedAt: at, SnapshotAt: at.Add(time.Second), FinishedAt: at.Add(time.Minute),
		Parts:  []domain.BackupPart{{Name: domain.PartData, Stored: domain.Digest{Bytes: 10}, Plain: domain.Digest{Bytes: 90}}},
		Tables: 3, Rows: 77, Tool: "pg_dump 15.18", Server: domain.BackupServer{Version: "15.18"},
	}
}

func proofOf(id string, at time.Time, failures ...string) *domain.BackupEvidence {
	return &domain.BackupEvidence{VerificationID: domain.NewID(), BackupID: id, Target: backupTarget, FinishedAt: at, Checks: []string{"counts"}, Failures: failures}
}

func step(t *testing.T, s *postgres.Catalogue, change domain.BackupStep) domain.BackupRecord {
	t.Helper()
	change.At = now
	require.NoError(t, s.StepBackup(t.Context(), change))
	r, err := s.Backup(t.Context(), change.BackupID)
	require.NoError(t, err)
	return r
}

func TestABackupsRowFollowsItFromBeginToProof(t *testing.T) {
	t.Parallel()
	s := catalogue(t)
	id := begin(t, s, now)
	require.NoError(t, s.BeginBackup(t.Context(), domain.NewBackup{BackupID: id, Target: "other", Trigger: domain.BackupScheduled, At: now}), "a try again changes nothing")
	r := step(t, s, domain.BackupStep{BackupID: id, Phase: "data", Bytes: 500})
	require.Equal(t, backupTarget, r.Target)
	require.Equal(t, domain.BackupRunning, r.State)
	require.Equal(t, "data", r.Phase)
	require.Equal(t, int64(500), r.Bytes)
	require.Equal(t, staffAccount, r.RequestedBy)

	m := manifestOf(id, now)
	r = step(t, s, domain.BackupStep{BackupID: id, State: domain.BackupStored, Manifest: &m})
	require.Equal(t, domain.BackupStored, r.State)
	require.Empty(t, r.Phase)
	require.Equal(t, m.SnapshotAt, r.SnapshotAt)
	require.Equal(t, []int64{10, 90, 77}, []int64{r.StoredBytes, r.PlainBytes, r.Rows})
	newest, err := s.NewestVerified(t.Context())
	require.NoError(t, err)
	require.Empty(t, newest, "stored is not proven")

	r = step(t, s, domain.BackupStep{BackupID: id, State: domain.BackupVerified, Evidence: proofOf(id, now)})
	require.Equal(t, domain.BackupVerified, r.State)
	require.Equal(t, now, r.VerifiedAt)
	require.Equal(t, []string{"counts"}, r.Evidence.Checks)
	newest, err = s.NewestVerified(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]time.Time{backupTarget: m.SnapshotAt}, newest)
}

func TestAReportThatComesLateChangesNothingOfAnEndedBackup(t *testing.T) {
	t.Parallel()
	s := catalogue(t)
	failed := begin(t, s, now)
	step(t, s, domain.BackupStep{BackupID: failed, State: domain.BackupFailed, Error: domain.CodeTool, Detail: "pg_dump failed"})
	r := step(t, s, domain.BackupStep{BackupID: failed, Phase: "data", Bytes: 9})
	require.Equal(t, domain.BackupFailed, r.State)
	require.Equal(t, domain.CodeTool, r.Error)
	require.Empty(t, r.Phase)
	r = step(t, s, domain.BackupStep{BackupID: failed, State: domain.BackupStored})
	require.Equal(t, domain.BackupFailed, r.State)

	rejected := begin(t, s, now)
	step(t, s, domain.BackupStep{BackupID: rejected, State: domain.BackupRejected, Evidence: proofOf(rejected, now, "table x is missing")})
	r = step(t, s, domain.BackupStep{BackupID: rejected, State: domain.BackupCancelled})
	require.Equal(t, domain.BackupRejected, r.State)
	r = step(t, s, domain.BackupStep{BackupID: rejected, State: domain.BackupVerified, Evidence: proofOf(rejected, now)})
	require.Equal(t, domain.BackupVerified, r.State, "it may be proven after all")
}

func TestBackupsAreListedInPagesAndByStateAndTarget(t *testing.T) {
	t.Parallel()
	s := catalogue(t)
	var ids []string
	for i := range 5 {
		ids = append(ids, begin(t, s, now.Add(time.Duration(i/2)*time.Hour))) // two at a time begin together
	}
	step(t, s, domain.BackupStep{BackupID: ids[2], State: domain.BackupFailed})
	seen, f := []string{}, domain.BackupFilter{Limit: 2}
	for {
		page, err := s.Backups(t.Context(), f)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			seen = append(seen, r.BackupID)
		}
		last := page[len(page)-1]
		f.BeforeAt, f.BeforeID = last.StartedAt, last.BackupID
	}
	require.ElementsMatch(t, ids, seen)
	require.Equal(t, ids[4], seen[0], "the newest first")
	for _, c := range []struct {
		f    domain.BackupFilter
		want int
	}{{domain.BackupFilter{State: domain.BackupFailed}, 1}, {domain.BackupFilter{Target: "other"}, 0}, {domain.BackupFilter{Target: backupTarget, State: domain.BackupRunning}, 4}} {
		c.f.Limit = 10
		page, err := s.Backups(t.Context(), c.f)
		require.NoError(t, err)
		require.Len(t, page, c.want)
	}
	_, err := s.Backup(t.Context(), domain.NewID())
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestHoldsTombstonesAndRemovalsAreNoted(t *testing.T) {
	t.Parallel()
	s := catalogue(t)
	id, ctx := begin(t, s, now), t.Context()
	m := manifestOf(id, now)
	step(t, s, domain.BackupStep{BackupID: id, State: domain.BackupStored, Manifest: &m})
	step(t, s, domain.BackupStep{BackupID: id, State: domain.BackupVerified, Evidence: proofOf(id, now)})
	read := func() domain.BackupRecord {
		r, err := s.Backup(ctx, id)
		require.NoError(t, err)
		return r
	}
	require.NoError(t, s.HoldBackup(ctx, id, staffAccount, "legal_hold"))
	require.True(t, read().Held())
	require.Equal(t, "legal_hold", read().HeldReason)
	require.NoError(t, s.ReleaseBackup(ctx, id, patientAccount, "hold_over"))
	require.False(t, read().Held())
	require.Equal(t, []string{patientAccount, "hold_over"}, []string{read().ReleasedBy, read().ReleasedReason})
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(s.HoldBackup(ctx, domain.NewID(), staffAccount, "legal_hold")))

	require.NoError(t, s.BuryBackup(ctx, id, now))
	require.NoError(t, s.BuryBackup(ctx, id, now.Add(time.Hour)), "a tombstone keeps its date")
	require.Equal(t, now, read().BuriedAt)
	newest, err := s.NewestVerified(ctx)
	require.NoError(t, err)
	require.Empty(t, newest, "one under a tombstone is nothing to rely on")
	require.NoError(t, s.RaiseBackup(ctx, id))
	require.True(t, read().BuriedAt.IsZero())
	require.NoError(t, s.RemoveBackup(ctx, id, now))
	require.Equal(t, domain.BackupRemoved, read().State)
	left, err := s.BackupsOf(ctx, backupTarget)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestACatalogueThatLostABackupTakesItFromItsManifest(t *testing.T) {
	t.Parallel()
	s := catalogue(t)
	good, bad, unproven := domain.NewID(), domain.NewID(), domain.NewID()
	for id, e := range map[string]*domain.BackupEvidence{good: proofOf(good, now), bad: proofOf(bad, now, "table x is missing"), unproven: nil} {
		require.NoError(t, s.AdoptBackup(t.Context(), manifestOf(id, now), e))
		require.NoError(t, s.AdoptBackup(t.Context(), manifestOf(id, now), e), "twice is once")
	}
	for id, want := range map[string]domain.BackupState{good: domain.BackupVerified, bad: domain.BackupRejected, unproven: domain.BackupStored} {
		r, err := s.Backup(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, r.State)
		require.Equal(t, int64(77), r.Rows)
	}
}

func TestAnAlarmIsKeptOnceForItsKey(t *testing.T) {
	t.Parallel()
	s := catalogue(t)
	a := domain.Alarm{Key: "backup_failed-1", Kind: "backup_failed", Subject: backupTarget, At: now}
	id, state, err := s.OpenAlarm(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, domain.AlarmPending, state)
	require.NoError(t, s.SettleAlarm(t.Context(), id, domain.AlarmSent))
	again, state, err := s.OpenAlarm(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, id, again)
	require.Equal(t, domain.AlarmSent, state)
}
