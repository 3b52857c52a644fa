package stories_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// Backups have stopped and Temporal is away, which may be why: the people who run this
// hear of it by one mail of all workers, the health page says so, and the clinic stays
// open. A proven backup ends it.
func TestBackupsThatStoppedAreToldWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	const address = "night@clinic.example"
	c := clinic.New(t, clinic.Options{NoWorker: true, Env: []string{"CAREFLOW_BACKUP_NAMES=clinic", "CAREFLOW_OPS_MAIL=" + address}})
	health := func() (r openapi.Readiness) {
		a := c.Nobody().Do(http.MethodGet, "/readyz", nil)
		require.Equal(t, http.StatusOK, a.Status, a)
		require.NoError(t, json.Unmarshal(a.Body, &r))
		return r
	}
	require.Equal(t, openapi.ReadinessBackupsFresh, health().Backups, "a new installation is given its first night")
	c.Exec("UPDATE backup_targets SET expected_since = now() - interval '27 hours'")
	require.Equal(t, openapi.ReadinessBackupsStale, health().Backups)

	c.APIToTemporal.Cut()
	c.WorkerToTemporal.Cut()
	c.StartWorker()
	c.StartWorkerReplica()
	testkit.Eventually(t, func() bool { return c.Count("SELECT count(*) FROM ops_alarms WHERE state = 'sent'") == 1 }, "the alarm is sent")
	told := 0
	for _, m := range c.Sandbox.Mailbox() {
		if m.To[0].Email == address {
			require.Contains(t, m.Subject, "backup stale: clinic")
			told++
		}
	}
	require.Equal(t, 1, told)
	require.Equal(t, openapi.ReadinessTemporalDown, health().Temporal)

	c.Exec(`INSERT INTO backup_logs (id, target, trigger, state, started_at, snapshot_at) VALUES ($1, 'clinic', 'schedule', 'verified', now(), now())`, domain.NewID())
	require.Equal(t, openapi.ReadinessBackupsFresh, health().Backups)
	metrics := string(c.Nobody().Do(http.MethodGet, "/metrics", nil).Body)
	_, age, _ := strings.Cut(metrics, `careflow_backup_age_seconds{target="clinic"} `)
	require.Regexp(t, `^-?[0-9]\.?[0-9e-]*\n`, age)
}
