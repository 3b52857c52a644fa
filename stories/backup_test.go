package stories_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/backup"
	"github.com/careflow/careflow/workflows/backup/backupclient"
)

// saved is a clinic whose database is a target, with the variables of its backup worker:
// roles of the least privileges that it needs, keys of its own, and a storage.
func saved(t *testing.T, more ...string) (*clinic.Clinic, []string) {
	t.Helper()
	c := clinic.New(t, clinic.Options{Env: append([]string{"CAREFLOW_BACKUP_NAMES=clinic"}, more...)})
	return c, backupSettings(t, c.DB, c.Queue)
}

func backupSettings(t *testing.T, db *pgxpool.Pool, queue string) []string {
	t.Helper()
	run := func(statement string) {
		_, err := db.Exec(context.Background(), statement)
		require.NoError(t, err)
	}
	keys, err := exec.CommandContext(t.Context(), filepath.Join(testkit.Env(t, "CAREFLOW_TEST_BIN"), "careflow"), "keys", "backup").Output()
	require.NoError(t, err)
	reader, scratch := "backup_"+word(), "scratch_"+word()
	run("CREATE ROLE " + reader + " LOGIN PASSWORD 'test' IN ROLE pg_read_all_data")
	run("GRANT INSERT, UPDATE ON backup_logs TO " + reader)
	run("CREATE ROLE " + scratch + " LOGIN CREATEDB PASSWORD 'test'")
	t.Cleanup(func() {
		// A worker that was killed leaves its sessions, which carry out what they were asked for
		// last: a database may be made after we looked. A proof that was under way leaves one too.
		run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename IN ('" + reader + "', '" + scratch + "')")
		var left []string
		require.NoError(t, db.QueryRow(context.Background(),
			`SELECT coalesce(array_agg(quote_ident(datname)), '{}') FROM pg_database WHERE pg_get_userbyid(datdba) = $1`, scratch).Scan(&left))
		for _, name := range left {
			run("DROP DATABASE " + name + " WITH (FORCE)")
		}
		run("DROP OWNED BY " + reader)
		run("DROP ROLE " + reader)
		run("DROP ROLE " + scratch)
	})
	source := as(db.Config().ConnString(), reader)
	return append(strings.Fields(string(keys)),
		"CAREFLOW_ENV=development", "CAREFLOW_LOG_FORMAT=text", "CAREFLOW_DATABASE_URL="+source, "CAREFLOW_TEMPORAL_TASK_QUEUE="+queue,
		"CAREFLOW_TEMPORAL_ADDRESS="+testkit.Env(t, "CAREFLOW_TEST_TEMPORAL_ADDRESS"), "CAREFLOW_PAYLOAD_KEYS="+clinic.PayloadKeys,
		"CAREFLOW_WORKER_ADDRESS=127.0.0.1:0", "CAREFLOW_BACKUP_STORAGE=file://"+t.TempDir(), "CAREFLOW_BACKUP_TARGETS=clinic="+source,
		"CAREFLOW_BACKUP_SCRATCH_URL="+as(testkit.Env(t, "CAREFLOW_TEST_DATABASE_URL"), scratch))
}

// setting returns one of the variables.
func setting(env []string, name string) string {
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// as is the database's URL for a role of backupSettings.
func as(databaseURL, role string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		panic("not a URL")
	}
	u.User = url.UserPassword(role, "test")
	return u.String()
}

// word is a name that nothing else in the cluster has.
func word() string { return strings.ReplaceAll(domain.NewID(), "-", "") }

