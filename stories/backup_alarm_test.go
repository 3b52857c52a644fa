package stories_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
)

// A host without pg_dump says so at once, to each of those who run this, once: through an
// outage of the mail vendor, a failure at one address only, and the death of the worker.
func TestBackupAlarmsArriveOnce(t *testing.T) {
	t.Parallel()
	c, env := saved(t, "CAREFLOW_OPS_MAIL=first@ops.example,second@ops.example")
	outage := c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.SendGrid, Mode: "fail", Status: http.StatusServiceUnavailable})
	testkit.StartProcess(t, "backup-worker", append(env, "CAREFLOW_BACKUP_TOOLS="+t.TempDir()))
	testkit.Eventually(t, func() bool {
		return c.Login("ops").Do(http.MethodPost, "/v1/ops/backups", openapi.BackupRequest{Target: "clinic"}).Status == http.StatusAccepted
	}, "the worker takes jobs")
	failed := func() bool {
		return c.Count(`SELECT count(*) FROM backup_logs WHERE state = 'failed' AND error_detail LIKE 'pg_dump cannot be run%'`) == 1
	}
	testkit.Eventually(t, failed, "the backup fails and says which program is missing")
	testkit.Eventually(t, func() bool { return outage.Hits() > 1 && c.Count(`SELECT count(*) FROM ops_alarms`) == 1 }, "the alarm is tried")

	var id string
	require.NoError(t, c.DB.QueryRow(context.Background(), `SELECT id::text FROM ops_alarms`).Scan(&id))
	c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.SendGrid, Mode: "fail", Status: http.StatusServiceUnavailable, Key: id + "-1"})
	outage.Release()
	told := func(n int) func() bool {
		return func() bool { return c.Count(`SELECT cardinality(told) FROM ops_alarms`) == n }
	}
	testkit.Eventually(t, told(1), "one of them is told")
	c.WorkerProcess.Kill()
	c.Sandbox.ClearFaults()
	c.StartWorker()
	testkit.Eventually(t, told(2), "the other one is told")
	testkit.Eventually(t, func() bool { return c.Count(`SELECT count(*) FROM ops_alarms WHERE state = 'sent'`) == 1 }, "the alarm is settled")
	mails := map[string]int{}
	for _, m := range c.Sandbox.Mailbox() {
		if strings.Contains(m.Subject, "backup failed: clinic") {
			require.Contains(t, m.Text, "pg_dump")
			mails[m.To[0].Email]++
		}
	}
	require.Equal(t, map[string]int{"first@ops.example": 1, "second@ops.example": 1}, mails)
}
