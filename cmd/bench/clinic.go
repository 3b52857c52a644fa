package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/workflows/appointment"
)

// stack is where PostgreSQL, Temporal and the product's programs are. `make bench` brings
// one up and sets these variables; a running test stack has them too.
type stack struct {
	admin    string // URL of a superuser's database
	temporal string // host:port
	bin      string
	logs     string
}

func stackOf() (stack, error) {
	s := stack{
		admin: os.Getenv("CAREFLOW_TEST_DATABASE_URL"), temporal: os.Getenv("CAREFLOW_TEST_TEMPORAL_ADDRESS"),
		bin: os.Getenv("CAREFLOW_TEST_BIN"),
	}
	if s.admin == "" || s.temporal == "" || s.bin == "" {
		return s, errors.New("no stack to measure: run `make bench`, which brings one up")
	}
	logs, err := os.MkdirTemp("", "careflow-bench-")
	s.logs = logs
	return s, err
}

// serverVersion is that of Temporal, "" where it does not say.
func (s stack) serverVersion(ctx context.Context) string {
	c, err := client.DialContext(ctx, client.Options{HostPort: s.temporal, Namespace: namespace, Logger: quiet{}})
	if err != nil {
		return ""
	}
	defer c.Close()
	info, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return ""
	}
	return info.GetServerVersion()
}

// namespace is that of the stack's set-up.
const namespace = "careflow"

// clinic is an installation of the product: a database and a task queue of its own, API,
// worker and sandbox as processes.
type clinic struct {
	stack    stack
	name     string // of the database
	url      string
	queue    string
	db       *pgxpool.Pool
	temporal client.Client // without a codec: it reads no payload
	tokens   *auth.Tokens
	env      []string

	sandbox, api, worker *process
	base                 string // URL of the API

	life     shape // of a visit, once one has lived
	doctors  []doctor
	reader   doctor // who has no other visits than those that are to be read
	patients []patient
}

// newClinic brings up an empty clinic with its API and sandbox; the worker is started by
// who needs it.
func newClinic(ctx context.Context, s stack) (c *clinic, err error) {
	id := strings.ReplaceAll(domain.NewID(), "-", "")
	c = &clinic{stack: s, name: "bench_" + id, queue: "bench-" + id}
	defer func() {
		if err != nil {
			c.close(ctx)
		}
	}()
	if err := adminExec(ctx, s.admin, "CREATE DATABASE "+c.name); err != nil {
		return c, err
	}
	c.url = withDatabase(s.admin, c.name)
	if err := c.configure(); err != nil {
		return c, err
	}
	if err := runOnce(ctx, c.env, filepath.Join(s.bin, "careflow"), "migrate", "up"); err != nil {
		return c, err
	}
	if err := runOnce(ctx, c.env, filepath.Join(s.bin, "careflow"), "seed"); err != nil {
		return c, err
	}
	if c.db, err = postgres.Open(ctx, c.url, 8); err != nil {
		return c, err
	}
	if c.temporal, err = client.DialContext(ctx, client.Options{HostPort: s.temporal, Namespace: namespace, Logger: quiet{}}); err != nil {
		return c, err
	}
	if _, err := c.sandbox.start(ctx); err != nil {
		return c, err
	}
	_, err = c.api.start(ctx)
	return c, err
}

// configure gives the clinic keys and addresses of its own.
func (c *clinic) configure() error {
	var addresses [3]string
	for i := range addresses {
		var err error
		if addresses[i], err = freeAddress(); err != nil {
			return err
		}
	}
	api, worker, sandbox := addresses[0], addresses[1], addresses[2]
	seed, signing := newKey()
	_, payload := newKey()
	_, column := newKey()
	_, command := newKey()
	_, links := newKey()
	id, _, _ := strings.Cut(signing, ":")
	var err error
	if c.tokens, err = auth.NewTokens(auth.Config{Keys: []auth.Key{{ID: id, Seed: seed}}, TTL: 2 * time.Hour}); err != nil {
		return err
	}
	c.base = "http://" + api
	c.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.stack.logs, "CAREFLOW_ENV=development", "CAREFLOW_DATABASE_URL=" + c.url,
		"CAREFLOW_TEMPORAL_ADDRESS=" + c.stack.temporal, "CAREFLOW_TEMPORAL_NAMESPACE=" + namespace, "CAREFLOW_TEMPORAL_TASK_QUEUE=" + c.queue,
		"CAREFLOW_HTTP_ADDRESS=" + api, "CAREFLOW_PUBLIC_URL=" + c.base, "CAREFLOW_WORKER_ADDRESS=" + worker,
		"CAREFLOW_PAYLOAD_KEYS=" + payload, "CAREFLOW_COLUMN_KEYS=" + column, "CAREFLOW_SIGNING_KEYS=" + signing, "CAREFLOW_COMMAND_KEYS=" + command, "CAREFLOW_LINK_KEYS=" + links,
		"CAREFLOW_STRIPE_URL=http://" + sandbox, "CAREFLOW_STRIPE_KEY=sk_test_bench", "CAREFLOW_STRIPE_PUBLISHABLE_KEY=pk_test_bench",
		"CAREFLOW_STRIPE_WEBHOOK_SECRET=whsec_bench", "CAREFLOW_SENDGRID_URL=http://" + sandbox, "CAREFLOW_SENDGRID_KEY=SG.bench",
		"SANDBOX_ADDRESS=" + sandbox, "SANDBOX_STRIPE_KEY=sk_test_bench", "SANDBOX_SENDGRID_KEY=SG.bench",
		"SANDBOX_WEBHOOK_SECRET=whsec_bench", "SANDBOX_WEBHOOK_URL=" + c.base + "/v1/webhooks/stripe",
		"SANDBOX_WEBHOOK_EVENTS=" + strings.Join(domain.PaymentEventTypes, ","),
	}
	// Settings that are tried out come from outside.
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "BENCH_") {
			c.env = append(c.env, "CAREFLOW_"+strings.TrimPrefix(name, "BENCH_")+"="+value)
		}
	}
	product := func(name, program, ready string, args ...string) *process {
		return &process{
			name: name, path: filepath.Join(c.stack.bin, program), args: args, env: c.env, ready: ready,
			log: filepath.Join(c.stack.logs, c.name+"-"+name+".log"),
		}
	}
	c.sandbox = product("sandbox", "sandbox", "http://"+sandbox+"/_sandbox/healthz")
	c.api = product("api", "careflow", c.base+"/readyz", "api")
	c.worker = product("worker", "careflow", "http://"+worker+"/readyz", "worker")
	c.worker.yields = true
	return nil
}

