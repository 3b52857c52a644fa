package stories_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/searchattr"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/appointment"
)

// reminded is a confirmed visit whose three reminders come up seconds after its booking, in
// the place of 48, 24 and 2 h before it. Two longer ones had passed by then.
type reminded struct {
	t       *testing.T
	c       *clinic.Clinic
	patient *clinic.User
	a       openapi.Appointment
	due     [3]time.Time
}

// newReminded books a visit at least so many minutes ahead. Where the machine was held up
// until after the first reminder, it begins anew.
func newReminded(t *testing.T, minutes int, after ...time.Duration) *reminded {
	t.Helper()
	for try := 1; ; try++ {
		if r, inTime := remind(t, minutes, after...); inTime {
			return r
		}
		require.Less(t, try, 3, "the machine is too slow for this story's clock")
	}
}

func remind(t *testing.T, minutes int, after ...time.Duration) (_ *reminded, inTime bool) {
	t.Helper()
	c := clinic.New(t, clinic.Options{})
	r := &reminded{t: t, c: c, patient: c.Login("patient")}
	b := clinic.Booking(clinic.InMinutes(minutes))
	left := time.Until(b.StartsAt).Truncate(time.Second)
	terms := `{"instant_confirm": true, "no_show_grace": "1h", "reminders": ["48h", "24h"`
	for i, d := range after {
		r.due[i] = b.StartsAt.Add(d - left)
		terms += fmt.Sprintf(`, "%ds"`, int((left-d)/time.Second))
	}
	b.TypeID = c.NewType(30, terms+`]}`)
	c.Exec(`UPDATE appointment_types SET price_minor = 0 WHERE id = $1`, b.TypeID)
	r.a = r.patient.Book(b)
	r.patient.Await(r.a.ID, domain.StatusConfirmed)
	messages := c.Messages(r.a.ID)
	if !time.Now().Before(r.due[0]) {
		c.WorkerProcess.Kill()
		return nil, false
	}
	require.Equal(t, []string{"confirmed patient"}, messages)
	return r, true
}

// at waits for an instant, which may be further away than what a test waits for at once.
func (r *reminded) at(instant time.Time) {
	r.t.Helper()
	for time.Now().Before(instant) {
		part := time.Now().Add(time.Minute)
		if part.After(instant) {
			part = instant
		}
		testkit.Eventually(r.t, func() bool { return !time.Now().Before(part) }, "the clock")
	}
}

// ledger is what became of the reminders, longest first: "sent", or status and reason.
func (r *reminded) ledger() []string {
	r.t.Helper()
	rows, err := r.c.DB.Query(testkit.Context(r.t), `SELECT status || CASE WHEN error_code = '' THEN '' ELSE ' ' || error_code END
		FROM messages WHERE appointment_id = $1 AND kind = 'reminder' ORDER BY reminder_seconds DESC`, r.a.ID)
	require.NoError(r.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(r.t, err)
	return list
}

// settled waits until reminder number n, from 1, is in the ledger and done with.
func (r *reminded) settled(n int) {
	r.t.Helper()
	testkit.Eventually(r.t, func() bool {
		return r.c.Count(`SELECT count(*) FROM messages WHERE appointment_id = $1 AND kind = 'reminder' AND status NOT IN ('pending', 'sending')`, r.a.ID) == n
	}, "%d reminders are settled", n)
}

// ends checks the whole set, and that the provider has each mail as often as it should.
func (r *reminded) ends(want ...string) {
	t := r.t
	t.Helper()
	r.settled(len(want))
	require.Equal(t, want, r.ledger())
	require.Zero(t, r.c.Count(`SELECT count(*) FROM messages WHERE kind = 'reminder' AND sent_at >= $1`, r.a.StartsAt), "none after the visit began")
	mailed := map[string]int{}
	for _, m := range r.c.Sandbox.Ledger().Mails {
		require.Equal(t, 1, m.Count, "%s was sent twice", m.Subject)
		mailed[m.MessageID]++
	}
	for _, m := range r.messages() {
		require.Equal(t, m.status == "sent" || m.reached, mailed[m.id] == 1, "the provider agrees about a reminder that is %s", m.status)
	}
}

type reminderRow struct {
	id, status string
	reached    bool // its outcome is unknown to us, and the provider has it
}

func (r *reminded) messages() []reminderRow {
	r.t.Helper()
	rows, err := r.c.DB.Query(testkit.Context(r.t), `SELECT id::text, status FROM messages WHERE appointment_id = $1 AND kind = 'reminder' ORDER BY reminder_seconds DESC`, r.a.ID)
	require.NoError(r.t, err)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m reminderRow, err error) { return m, row.Scan(&m.id, &m.status) })
	require.NoError(r.t, err)
	if len(list) > 0 && list[0].status == "unknown" {
		list[0].reached = true
	}
	return list
}

