package stories_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	backupacts "github.com/careflow/careflow/activities/backup"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/alarm"
	"github.com/careflow/careflow/workflows/backup"
	"github.com/careflow/careflow/workflows/backup/backupclient"
)

// host is the real backup worker over a real S3 server, for one small database. The
// workflows run in the test's process: only the host is to die.
type host struct {
	t       *testing.T
	db      *pgxpool.Pool
	queue   string
	store   *testkit.Store
	env     []string
	process *testkit.Process
	backups *backupclient.Client
	log     *postgres.Catalogue
}

// patience is for machines that are busy with many hosts at once: a backup with its proof
// and a death takes a minute.
const patience = 10 * time.Minute

// ballast is what the database takes in the storage, about: more than one part of an upload.
const ballast = 12 << 20

func newHost(t *testing.T, more ...string) *host {
	t.Helper()
	h := &host{t: t, db: testkit.Pool(t, testkit.Database(t)), queue: "b-" + word(), store: testkit.NewStore(t)}
	h.exec(fmt.Sprintf(`CREATE TABLE ballast AS SELECT g, (SELECT decode(string_agg(md5(random()::text || g || i), ''), 'hex')
		FROM generate_series(1, 65536) i) AS b FROM generate_series(1, %d) g`, ballast>>20))
	h.log = postgres.NewCatalogue(h.db)
	temporal := clinic.Temporal(t)
	h.backups = backupclient.New(temporal, h.queue)
	w := worker.New(temporal, h.queue, worker.Options{DisableRegistrationAliasing: true})
	backupacts.RegisterLogbook(w, backupacts.NewLogbook(h.log))
	pinned := workflow.VersioningBehaviorUnspecified
	w.RegisterWorkflowWithOptions(backup.Workflow, workflow.RegisterOptions{Name: backup.WorkflowName, VersioningBehavior: pinned})
	w.RegisterWorkflowWithOptions(alarm.Workflow, workflow.RegisterOptions{Name: alarm.WorkflowName, VersioningBehavior: pinned})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	h.env = append(append(backupSettings(t, h.db, h.queue), h.store.Settings()...), more...)
	h.process = testkit.StartProcess(t, "backup-worker", h.env)
	return h
}

func (h *host) exec(statement string, args ...any) {
	h.t.Helper()
	_, err := h.db.Exec(context.Background(), statement, args...)
	require.NoError(h.t, err)
}

// run begins a backup as soon as the host takes jobs, and returns its ID.
func (h *host) run() (id string) {
	h.t.Helper()
	testkit.Eventually(h.t, func() (ok bool) {
		var err error
		id, _, err = h.backups.Run(h.t.Context(), "clinic", "")
		return err == nil
	}, "the host takes jobs")
	return id
}

// await waits for the end of a backup, over the time that Temporal needs to notice a death.
func (h *host) await(id string) domain.BackupRecord {
	h.t.Helper()
	var r domain.BackupRecord
	require.Eventually(h.t, func() bool {
		var err error
		r, err = h.log.Backup(h.t.Context(), id)
		return err == nil && r.State.Ended()
	}, patience, 200*time.Millisecond, "the backup ends")
	return r
}

