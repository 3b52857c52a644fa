// Package clinic is a whole installation for one story: the product's binary as API and
// worker, a database and a task queue of its own, and a sandbox in the test's process.
package clinic

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/internal/testkit"
)

// Clinic is a whole installation for one test.
type Clinic struct {
	t testing.TB
	// Sandbox stands in for Stripe and SendGrid.
	Sandbox *sandbox.Sandbox
	// Vendors is the sandbox's base URL.
	Vendors string
	// DB is the clinic's database, for looking and for faults.
	DB *pgxpool.Pool
	// API is the base URL.
	API string
	// Queue is the task queue of the clinic's processes.
	Queue string

	APIProcess    *testkit.Process
	WorkerProcess *testkit.Process

	// The lines that API and worker use; cut them to take the other side away.
	APIToTemporal    *testkit.Line
	WorkerToTemporal *testkit.Line
	ToDatabase       *testkit.Line

	env []string
}

// Options change a clinic.
type Options struct {
	// NoWorker starts without a worker; StartWorker starts one later.
	NoWorker bool
	// MailEvents has SendGrid tell what becomes of mails.
	MailEvents bool
	// Env adds variables to API and worker.
	Env []string
}

// New brings up a clinic and waits until its API is ready.
func New(t testing.TB, o Options) *Clinic {
	t.Helper()
	sb, err := sandbox.New(sandbox.Config{WebhookBackoff: func(int) time.Duration { return 100 * time.Millisecond }})
	require.NoError(t, err)
	vendor := httptest.NewServer(sb.Handler())
	t.Cleanup(func() { sb.Close(); vendor.CloseClientConnections(); vendor.Close() })

	databaseURL := testkit.Database(t)
	c := &Clinic{
		t: t, Sandbox: sb, Vendors: vendor.URL, DB: testkit.Pool(t, databaseURL), Queue: "t-" + domain.NewID(),
		APIToTemporal:    testkit.NewLine(t, testkit.Env(t, "CAREFLOW_TEST_TEMPORAL_ADDRESS")),
		WorkerToTemporal: testkit.NewLine(t, testkit.Env(t, "CAREFLOW_TEST_TEMPORAL_ADDRESS")),
	}
	c.ToDatabase = testkit.NewLine(t, testkit.HostOf(databaseURL))
	address := testkit.FreeAddress(t)
	c.API = "http://" + address
	signing := newKey(t)
	ring, err := config.ParseKeyRing(signing)
	require.NoError(t, err)
	c.env = append([]string{
		"CAREFLOW_ENV=development",
		"CAREFLOW_LOG_FORMAT=text",
		"CAREFLOW_LOG_LEVEL=warn",
		"CAREFLOW_DATABASE_URL=" + testkit.WithHost(databaseURL, c.ToDatabase.Address()),
		"CAREFLOW_TEMPORAL_ADDRESS=" + c.APIToTemporal.Address(),
		"CAREFLOW_TEMPORAL_TASK_QUEUE=" + c.Queue,
		"CAREFLOW_HTTP_ADDRESS=" + address,
		"CAREFLOW_PUBLIC_URL=" + c.API,
		"CAREFLOW_WORKER_ADDRESS=127.0.0.1:0",
		"CAREFLOW_PAYLOAD_KEYS=" + PayloadKeys,
		"CAREFLOW_COLUMN_KEYS=" + newKey(t),
		"CAREFLOW_SIGNING_KEYS=" + signing,
		"CAREFLOW_APPROVAL_KEYS=" + config.EncodeApprovalKeys(ring.ApprovalKeys()),
		"CAREFLOW_COMMAND_KEYS=" + newKey(t),
		"CAREFLOW_LINK_KEYS=" + newKey(t),
		"CAREFLOW_STRIPE_URL=" + vendor.URL,
		"CAREFLOW_STRIPE_KEY=" + sandbox.DefaultStripeKey,
		"CAREFLOW_STRIPE_PUBLISHABLE_KEY=pk_test_sandbox",
		"CAREFLOW_STRIPE_WEBHOOK_SECRET=" + sandbox.DefaultWebhookSecret,
		"CAREFLOW_SENDGRID_URL=" + vendor.URL,
		"CAREFLOW_SENDGRID_KEY=" + sandbox.DefaultSendGridKey,
		"CAREFLOW_SENDGRID_WEBHOOK_KEYS=" + sandbox.DefaultMailEventKey,
		"CAREFLOW_MAIL_FROM=Praxis am Park <hello@praxis.example>",
	}, o.Env...)
	sb.SetWebhook(c.API+"/v1/webhooks/stripe", "")
	if o.MailEvents {
		sb.SetMailWebhook(c.API + "/v1/webhooks/sendgrid")
	}

	c.APIProcess = testkit.StartProcess(t, "api", c.env)
	if !o.NoWorker {
		c.StartWorker()
	}
	c.WaitReady()
	return c
}

// Env are the variables of the clinic's API, for another copy of it.
func (c *Clinic) Env() []string { return append([]string{}, c.env...) }

