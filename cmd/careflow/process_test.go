package main

import (
	"context"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/workflows/housekeeping"
	"github.com/careflow/careflow/workflows/reconcile"
)

// database makes an empty database on the test stack's server and returns its URL.
func database(t *testing.T) string {
	t.Helper()
	admin := testkit.Env(t, "CAREFLOW_TEST_DATABASE_URL")
	name := "cmd_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	execute(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(admin)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

func execute(t *testing.T, databaseURL, statement string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement, args...)
	require.NoError(t, err)
}

// background runs a process until the test ends, and checks that it stops in order.
func background(t *testing.T, environ []string, readyURL string, args ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var log output
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, invocation{args: args, environ: environ, out: &log, errors: &log}) }()
	t.Cleanup(func() {
		stop()
		select {
		case code := <-ended:
			require.Zero(t, code, log.String())
		case <-time.After(stopTimeout + 5*time.Second):
			require.Fail(t, "did not stop", log.String())
		}
		require.Contains(t, log.String(), "stopped")
		require.NotContains(t, log.String(), "very-secret")
	})
	require.Eventually(t, func() bool {
		response, err := http.Get(readyURL)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, 30*time.Second, 20*time.Millisecond, "%s never became ready", args)
}

func TestMigrateTwiceAndStatus(t *testing.T) {
	environ := development(t, "CAREFLOW_DATABASE_URL="+database(t))
	pending := careflow(t.Context(), environ, "migrate", "status")
	require.Equal(t, exitFailed, pending.code)
	require.Contains(t, pending.errors, "run `careflow migrate up`")
	for range 2 {
		up := careflow(t.Context(), environ, "migrate", "up", "--wait")
		require.Zero(t, up.code, up.errors)
	}
	done := careflow(t.Context(), environ, "migrate", "status", "--wait=1s")
	require.Zero(t, done.code, done.errors)
}

func TestTheCodecServerLetsAnOperatorIn(t *testing.T) {
	databaseURL, address := database(t), testkit.FreeAddress(t)
	environ := development(t, "CAREFLOW_DATABASE_URL="+databaseURL, "CAREFLOW_CODEC_ADDRESS="+address)
	require.Zero(t, careflow(t.Context(), environ, "migrate", "up").code)
	account(t, databaseURL, "ops@clinic.test", "correct horse", "ops")
	account(t, databaseURL, "patient@clinic.test", "correct horse", "patient")
	background(t, environ, "http://"+address+"/readyz", "codec-server")

	require.Equal(t, http.StatusUnauthorized, decode(t, address, signIn(t, address, "patient@clinic.test", "correct horse")))
	require.Equal(t, http.StatusUnauthorized, decode(t, address, signIn(t, address, "ops@clinic.test", "wrong")))
	require.Equal(t, http.StatusUnauthorized, decode(t, address, signIn(t, address, "nobody@clinic.test", "correct horse")))
	require.Equal(t, http.StatusOK, decode(t, address, signIn(t, address, "OPS@clinic.test", "correct horse")))
}

func signIn(t *testing.T, address, email, password string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	response, err := client.PostForm("http://"+address+"/login", url.Values{"email": {email}, "password": {password}})
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return client
}

