package postgres_test

import (
	"sync"
	"sync/atomic"
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
	require.Zero(t, newestProven(t, s), "stored is not proven")

	r = step(t, s, domain.BackupStep{BackupID: id, State: domain.BackupVerified, Evidence: proofOf(id, now)})
	require.Equal(t, domain.BackupVerified, r.State)
	require.Equal(t, now, r.VerifiedAt)
	require.Equal(t, []string{"counts"}, r.Evidence.Checks)
	require.Equal(t, m.SnapshotAt, newestProven(t, s))
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
	require.Zero(t, newestProven(t, s), "one under a tombstone is nothing to rely on")
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

func newestProven(t *testing.T, s *postgres.Catalogue) time.Time {
	t.Helper()
	found, err := s.BackupFreshness(t.Context(), []string{backupTarget})
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0].NewestAt
}

// A target is expected from when it was first asked for, whatever is asked for with it.
func TestATargetIsExpectedSinceItWasFirstAskedFor(t *testing.T) {
	t.Parallel()
	s := catalogue(t)
	first, err := s.BackupFreshness(t.Context(), []string{"clinic"})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), first[0].ExpectedSince, time.Minute)
	both, err := s.BackupFreshness(t.Context(), []string{"temporal", "clinic"})
	require.NoError(t, err)
	require.Equal(t, []string{"clinic", "temporal"}, []string{both[0].Target, both[1].Target})
	require.Equal(t, first[0], both[0])
}

func TestAnAlarmIsKeptOnceForItsKey(t *testing.T) {
	t.Parallel()
	s := catalogue(t)
	a := domain.Alarm{Key: "backup_failed-1", Kind: "backup_failed", Subject: backupTarget, At: now}
	kept, err := s.OpenAlarm(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, domain.AlarmPending, kept.State)
	require.NoError(t, s.NoteTold(t.Context(), kept.ID, "ops@clinic.example"))
	require.NoError(t, s.NoteTold(t.Context(), kept.ID, "ops@clinic.example"))
	again, err := s.OpenAlarm(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, domain.KeptAlarm{ID: kept.ID, State: domain.AlarmPending, Told: []string{"ops@clinic.example"}}, again)
	require.NoError(t, s.SettleAlarm(t.Context(), kept.ID, domain.AlarmSent))
	again, err = s.OpenAlarm(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, domain.AlarmSent, again.State)
}

// Of many processes that see the same, one has the alarm; the next one only when that
// one has not come to an end with it in time.
func TestAnAlarmIsClaimedByOneProcess(t *testing.T) {
	t.Parallel()
	s := catalogue(t)
	a := domain.Alarm{Key: "backup_stale-clinic-1", Kind: domain.AlarmBackupStale, Subject: backupTarget, At: now}
	var claimed atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, ok, err := s.ClaimAlarm(t.Context(), a, time.Hour); err == nil && ok {
				claimed.Add(1)
			}
		})
	}
	all.Wait()
	require.Equal(t, int32(1), claimed.Load())

	a.Key = "backup_stale-clinic-2"
	_, ok, err := s.ClaimAlarm(t.Context(), a, -time.Second)
	require.NoError(t, err)
	require.True(t, ok)
	kept, ok, err := s.ClaimAlarm(t.Context(), a, time.Hour)
	require.NoError(t, err)
	require.True(t, ok, "the first one's time was over")
	require.NoError(t, s.SettleAlarm(t.Context(), kept.ID, domain.AlarmSent))
	_, ok, err = s.ClaimAlarm(t.Context(), a, time.Hour)
	require.NoError(t, err)
	require.False(t, ok)
}