// StartWorker starts the clinic's worker.
func (c *Clinic) StartWorker() {
	c.t.Helper()
	if c.WorkerProcess == nil {
		c.WorkerProcess = testkit.StartProcess(c.t, "worker", append(append([]string{}, c.env...),
			"CAREFLOW_TEMPORAL_ADDRESS="+c.WorkerToTemporal.Address()))
		return
	}
	c.WorkerProcess.Start()
}

// StartWorkerReplica starts another worker beside the clinic's.
func (c *Clinic) StartWorkerReplica() *testkit.Process {
	c.t.Helper()
	return testkit.StartProcess(c.t, "worker", append(append([]string{}, c.env...), "CAREFLOW_TEMPORAL_ADDRESS="+c.WorkerToTemporal.Address()))
}

// StartReplica starts another API on the same clinic and returns its base URL.
func (c *Clinic) StartReplica() string { c.t.Helper(); return c.StartReplicaWith() }

// StartReplicaWith is StartReplica with other variables.
func (c *Clinic) StartReplicaWith(env ...string) string {
	c.t.Helper()
	address := testkit.FreeAddress(c.t)
	testkit.StartProcess(c.t, "api", append(append(append([]string{}, c.env...), env...), "CAREFLOW_HTTP_ADDRESS="+address))
	waitReady(c.t, "http://"+address)
	return "http://" + address
}

// WaitReady waits until the API is ready.
func (c *Clinic) WaitReady() { c.t.Helper(); waitReady(c.t, c.API) }

func waitReady(t testing.TB, base string) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		resp, err := http.Get(base + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, "the API at %s becomes ready", base)
}

// PayloadKeys encrypt the payloads of test processes.
const PayloadKeys = "dev-test:dGVzdC1rZXktb2YtdGhlLXRlc3RzLTMyLWJ5dGVzISE="

// Setting returns a variable that API and worker were started with.
func (c *Clinic) Setting(name string) string {
	value := ""
	for _, pair := range c.env {
		if rest, ok := strings.CutPrefix(pair, name+"="); ok {
			value = rest // the last one counts
		}
	}
	return value
}

// Temporal connects to the test's Temporal server, past the line.
func (c *Clinic) Temporal() client.Client {
	c.t.Helper()
	ring, err := config.ParseKeyRing(PayloadKeys)
	require.NoError(c.t, err)
	data, err := temporalx.NewDataConverter(ring)
	require.NoError(c.t, err)
	temporal, err := client.DialContext(testkit.Context(c.t), client.Options{
		HostPort: testkit.Env(c.t, "CAREFLOW_TEST_TEMPORAL_ADDRESS"), Namespace: "careflow",
		DataConverter: data, FailureConverter: temporalx.NewFailureConverter(data), Logger: quiet{},
	})
	require.NoError(c.t, err)
	c.t.Cleanup(temporal.Close)
	return temporal
}

// Exec runs a statement on the clinic's database.
func (c *Clinic) Exec(statement string, args ...any) {
	c.t.Helper()
	_, err := c.DB.Exec(context.Background(), statement, args...)
	require.NoError(c.t, err)
}

// Count returns a query's single number.
func (c *Clinic) Count(query string, args ...any) int {
	c.t.Helper()
	var n int
	require.NoError(c.t, c.DB.QueryRow(context.Background(), query, args...).Scan(&n))
	return n
}

// NewType gives the demonstration doctor, who is there around the clock, another kind of
// visit for EUR 80, and returns its ID. terms is JSON over the default terms.
func (c *Clinic) NewType(minutes int, terms string) string {
	c.t.Helper()
	id := domain.NewID()
	c.Exec(`INSERT INTO appointment_types (id, doctor_id, name, duration_minutes, step_minutes, price_minor, price_currency, terms)
		VALUES ($1, $2, 'Visit', $3, 1, 8000, 'EUR', $4)`, id, seed.DoctorDemoID, minutes, terms)
	return id
}

// NewPatients adds accounts with one patient each and returns their users, logged in,
// and the patients' IDs.
func (c *Clinic) NewPatients(n int) (users []*User, patients []string) {
	c.t.Helper()
	for range n {
		account, patient := domain.NewID(), domain.NewID()
		c.Exec(`INSERT INTO users (id, email, name, password_hash, roles)
			SELECT $1, $2, 'Test', password_hash, '{patient}' FROM users WHERE email = 'patient@careflow.example'`,
			account, account+"@careflow.example")
		c.Exec(`INSERT INTO patients (id, account_id, name, time_zone) VALUES ($1, $2, 'Test', 'Europe/Berlin')`, patient, account)
		users, patients = append(users, c.Login(account)), append(patients, patient)
	}
	return users, patients
}

func newKey(t testing.TB) string {
	t.Helper()
	raw := make([]byte, 32)
	_, err := rand.Read(raw)
	require.NoError(t, err)
	return fmt.Sprintf("dev-%s:%s", domain.NewID()[:8], base64.StdEncoding.EncodeToString(raw))
}

// quiet is a logger for the test's own Temporal client.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