// outage takes every worker away from the moment that the first reminder is sent.
func (r *reminded) outage(until time.Time) {
	r.t.Helper()
	r.settled(1)
	r.c.WorkerProcess.Kill()
	r.at(until)
	r.c.StartWorker()
}

// An outage across one reminder: it is sent late, since the next one is not due yet. The
// two that had passed when the visit was confirmed are not part of its set.
func TestStory10_AnOutageAcrossOneReminder(t *testing.T) {
	t.Parallel()
	r := newReminded(t, 2, 15*time.Second, 30*time.Second, 65*time.Second)
	r.outage(r.due[1].Add(2 * time.Second))
	r.settled(2)
	require.True(t, time.Now().Before(r.due[2]), "late, and before the next")
	r.ends("sent", "sent", "sent")
}

// An outage across two: the first of them is recorded as skipped, since the second is due
// already; that one is sent.
func TestStory10_AnOutageAcrossTwoReminders(t *testing.T) {
	t.Parallel()
	r := newReminded(t, 2, 15*time.Second, 25*time.Second, 35*time.Second)
	r.outage(r.due[2].Add(time.Second))
	r.ends("sent", "skipped "+string(domain.ReminderSkipped), "sent")
}

// An outage until the visit has begun: nobody is reminded of what has begun.
func TestStory10_AnOutageUntilTheVisitHasBegun(t *testing.T) {
	t.Parallel()
	r := newReminded(t, 1, 15*time.Second, 25*time.Second, 35*time.Second)
	r.outage(r.a.StartsAt.Add(time.Second))
	r.ends("sent", "skipped "+string(domain.ReminderSkippedGo), "skipped "+string(domain.ReminderSkippedGo))
}

// Replays send none twice: a worker that dies after the provider took the mail, a process
// that is read from its history again, and a worker that dies before the provider acted.
func TestStory10_ReplaysSendNoneTwice(t *testing.T) {
	t.Parallel()
	r := newReminded(t, 2, 15*time.Second, 65*time.Second, 80*time.Second)
	c := r.c
	die := func(mode sandbox.Mode) {
		held := c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.SendGrid, Match: "POST /v3/mail/send", Mode: mode, Count: 1})
		require.NoError(t, held.WaitHeld(testkit.Context(t)))
		c.WorkerProcess.Kill()
		testkit.Eventually(t, func() bool { return held.Held() == 0 }, "the provider has seen the caller go")
		held.Release()
		c.StartWorker()
	}
	die("hold_after")
	r.settled(1)

	_, err := c.Temporal().WorkflowService().ResetStickyTaskQueue(testkit.Context(t), &workflowservice.ResetStickyTaskQueueRequest{
		Namespace: "careflow", Execution: &commonpb.WorkflowExecution{WorkflowId: appointment.WorkflowID(r.a.ID)},
	})
	require.NoError(t, err)
	c.WorkerProcess.Kill() // nothing of the process is in anyone's memory
	c.StartWorker()
	r.settled(2)

	die("hold")
	r.ends("unknown interrupted", "sent", "unknown interrupted")
	require.Equal(t, 2, c.Count(`SELECT sum(unknowns) FROM messages WHERE appointment_id = $1`, r.a.ID), "each unknown is counted")
}

// A visit at short notice has the reminders that are still to come, which may be none.
func TestStory10_AVisitBookedThirtyMinutesAheadHasNoReminder(t *testing.T) {
	t.Parallel()
	c := clinic.New(t, clinic.Options{})
	patient := c.Login("patient")
	b := clinic.Booking(clinic.InMinutes(30))
	b.TypeID = c.NewType(30, `{"instant_confirm": true}`) // reminders as everywhere: 48, 24 and 2 h
	a := patient.Book(b)
	require.NoError(t, c.Sandbox.Pay(c.Intent(patient, a.ID)))
	patient.Await(a.ID, domain.StatusConfirmed)
	require.Equal(t, []string{"request_received patient", "confirmed patient", "receipt patient"}, c.Messages(a.ID))
	temporal := c.Temporal()
	testkit.Eventually(t, func() bool {
		run, err := temporal.DescribeWorkflow(testkit.Context(t), appointment.WorkflowID(a.ID), "")
		require.NoError(t, err)
		next, _ := run.TypedSearchAttributes.GetKeyword(searchattr.NextStep)
		return next == "check_in"
	}, "what the process waits for next is the visit itself")
	require.Zero(t, c.Count(`SELECT count(*) FROM messages WHERE kind = 'reminder'`))
}
