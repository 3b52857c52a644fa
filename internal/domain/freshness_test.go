package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestAStaleTargetIsOneAlarmUntilABackupIsProven(t *testing.T) {
	t.Parallel()
	const limit = 26 * time.Hour
	start := time.Date(2026, 3, 28, 3, 30, 0, 0, time.UTC)
	f := domain.BackupFreshness{Target: "clinic", ExpectedSince: start}
	require.False(t, f.Stale(start.Add(limit), limit))
	require.True(t, f.Stale(start.Add(limit+time.Second), limit), "one that never had a backup")
	never := f.Alarm(start.Add(27*time.Hour), limit)
	require.Equal(t, never.Key, f.Alarm(start.Add(50*time.Hour), limit).Key)

	f.NewestAt = start.Add(30 * time.Hour)
	require.False(t, f.Stale(start.Add(31*time.Hour), limit))
	require.Equal(t, time.Hour, f.Age(start.Add(31*time.Hour)))
	require.True(t, f.Stale(start.Add(57*time.Hour), limit))
	require.NotEqual(t, never.Key, f.Alarm(start.Add(57*time.Hour), limit).Key)
}