// Ops are told that no host takes the job; once one does, fifty requests at once are one
// backup, which is proven, can be held, and shows in the retention.
func TestBackupIsOneForAllWhoAskAndIsProven(t *testing.T) {
	t.Parallel()
	c, env := saved(t)
	ops := c.Login("ops")
	ask := func() clinic.Answer {
		return ops.Do(http.MethodPost, "/v1/ops/backups", openapi.BackupRequest{Target: "clinic"})
	}
	require.Equal(t, string(domain.CodeNoBackupWorker), ask().Problem())
	require.Zero(t, c.Count(`SELECT count(*) FROM backup_logs`))

	testkit.StartProcess(t, "backup-worker", env)
	var first clinic.Answer
	testkit.Eventually(t, func() bool { first = ask(); return first.Status == http.StatusAccepted }, "the worker takes jobs")
	var id openapi.BackupStarted
	require.NoError(t, json.Unmarshal(first.Body, &id))
	var all sync.WaitGroup
	ids := make([]string, 50)
	for i := range ids {
		all.Go(func() {
			a, err := ops.Try(http.MethodPost, "/v1/ops/backups", openapi.BackupRequest{Target: "clinic"})
			var s openapi.BackupStarted
			if err == nil && json.Unmarshal(a.Body, &s) == nil && s.Joined {
				ids[i] = s.ID
			}
		})
	}
	all.Wait()
	for _, got := range ids {
		require.Equal(t, id.ID, got)
	}
	var b openapi.Backup
	testkit.Eventually(t, func() bool {
		require.NoError(t, json.Unmarshal([]byte(c.Careflow("ops", "backup", "show", id.ID, "--json")), &b))
		return domain.BackupState(b.State).Ended()
	}, "the backup ends")
	require.Equal(t, openapi.BackupStateVerified, b.State, "%+v", b)
	require.Empty(t, b.Evidence.Failures)
	require.Positive(t, b.Rows)
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM backup_logs`))

	require.Contains(t, c.Careflow("admin", "backup", "hold", id.ID, "--reason", "legal_hold"), "true")
	require.Contains(t, c.Careflow("ops", "backup", "prune", "--dry-run"), "held")
	require.Contains(t, c.Careflow("ops", "backup", "release", id.ID, "--reason", "hold_over"), "false")
	require.Equal(t, http.StatusForbidden, c.Login("doctor.demo").Do(http.MethodGet, "/v1/ops/backups", nil).Status)
	recordBackups(t, c, id.ID)
}

// recordBackups keeps a history of each process of backups, after a backup of the clinic.
func recordBackups(t *testing.T, c *clinic.Clinic, id string) {
	t.Helper()
	if !clinic.Recording() {
		return
	}
	record := func(workflowID, name string) { c.RecordRun(clinic.Run{Family: "backup", ID: workflowID}, name) }
	record(backup.WorkflowID(c.Queue, "clinic"), "verified")
	record(backup.HoldWorkflowID(id), "hold")
	c.Careflow("ops", "backup", "verify", id)
	record(backup.VerifyWorkflowID(id), "verify")
	c.Careflow("ops", "backup", "prune")
	record(backup.PruneWorkflowID(c.Queue, "clinic"), "prune")
	run, err := c.Temporal().ExecuteWorkflow(testkit.Context(t), client.StartWorkflowOptions{ID: "scheduled-" + c.Queue, TaskQueue: c.Queue},
		backup.ScheduledName, backup.ScheduledInput{Targets: []string{"clinic"}})
	require.NoError(t, err)
	require.NoError(t, run.Get(testkit.Context(t), nil))
	record(run.GetID(), "scheduled")
}

// The nightly schedule is made by the set-up, paused and resumed by ops, and stays paused
// when the set-up runs again.
func TestBackupScheduleStaysPausedWhenTheSetUpRunsAgain(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{NoWorker: true, Env: []string{"CAREFLOW_BACKUP_NAMES=clinic"}})
	ops, temporal := c.Login("ops"), c.Temporal()
	require.Equal(t, string(domain.CodeNoBackups), ops.Do(http.MethodGet, "/v1/ops/backup-schedule", nil).Problem())
	setUp := func() {
		require.NoError(t, backupclient.New(temporal, c.Queue).EnsureSchedule(t.Context(), backupclient.Nightly{
			Targets: []string{"clinic"}, Hour: 3, Minute: 30, Zone: "Europe/Berlin",
		}))
	}
	setUp()
	handle := temporal.ScheduleClient().GetHandle(t.Context(), backup.ScheduleID(c.Queue))
	t.Cleanup(func() { require.NoError(t, handle.Delete(context.Background())) })
	var s openapi.BackupSchedule
	require.NoError(t, json.Unmarshal([]byte(c.Careflow("ops", "backup", "schedule", "--json")), &s))
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	require.Equal(t, "03:30", s.Next[0].In(berlin).Format("15:04"))
	require.Contains(t, c.Careflow("ops", "backup", "schedule", "--pause"), "true")
	setUp()
	require.Contains(t, c.Careflow("ops", "backup", "schedule"), "true")
	d, err := handle.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, backupclient.CatchUp, d.Schedule.Policy.CatchupWindow)
	require.Equal(t, enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, d.Schedule.Policy.Overlap)
	require.Contains(t, c.Careflow("ops", "backup", "schedule", "--resume"), "false")
}
