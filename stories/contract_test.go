package stories_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/postgres/seed"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/stories/contract"
)

// requestsEach is how many requests each operation gets; CAREFLOW_CONTRACT_REQUESTS and
// CAREFLOW_CONTRACT_SEED ask for more, and for others.
const requestsEach = 60

// Thousands of requests made out of the contract, fitting, nearly fitting and hostile, to
// every operation as every role and as nobody: no 5xx, no answer that the contract does
// not have, and each error with its code.
func TestNoRequestLeavesTheContract(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromFile("../api/openapi.yaml")
	require.NoError(t, err)
	operations := contract.Operations(doc)
	require.Greater(t, len(operations), 40)
	slices.SortStableFunc(operations, func(a, b contract.Operation) int {
		return slices.Index(afterTheStart, a.ID) - slices.Index(afterTheStart, b.ID)
	})

	r := newContractRun(t)
	each, number := envNumber("CAREFLOW_CONTRACT_REQUESTS", requestsEach), uint64(envNumber("CAREFLOW_CONTRACT_SEED", 1))
	var wrong []string
	statuses := map[int]int{}
	for _, o := range operations {
		r.prepare(o.ID)
		// A source of its own: what one operation is sent does not depend on the others.
		r.values.R = rand.New(rand.NewPCG(number, uint64(len(o.ID))<<8+uint64(o.ID[0])))
		served, seen := false, map[int]int{}
		for n := range each {
			manner := contract.Manner(n % 3)
			role, status, said := r.send(doc, o, manner)
			statuses[status]++
			seen[status]++
			served = served || status < 300
			if said != "" {
				wrong = append(wrong, fmt.Sprintf("%s as %q, request %d of seed %d: %s", o.ID, role, n, number, said))
			}
		}
		r.after()
		if !served {
			wrong = append(wrong, fmt.Sprintf("%s was never served well, only with %v", o.ID, seen))
		}
	}
	t.Logf("answers: %v", statuses)
	require.Empty(t, wrong, strings.Join(wrong, "\n"))
}

// contractRun is a clinic with something of everything, and somebody of every role.
type contractRun struct {
	t      *testing.T
	c      *clinic.Clinic
	values *contract.Values
	users  map[string]*clinic.User
	names  []string

	common  known  // what exists, for every operation
	after   func() // undoes what the last preparation did
	desk    *clinic.User
	doctor  string // whom no request changes
	free    string // their kind of visit without a price
	slots   int    // times that were given out
	begun   []string
	start   time.Time // of those
	backup  string
	nightly bool

	environments []string // that no preparation has used
}

func newContractRun(t *testing.T) *contractRun {
	t.Helper()
	c := clinic.New(t, clinic.Options{NoWorker: true, MailEvents: true, Env: []string{
		"CAREFLOW_TRUSTED_PROXIES=127.0.0.1", "CAREFLOW_BACKUP_NAMES=clinic", "CAREFLOW_RESTORE_PEOPLE=3",
	}})
	r := &contractRun{t: t, c: c, users: map[string]*clinic.User{}, names: []string{"patient", "caregiver", "doctor.demo", "staff", "admin", "ops"}, after: func() {}}
	c.Exec(`CREATE TABLE users_before AS SELECT * FROM users`)
	for _, name := range r.names {
		r.users[name] = c.Login(name)
	}
	r.users["nobody"], r.desk = c.Nobody(), c.Login("staff")
	r.names = append(r.names, "nobody")
	r.newDoctor()
	r.bookBegun(time.Now().Add(50 * time.Second))
	c.StartWorker()
	testkit.StartProcess(t, "backup-worker", append(backupSettings(t, c.DB, c.Queue), "CAREFLOW_RESTORE_TARGETS=clinic="+c.DB.Config().ConnString()))
	r.startDeployWorker()
	for _, id := range r.begun {
		require.NoError(t, c.Sandbox.Pay(c.Intent(r.desk, id)))
	}
	free := c.NewType(30, `{}`)
	c.Exec(`UPDATE appointment_types SET price_minor = 0 WHERE id = $1`, free)
	var visits []string
	for n := range 12 {
		b := clinic.Booking(clinic.InMinutes((n + 2) * 24 * 60))
		b.TypeID = free
		visits = append(visits, r.desk.Book(b).ID) // patients hold three at most
	}
	ids := func(query string) (list []string) {
		rows, err := c.DB.Query(t.Context(), query)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var id string
			require.NoError(t, rows.Scan(&id))
			list = append(list, id)
		}
		require.NoError(t, rows.Err())
		return list
	}
	c.Exec(`INSERT INTO doctor_time_off (id, doctor_id, starts_at, ends_at)
		SELECT gen_random_uuid(), $1, now() + d * interval '40 days', now() + d * interval '40 days' + interval '1 hour' FROM generate_series(1, 9) d`, seed.DoctorDemoID)
	c.Exec(`INSERT INTO doctor_overrides (doctor_id, day) SELECT $1, current_date + d FROM generate_series(8, 13) d`, seed.DoctorDemoID)
	r.common = known{
		// Mostly what fits together.
		"doctor_id": {seed.DoctorDemoID, seed.DoctorDemoID, seed.DoctorDemoID, seed.DoctorID}, "type_id": {free, free, seed.TypeVisitID},
		"patient_id": {seed.PatientID, seed.PatientID, seed.ChildID}, "appointment_id": visits,
		"account_id":  ids(`SELECT id::text FROM users`),
		"date":        ids(`SELECT day::text FROM doctor_overrides`),
		"time_off_id": ids(`SELECT id::text FROM doctor_time_off`),
		"session_id":  ids(`SELECT id::text FROM sessions`),
		"If-Match":    {"*", "*", `"1"`, `"2"`},
	}
	r.values = &contract.Values{Now: time.Now().UTC()}
	return r
}

