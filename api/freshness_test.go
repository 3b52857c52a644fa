package api

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

func (f *fakeBackups) BackupFreshness(context.Context, []string) ([]domain.BackupFreshness, error) {
	if f.err != nil {
		return nil, f.err
	}
	return []domain.BackupFreshness{{Target: f.record.Target, NewestAt: f.record.SnapshotAt, ExpectedSince: now}}, nil
}

// Backups that have stopped are told to who asks how we are; bookings go on.
func TestStaleBackupsAreToldAndTakeNothingOutOfService(t *testing.T) {
	h := newHarness(t)
	readiness := func() openapi.Readiness {
		return decode[openapi.Readiness](h.get("/readyz", "").status(http.StatusOK))
	}
	metrics := func() string { return h.get("/metrics", "").status(http.StatusOK).Body.String() }
	h.backups.record.SnapshotAt = now.Add(-time.Hour)
	require.Equal(t, openapi.ReadinessBackupsFresh, readiness().Backups)
	require.Contains(t, metrics(), "careflow_backup_age_seconds{target=\"clinic\"} 3600\n")
	require.Contains(t, metrics(), "careflow_backup_age_limit_seconds 93600\n")

	h.backups.record.SnapshotAt = now.Add(-27 * time.Hour)
	got := readiness()
	require.Equal(t, openapi.ReadinessBackupsStale, got.Backups)
	require.Equal(t, openapi.ReadinessStatusReady, got.Status)
	require.Equal(t, map[string]int64{"clinic": 27 * 3600}, got.BackupAgeSeconds)

	h.backups.err = errors.New("refused")
	require.Equal(t, openapi.ReadinessBackupsStale, readiness().Backups, "what was known before still holds")
	h.backups.err = nil
	h.backups.record.SnapshotAt = now
	require.Equal(t, openapi.ReadinessBackupsFresh, readiness().Backups)

	none := newHarness(t, func(c *Config) { c.BackupTargets = nil })
	require.Empty(t, decode[openapi.Readiness](none.get("/readyz", "").status(http.StatusOK)).Backups)
	require.NotContains(t, none.get("/metrics", "").Body.String(), "careflow_backup")
}