func decode(t *testing.T, address string, client *http.Client) int {
	t.Helper()
	response, err := client.Post("http://"+address+"/decode", "application/json", strings.NewReader(`{"payloads":[]}`))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestKeysRewrapRetiresAColumnKey(t *testing.T) {
	databaseURL := database(t)
	before := development(t, "CAREFLOW_DATABASE_URL="+databaseURL)
	require.Zero(t, careflow(t.Context(), before, "migrate", "up").code)
	first := careflow(t.Context(), before, "keys", "rewrap", "--new-data-key")
	require.Zero(t, first.code, first.errors)

	var older string
	for _, pair := range before {
		if value, found := strings.CutPrefix(pair, "CAREFLOW_COLUMN_KEYS="); found {
			older = value
		}
	}
	newer, err := newKeyRing("dev-column-2")
	require.NoError(t, err)
	alone := append(before, "CAREFLOW_COLUMN_KEYS="+newer.Encode())
	refused := careflow(t.Context(), alone, "keys", "rewrap")
	require.Equal(t, exitFailed, refused.code)
	require.Contains(t, refused.errors, `which is not in CAREFLOW_COLUMN_KEYS`)

	rewrapped := careflow(t.Context(), append(before, "CAREFLOW_COLUMN_KEYS="+newer.Encode()+","+older), "keys", "rewrap")
	require.Zero(t, rewrapped.code, rewrapped.errors)
	after := careflow(t.Context(), alone, "keys", "rewrap", "--new-data-key")
	require.Zero(t, after.code, after.errors)
}

func TestTheProductStartsAndStops(t *testing.T) {
	temporal := testkit.Env(t, "CAREFLOW_TEST_TEMPORAL_ADDRESS")
	api, worker, id := testkit.FreeAddress(t), testkit.FreeAddress(t), uuid.NewString()
	environ := development(t,
		"CAREFLOW_DATABASE_URL="+database(t), "CAREFLOW_TEMPORAL_ADDRESS="+temporal,
		"CAREFLOW_HTTP_ADDRESS="+api, "CAREFLOW_WORKER_ADDRESS="+worker,
		"CAREFLOW_TEMPORAL_TASK_QUEUE=cmd-"+id, "CAREFLOW_WORKER_DEPLOYMENT=cmd-"+id, "CAREFLOW_WORKER_BUILD_ID=b1", "CAREFLOW_WORKER_PROMOTE=true",
	)
	for _, args := range [][]string{{"migrate", "up"}, {"temporal-setup"}, {"temporal-setup"}, {"seed"}, {"seed"}} {
		r := careflow(t.Context(), environ, args...)
		require.Zero(t, r.code, "%s: %s", args, r.errors)
	}
	forgetSchedules(t, temporal, "cmd-"+id)
	background(t, environ, "http://"+worker+"/readyz", "worker")
	background(t, environ, "http://"+api+"/readyz", "api")
}

func TestTheAPIStartsWhileTemporalIsDown(t *testing.T) {
	address := testkit.FreeAddress(t)
	environ := development(t, "CAREFLOW_DATABASE_URL="+database(t), "CAREFLOW_HTTP_ADDRESS="+address)
	require.Zero(t, careflow(t.Context(), environ, "migrate", "up").code)
	background(t, environ, "http://"+address+"/healthz", "api")
}

func TestSeedRefusesProduction(t *testing.T) {
	r := careflow(t.Context(), []string{"CAREFLOW_DATABASE_URL=postgres://127.0.0.1:1/careflow"}, "seed")
	require.Equal(t, exitMistaken, r.code)
	require.Contains(t, r.errors, "seed is for development only")
}

func TestABusyPortIsNamed(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	r := careflow(t.Context(), development(t, "CAREFLOW_CODEC_ADDRESS="+busy.Addr().String()), "codec-server")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "careflow: the codec server cannot listen on "+busy.Addr().String())
}

// forgetSchedules deletes the schedules of a queue, which are there, when the test ends.
func forgetSchedules(t *testing.T, temporal, queue string) {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: temporal, Namespace: "careflow"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	for id, every := range map[string]time.Duration{
		reconcile.ScheduleID(queue): 10 * time.Minute, housekeeping.ScheduleID(queue): 24 * time.Hour,
	} {
		schedule := c.ScheduleClient().GetHandle(t.Context(), id)
		t.Cleanup(func() { require.NoError(t, schedule.Delete(context.Background())) })
		d, err := schedule.Describe(t.Context())
		require.NoError(t, err)
		require.Equal(t, every, d.Schedule.Spec.Intervals[0].Every)
		require.Equal(t, enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, d.Schedule.Policy.Overlap)
	}
}

// account inserts a log-in.
func account(t *testing.T, databaseURL, email, password, role string) {
	t.Helper()
	hash, err := auth.HashPassword(password)
	require.NoError(t, err)
	execute(t, databaseURL, "INSERT INTO users (id, email, name, password_hash, roles) VALUES ($1, $2, 'Somebody', $3, ARRAY[$4])",
		uuid.NewString(), email, hash, role)
}
