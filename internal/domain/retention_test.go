package domain_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/careflow/careflow/internal/domain"
)

var retentionNow = time.Date(2026, 3, 30, 4, 0, 0, 0, time.UTC)

// nightly is a verified backup a day, the newest one hour old.
func nightly(days int) []domain.RestorePoint {
	var points []domain.RestorePoint
	for d := range days {
		points = append(points, domain.RestorePoint{
			BackupID: fmt.Sprintf("day-%02d", d), Verified: true, SnapshotAt: retentionNow.Add(-time.Hour - time.Duration(d)*24*time.Hour),
		})
	}
	return points
}

func TestFifteenDaysOfRestorePointsAreKept(t *testing.T) {
	t.Parallel()
	p := domain.DefaultRetention()
	d := p.Decide(retentionNow, nightly(20))
	require.Empty(t, d.Refused)
	require.Len(t, d.Keep, 16, "fifteen days, and the one that makes the first hours of the window restorable")
	require.Equal(t, domain.KeepEdge, d.Keep["day-15"])
	require.Equal(t, []string{"day-16", "day-17", "day-18", "day-19"}, d.Bury)
	require.Empty(t, d.Remove, "a tombstone first")
}

func TestBytesGoAfterTheGrace(t *testing.T) {
	t.Parallel()
	points := nightly(18)
	points[16].BuriedAt = retentionNow.Add(-71 * time.Hour)
	points[17].BuriedAt = retentionNow.Add(-72 * time.Hour)
	d := domain.DefaultRetention().Decide(retentionNow, points)
	require.Equal(t, domain.KeepGrace, d.Keep["day-16"])
	require.Equal(t, []string{"day-17"}, d.Remove)
}

func TestAHoldRaisesABuriedBackup(t *testing.T) {
	t.Parallel()
	points := nightly(18)
	points[17].BuriedAt, points[17].Held = retentionNow.Add(-100*time.Hour), true
	d := domain.DefaultRetention().Decide(retentionNow, points)
	require.Equal(t, []string{"day-17"}, d.Raise)
	require.Equal(t, domain.KeepHeld, d.Keep["day-17"])
}

// Weeks of silent failure, or clocks that jump, remove nothing.
func TestNothingIsRemovedWhenTheNewestProofIsNotFresh(t *testing.T) {
	t.Parallel()
	p := domain.DefaultRetention()
	failing := nightly(40)
	for i := range 20 {
		failing[i].Verified = false
	}
	for name, tt := range map[string]struct {
		now    time.Time
		points []domain.RestorePoint
		want   domain.RefuseReason
	}{
		"backups that are not verified any more": {retentionNow, failing, domain.RefuseStale},
		"no backups for weeks":                   {retentionNow.Add(20 * 24 * time.Hour), nightly(20), domain.RefuseStale},
		"a clock a year ahead":                   {retentionNow.AddDate(1, 0, 0), nightly(20), domain.RefuseStale},
		"a clock a day behind":                   {retentionNow.AddDate(0, 0, -1), nightly(20), domain.RefuseClock},
		"nothing verified ever":                  {retentionNow, failing[:20], domain.RefuseNoneVerified},
	} {
		d := p.Decide(tt.now, tt.points)
		require.Equal(t, tt.want, d.Refused, name)
		require.Empty(t, d.Bury, name)
		require.Empty(t, d.Remove, name)
		require.Len(t, d.Keep, len(tt.points), name)
	}
}

// Whatever there is: each backup has one fate, and what may never go never goes.
func TestRetentionKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := domain.RetentionPolicy{
			Window: time.Duration(rapid.IntRange(24, 600).Draw(t, "window")) * time.Hour, MinVerified: rapid.IntRange(1, 5).Draw(t, "least"),
			Fresh: 26 * time.Hour, Grace: time.Duration(rapid.IntRange(0, 100).Draw(t, "grace")) * time.Hour,
		}
		require.NoError(t, p.Validate())
		points := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) domain.RestorePoint {
			r := domain.RestorePoint{
				SnapshotAt: retentionNow.Add(-time.Duration(rapid.IntRange(-50, 1200*60).Draw(t, "age")) * time.Minute),
				Verified:   rapid.Bool().Draw(t, "verified"), Held: rapid.IntRange(0, 9).Draw(t, "held") == 0,
			}
			if rapid.IntRange(0, 2).Draw(t, "buried") == 0 {
				r.BuriedAt = retentionNow.Add(-time.Duration(rapid.IntRange(0, 200).Draw(t, "since")) * time.Hour)
			}
			return r
		}), 0, 60).Draw(t, "points")
		for i := range points {
			points[i].BackupID = fmt.Sprint(i)
		}
		d := p.Decide(retentionNow, points)

		gone := append(slices.Clone(d.Bury), d.Remove...)
		require.Len(t, points, len(d.Keep)+len(gone), "each has one fate")
		for _, r := range points {
			_, kept := d.Keep[r.BackupID]
			require.NotEqual(t, kept, slices.Contains(gone, r.BackupID))
			if r.Held || r.SnapshotAt.After(retentionNow.Add(-p.Window)) {
				require.True(t, kept, "held, or in the window")
			}
			if slices.Contains(d.Remove, r.BackupID) {
				require.False(t, r.BuriedAt.IsZero())
				require.GreaterOrEqual(t, retentionNow.Sub(r.BuriedAt), p.Grace)
			}
		}
		if d.Refused != "" {
			require.Empty(t, gone)
			return
		}
		verified := slices.DeleteFunc(slices.Clone(points), func(r domain.RestorePoint) bool { return !r.Verified })
		slices.SortStableFunc(verified, func(a, b domain.RestorePoint) int { return b.SnapshotAt.Compare(a.SnapshotAt) })
		left := slices.DeleteFunc(slices.Clone(verified), func(r domain.RestorePoint) bool { return slices.Contains(gone, r.BackupID) })
		require.GreaterOrEqual(t, len(left), min(p.MinVerified, len(verified)), "so many verified ones stay")
		old := slices.IndexFunc(verified, func(r domain.RestorePoint) bool { return !r.SnapshotAt.After(retentionNow.Add(-p.Window)) })
		if old >= 0 {
			require.NotContains(t, gone, verified[old].BackupID, "the newest verified one older than the edge stays")
		}
	})
}