func (c *clinic) sandboxURL() string { return strings.TrimSuffix(c.sandbox.ready, "/_sandbox/healthz") }

// close takes the clinic down and forgets it.
func (c *clinic) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
	defer cancel()
	for _, p := range []*process{c.api, c.worker, c.sandbox} {
		p.stop()
	}
	if c.db != nil {
		if c.temporal != nil {
			_ = c.terminateAll(ctx)
		}
		c.db.Close()
	}
	if c.temporal != nil {
		c.temporal.Close()
	}
	_ = adminExec(ctx, c.stack.admin, "DROP DATABASE IF EXISTS "+c.name+" WITH (FORCE)")
}

// clear forgets all visits, their processes included, for the next round to start from
// the same place.
func (c *clinic) clear(ctx context.Context) error {
	if err := c.terminateAll(ctx); err != nil {
		return err
	}
	_, err := c.db.Exec(ctx, `TRUNCATE appointments, outbox, idempotency_keys, record_accesses RESTART IDENTITY CASCADE`)
	return err
}

// terminateAll ends the processes of visits that are not archived.
func (c *clinic) terminateAll(ctx context.Context) error {
	rows, err := c.db.Query(ctx, `SELECT id::text FROM appointments WHERE process_run_id IS NOT NULL AND status <> 'archived'`)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for i := range ids {
		ids[i] = appointment.WorkflowID(ids[i])
	}
	return terminate(ctx, c.temporal, ids)
}

func (c *clinic) count(ctx context.Context, query string, args ...any) (int, error) {
	var n int
	err := c.db.QueryRow(ctx, query, args...).Scan(&n)
	return n, err
}

// awaitEvery is how often a count is asked for. Asking costs what is measured, and what it took
// is read from the rows afterwards.
const awaitEvery = 250 * time.Millisecond

// awaitCount waits until a query's number is n.
func (c *clinic) awaitCount(ctx context.Context, patience time.Duration, n int, what, query string, args ...any) error {
	var last int
	err := eventually(ctx, patience, what, func(ctx context.Context) (bool, error) {
		var err error
		last, err = c.count(ctx, query, args...)
		time.Sleep(awaitEvery)
		return last == n, err
	})
	if err != nil {
		return fmt.Errorf("%w (%d of %d)", err, last, n)
	}
	return nil
}

func newKey() (raw []byte, setting string) {
	raw = make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return raw, fmt.Sprintf("dev-%s:%s", domain.NewID()[24:], base64.StdEncoding.EncodeToString(raw))
}

func adminExec(ctx context.Context, admin, statement string) error {
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return errors.New("the database of the stack cannot be reached")
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

func withDatabase(admin, name string) string {
	u, err := url.Parse(admin)
	if err != nil {
		return ""
	}
	u.Path = "/" + name
	return u.String()
}

// terminate ends processes, a few at a time, so that none of them costs anything later.
func terminate(ctx context.Context, temporal client.Client, ids []string) error {
	return inParallel(ctx, 16, ids, func(ctx context.Context, id string) error {
		err := temporal.TerminateWorkflow(ctx, id, "", "the benchmark is over")
		if gone(err) {
			return nil
		}
		return err
	})
}

// inParallel calls do for each element, n at a time, and returns the first error.
func inParallel[T any](ctx context.Context, n int, list []T, do func(context.Context, T) error) error {
	next := make(chan T)
	failed := make(chan error, n)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range n {
		go func() {
			var first error
			for element := range next {
				if first == nil {
					if first = do(ctx, element); first != nil {
						cancel()
					}
				}
			}
			failed <- first
		}()
	}
	for _, element := range list {
		next <- element
	}
	close(next)
	var all []error
	for range n {
		all = append(all, <-failed)
	}
	all = slices.DeleteFunc(all, func(err error) bool { return err == nil })
	if len(all) > 0 {
		return all[0]
	}
	return nil
}

// quiet is a logger for clients of the engine.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