// prepare brings about what an operation needs.
func (r *contractRun) prepare(operation string) {
	r.after = func() {}
	r.values.Known = maps.Clone(r.common)
	if p := preparations[operation]; p != nil {
		r.restore()
		maps.Copy(r.values.Known, p(r))
	}
}

// send sends one request as somebody and returns what is wrong with the answer.
func (r *contractRun) send(doc *openapi3.T, o contract.Operation, manner contract.Manner) (role string, status int, wrong string) {
	role = r.names[r.values.R.IntN(len(r.names))]
	if manner == contract.Fits {
		role = "nobody"
		if n := len(o.Roles); n > 0 {
			role = strings.Replace(o.Roles[r.values.R.IntN(n)], "doctor", "doctor.demo", 1)
		}
	}
	req, err := r.values.Request(r.c.API, o, manner)
	require.NoError(r.t, err)
	if token := r.users[role].Token(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.%d.%d", r.values.R.IntN(250), r.values.R.IntN(250)))
	shown := req.Method + " " + req.URL.RequestURI()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return role, 0, "no answer: " + err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := read(resp)
	if err != nil {
		return role, resp.StatusCode, "half an answer: " + err.Error()
	}
	elsewhere := strings.Count(req.URL.Path, "/") != strings.Count(o.Path, "/") || strings.HasSuffix(req.URL.Path, "/")
	if elsewhere && resp.StatusCode == http.StatusNotFound {
		return role, resp.StatusCode, "" // a slash in a parameter, or nothing at all, leads to no operation
	}
	if wrong = contract.Judge(doc, o, resp.StatusCode, resp.Header, body); wrong != "" {
		wrong = fmt.Sprintf("%s\n\t%.300s\n\tanswered %d %.300s%s", wrong, shown, resp.StatusCode, body, r.logged(resp.Header.Get("X-Request-Id")))
	}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode < 300 && o.Method != http.MethodGet {
		r.repair(role)
	}
	return role, resp.StatusCode, wrong
}

// read reads an answer; of a stream, which does not end, its first news.
func read(resp *http.Response) ([]byte, error) {
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return io.ReadAll(resp.Body)
	}
	first := make([]byte, 4096)
	n, err := resp.Body.Read(first)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return first[:n], err
}

// logged is what the API logged about a request that failed.
func (r *contractRun) logged(requestID string) string {
	for line := range strings.Lines(r.c.APIProcess.Log()) {
		if requestID != "" && strings.Contains(line, requestID) && strings.Contains(line, "level=ERROR") {
			return "\n\t" + line
		}
	}
	return ""
}

// repair gives people back what the requests before took: log-ins, roles, passwords.
func (r *contractRun) repair(role string) {
	if role == "nobody" || r.users[role].Do(http.MethodGet, "/v1/me", nil).Status == http.StatusOK {
		return
	}
	r.restore()
}

// restore gives everybody back what requests have taken.
func (r *contractRun) restore() {
	r.c.Exec(`UPDATE users u SET roles = b.roles, password_hash = b.password_hash, disabled_at = NULL FROM users_before b WHERE b.id = u.id`)
	r.c.Exec(`DELETE FROM login_attempts`)
	for name, u := range r.users {
		if name != "nobody" && u.Do(http.MethodGet, "/v1/me", nil).Status != http.StatusOK {
			r.users[name] = r.c.Login(name)
		}
	}
	if r.desk.Do(http.MethodGet, "/v1/me", nil).Status != http.StatusOK {
		r.desk = r.c.Login("staff")
	}
}

func envNumber(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}
