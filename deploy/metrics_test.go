package deploy_test

import (
	"bufio"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

var (
	metricName = regexp.MustCompile(`\b(careflow|temporal|process|go)_[a-z0-9_]+\b`)
	labels     = regexp.MustCompile(`\{[^}]*\}`)
)

// asked are the metrics that alarms and dashboards name, and where.
func asked(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	queries := dashboardQueries(t)
	for _, r := range rules(t) {
		queries = append(queries, query{where: r.Alert + r.Record, expr: r.Expr})
	}
	for _, q := range queries {
		for _, name := range metricName.FindAllString(labels.ReplaceAllString(q.expr, ""), -1) {
			names[name] = q.where
		}
	}
	return names
}

// exported adds the names that a process tells at /metrics, and checks that their labels
// hold nothing about a person.
func exported(t *testing.T, into map[string]bool, base string) {
	t.Helper()
	resp, err := http.Get(base + "/metrics")
	if err != nil {
		return // it is not up yet: what it tells is missing
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			require.NotContains(t, line, "careflow.example", "an address")
			into[strings.FieldsFunc(line, func(r rune) bool { return r == '{' || r == ' ' })[0]] = true
		}
	}
}

// A dashboard over a metric that nobody exports is empty, and an alarm over one is silent
// for ever. The visits below bring about whatever is counted only once it happens.
func TestEveryMetricThatAlarmsAndDashboardsNameIsExported(t *testing.T) {
	t.Parallel()
	workerAddress := testkit.FreeAddress(t)
	c := clinic.New(t, clinic.Options{MailEvents: true, Env: []string{"CAREFLOW_WORKER_ADDRESS=" + workerAddress, "CAREFLOW_BACKUP_NAMES=clinic"}})
	c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: "POST /v1/payment_intents", Mode: sandbox.Fail, Status: 503, Count: 1})
	patient, doctor := c.Login("patient"), c.Login("doctor.demo")
	booking := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	booking.TypeID = c.NewType(30, `{}`)
	paid := patient.Book(booking)
	intent := c.Intent(patient, paid.ID)
	require.NoError(t, c.Sandbox.Pay(intent))
	patient.Await(paid.ID, domain.StatusPending)
	c.Exec(`UPDATE users SET email = 'nobody' WHERE email = 'patient@careflow.example'`) // the next letter is refused
	doctor.Must(paid.ID, "confirm", nil)
	doctor.Await(paid.ID, domain.StatusConfirmed)
	require.NoError(t, c.Sandbox.Dispute(intent))
	c.Exec(`INSERT INTO reconcile_runs (id, trigger, started_at, finished_at) VALUES ('run', 'person', now(), now())`)

	names := asked(t)
	require.Greater(t, len(names), 20)
	var missing []string
	tells := func() bool {
		told := map[string]bool{}
		exported(t, told, c.API)
		exported(t, told, "http://"+workerAddress)
		missing = slices.DeleteFunc(slices.Sorted(maps.Keys(names)), func(name string) bool { return told[name] })
		return len(missing) == 0
	}
	t.Cleanup(func() {
		for _, name := range missing {
			t.Logf("nobody exports %s, which %s asks for", name, names[name])
		}
	})
	testkit.Eventually(t, tells, "every metric that is asked for is exported")
}