// objects are the keys in the storage.
func (h *host) objects() (keys []string) {
	h.t.Helper()
	pages := s3.NewListObjectsV2Paginator(h.store.Client(), &s3.ListObjectsV2Input{Bucket: &h.store.Bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		require.NoError(h.t, err)
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys
}

// settled waits until the process has done all it does after the proof.
func (h *host) settled(id string) {
	h.t.Helper()
	require.NoError(h.t, clinic.Temporal(h.t).GetWorkflow(h.t.Context(), backup.WorkflowID(h.queue, "clinic"), id).Get(h.t.Context(), nil))
}

func puts(suffix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == http.MethodPut && strings.Contains(r.URL.Path, suffix) }
}

// nth is the n-th request that matches.
func nth(n int, match func(*http.Request) bool) func(*http.Request) bool {
	return func(r *http.Request) bool {
		if match(r) {
			n--
		}
		return n == 0
	}
}

func readsData(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/data.zst.age")
}

// deaths are the moments at which the host is killed. Those of short are part of every
// test run.
var deaths = []struct {
	name   string
	short  bool
	match  func() func(*http.Request) bool
	after  bool
	upload int64 // percent of the data's upload
}{
	{name: "in the preflight", match: func() func(*http.Request) bool { return puts("/probe-") }, after: true},
	{name: "at 10 percent of the upload", upload: 10},
	{name: "at 50 percent of the upload", upload: 50, short: true},
	{name: "at 90 percent of the upload", upload: 90},
	{name: "before the last part", match: func() func(*http.Request) bool { return puts("/fingerprint.zst.age") }},
	{name: "after the last part", match: func() func(*http.Request) bool { return puts("/fingerprint.zst.age") }, after: true},
	{name: "in the check of the upload", match: func() func(*http.Request) bool { return readsData }},
	{name: "before the manifest", match: func() func(*http.Request) bool { return puts("/manifest.json") }},
	{name: "after the manifest", match: func() func(*http.Request) bool { return puts("/manifest.json") }, after: true, short: true},
	{name: "in the proof", match: func() func(*http.Request) bool { return nth(2, readsData) }, short: true},
	{name: "before the evidence", match: func() func(*http.Request) bool { return puts("/evidence/") }},
	{name: "after the evidence", match: func() func(*http.Request) bool { return puts("/evidence/") }, after: true},
	{name: "in the retention", match: func() func(*http.Request) bool {
		proven, listed := puts("/evidence/"), false
		return func(r *http.Request) bool {
			listed = listed || proven(r)
			return listed && r.Method == http.MethodGet && r.URL.Query().Has("list-type")
		}
	}},
}

// Wherever the host is killed, the backup goes on when one is there again: it is committed
// once and proven, and neither storage nor scratch server keeps anything of the dead try.
// CAREFLOW_BACKUP_KILLS=20 kills at every moment so often, see `make test-backup-kills`.
func TestABackupWhoseHostIsKilledGoesOn(t *testing.T) {
	t.Parallel()
	times, every := 1, false
	if text := os.Getenv("CAREFLOW_BACKUP_KILLS"); text != "" {
		var err error
		times, err = strconv.Atoi(text)
		require.NoError(t, err)
		every = true
	}
	for n := range times {
		for _, d := range deaths {
			if !every && !d.short {
				continue
			}
			t.Run(fmt.Sprintf("%s %d", d.name, n+1), func(t *testing.T) {
				t.Parallel()
				h := newHost(t)
				killed := make(chan struct{})
				die := func() { h.process.Kill(); close(killed) }
				if d.upload > 0 {
					h.store.InterruptUpload(puts("/data.zst.age"), ballast*d.upload/100, die)
				} else {
					h.store.Interrupt(d.match(), d.after, die)
				}
				id := h.run()
				select {
				case <-killed:
				case <-time.After(patience):
					require.Fail(t, "it was never killed")
				}
				h.process.Start()
				r := h.await(id)
				require.Equal(t, domain.BackupVerified, r.State, "%s %s", r.Error, r.Detail)
				h.settled(id)
				h.requireClean(id)
			})
		}
	}
}

// requireClean finds one backup and nothing else.
func (h *host) requireClean(id string) {
	h.t.Helper()
	attempts := map[string]bool{}
	manifests := 0
	for _, key := range h.objects() {
		parts := strings.Split(key, "/")
		require.Equal(h.t, []string{"clinic", id}, parts[:2], "%s is left", key)
		switch {
		case len(parts) == 3:
			require.Equal(h.t, "manifest.json", parts[2])
			manifests++
		case parts[2] != "evidence":
			attempts[parts[2]] = true
		}
	}
	require.Equal(h.t, 1, manifests)
	require.Len(h.t, attempts, 1, "a dead try has left its objects")
	var scratch, rows int
	require.NoError(h.t, h.db.QueryRow(context.Background(),
		`SELECT count(*) FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname = $1`, h.scratchRole()).Scan(&scratch))
	require.Zero(h.t, scratch, "a scratch database is left")
	require.NoError(h.t, h.db.QueryRow(context.Background(), `SELECT count(*) FROM backup_logs`).Scan(&rows))
	require.Equal(h.t, 1, rows)
}

func (h *host) scratchRole() string {
	_, rest, _ := strings.Cut(setting(h.env, "CAREFLOW_BACKUP_SCRATCH_URL"), "://")
	role, _, _ := strings.Cut(rest, ":")
	return role
}

// A backup that is cancelled in the middle of its upload leaves nothing.
func TestABackupCancelledInItsUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	uploading := make(chan struct{})
	h.store.InterruptUpload(puts("/data.zst.age"), ballast/2, func() { close(uploading) })
	id := h.run()
	<-uploading
	require.NoError(t, h.backups.Cancel(t.Context(), "clinic", id))
	require.Equal(t, domain.BackupCancelled, h.await(id).State)
	testkit.Eventually(t, func() bool { return len(h.objects()) == 0 }, "everything is removed")
}
