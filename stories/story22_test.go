package stories_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/reconcile"
	"github.com/careflow/careflow/workflows/reconcile/reconcileclient"
)

// tampered is a visit whose process somebody tampers with in Temporal UI.
type tampered struct {
	t        *testing.T
	c        *clinic.Clinic
	temporal client.Client
	patient  *clinic.User
	doctor   *clinic.User
	staff    *clinic.User
	a        openapi.Appointment
}

// moment is a status at which somebody tampers, and what a person does with the visit
// afterwards.
type moment struct {
	name  string
	reach func(v *tampered)
	then  func(v *tampered)
	// send sends the command that then repeats; its key is the same each time.
	send  func(v *tampered) clinic.Answer
	ends  domain.Status
	kinds []string
	// captured and refunded are the money at the very end.
	captured, refunded int64
}

var moments = []moment{
	{
		name: "requested", reach: func(v *tampered) { v.c.Intent(v.patient, v.a.ID) },
		then: func(v *tampered) { require.NoError(v.t, v.c.Sandbox.Pay(v.c.Intent(v.patient, v.a.ID))) },
		ends: domain.StatusPending, kinds: []string{"booked", "payment_opened", "authorised"},
	},
	{
		name: "pending", reach: (*tampered).pay,
		then: func(v *tampered) { require.Equal(v.t, http.StatusOK, v.confirmation().Status) },
		send: (*tampered).confirmation,
		ends: domain.StatusConfirmed, kinds: []string{"booked", "payment_opened", "authorised", "accepted", "captured"}, captured: 8000,
	},
	{
		name: "confirmed", reach: (*tampered).confirm,
		then: func(v *tampered) { require.Equal(v.t, http.StatusOK, v.cancellation().Status) },
		send: (*tampered).cancellation,
		ends: domain.StatusCancelled, kinds: []string{"booked", "payment_opened", "authorised", "accepted", "captured", "cancelled", "payment_refunded"},
		captured: 8000, refunded: 8000,
	},
	{
		name: "cancelled",
		reach: func(v *tampered) {
			v.confirm()
			v.c.Messages(v.a.ID)
			v.patient.Must(v.a.ID, "cancel", map[string]string{"reason_code": "patient_request"})
			v.patient.Await(v.a.ID, domain.StatusCancelled)
			testkit.Eventually(v.t, func() bool { return v.patient.Appointment(v.a.ID).Payment.Refunded.Minor == 8000 }, "the money is back")
		},
		ends: domain.StatusCancelled, kinds: []string{"booked", "payment_opened", "authorised", "accepted", "captured", "cancelled", "payment_refunded"},
		captured: 8000, refunded: 8000,
	},
}

// Someone terminates or resets the process in Temporal UI. Nothing is charged or mailed
// again, the row is not overwritten, the reconciler replaces the process or reports it,
// and afterwards commands work and the money agrees.
func TestStory22_SomeoneResetsOrTerminatesTheWorkflow(t *testing.T) {
	t.Parallel()
	for _, m := range moments {
		t.Run("terminated/"+m.name, func(t *testing.T) {
			t.Parallel()
			v := tamper(t, m)
			v.c.Terminate(v.temporal, v.a.ID)
			v.refused(m)
			v.replaced()
			v.continues(m)
		})
		t.Run("reset before its claim/"+m.name, func(t *testing.T) {
			t.Parallel()
			v := tamper(t, m)
			v.c.Reset(v.temporal, v.a.ID, 1)
			v.replaced()
			v.continues(m)
		})
		t.Run("reset after its claim/"+m.name, func(t *testing.T) {
			t.Parallel()
			v := tamper(t, m)
			v.c.Reset(v.temporal, v.a.ID, 2)
			v.carriedOrReported()
			v.continues(m)
		})
	}
}

func tamper(t *testing.T, m moment) *tampered {
	t.Helper()
	c := clinic.New(t, clinic.Options{Env: clinic.SoonStill})
	v := &tampered{t: t, c: c, temporal: c.Temporal(), patient: c.Login("patient"), doctor: c.Login("doctor.demo"), staff: c.Login("staff")}
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	v.a = v.patient.Book(b)
	m.reach(v)
	c.Messages(v.a.ID)
	return v
}

func (v *tampered) pay() {
	require.NoError(v.t, v.c.Sandbox.Pay(v.c.Intent(v.patient, v.a.ID)))
	v.patient.Await(v.a.ID, domain.StatusPending)
}

func (v *tampered) confirm() {
	v.pay()
	v.doctor.Must(v.a.ID, "confirm", nil)
	v.patient.Await(v.a.ID, domain.StatusConfirmed)
}

func (v *tampered) confirmation() clinic.Answer {
	return v.doctor.Command(v.a.ID, "confirm", nil, "confirmation")
}

func (v *tampered) cancellation() clinic.Answer {
	return v.patient.Command(v.a.ID, "cancel", map[string]string{"reason_code": "patient_request"}, "cancellation")
}

// refused: without its process a visit takes no command, and says so in a way that a
// client can act on: the same key works later. Nothing is started that could not carry it.
func (v *tampered) refused(m moment) {
	v.t.Helper()
	if m.send == nil {
		return
	}
	a := m.send(v)
	require.Equal(v.t, http.StatusServiceUnavailable, a.Status, a)
	require.NotEmpty(v.t, a.Header.Get("Retry-After"))
	require.Equal(v.t, string(domain.CodeUnavailable), a.Problem())
	require.Equal(v.t, domain.ProcessDead, v.c.Shown(v.temporal, v.a.ID).State)
}

// replaced waits until the reconciler has given the visit another process, which leaves
// the row alone.
func (v *tampered) replaced() {
	v.t.Helper()
	before := v.patient.Appointment(v.a.ID)
	v.anotherProcess()
	after := v.patient.Appointment(v.a.ID)
	require.Equal(v.t, before.Version, after.Version, "the row is not overwritten")
	require.Equal(v.t, before.Status, after.Status)
}

func (v *tampered) anotherProcess() {
	v.t.Helper()
	was := v.c.RunOf(v.a.ID)
	v.c.ReconcileUntil(v.temporal, func(r reconcile.Result) bool { return r.Counts.Replaced > 0 }, "the process is replaced")
	testkit.Eventually(v.t, func() bool { return v.c.RunOf(v.a.ID) != was }, "another run has claimed the visit")
	require.Equal(v.t, 1, v.c.Count(`SELECT count(*) FROM appointment_events WHERE appointment_id = $1 AND kind = 'process_replaced'`, v.a.ID))
}

// carriedOrReported: a run that was reset goes through its steps again, each of which is
// done already; where it stays behind the row all the same, it is reported.
func (v *tampered) carriedOrReported() {
	v.t.Helper()
	before := v.patient.Appointment(v.a.ID)
	v.c.ReconcileUntil(v.temporal, func(r reconcile.Result) bool {
		return r.Counts.Checked > 0 && (r.Counts.Reported > 0 || v.agrees())
	}, "the process agrees with the row or is reported")
	after := v.patient.Appointment(v.a.ID)
	require.Equal(v.t, before.Version, after.Version, "the row is not overwritten")
	if v.agrees() {
		return
	}
	testkit.Eventually(v.t, func() bool { return v.retry() == "replaced" || v.agrees() }, "staff have it replaced")
	testkit.Eventually(v.t, v.agrees, "the new process agrees")
}

// retry asks for the visit's process to be put right, as staff would, and returns what
// came of it.
func (v *tampered) retry() string {
	v.t.Helper()
	a := v.staff.Command(v.a.ID, "retry", map[string]string{"reason_code": "cause_removed"}, domain.NewID())
	require.Equal(v.t, http.StatusOK, a.Status, a)
	var done openapi.Repair
	require.NoError(v.t, json.Unmarshal(a.Body, &done))
	return string(done.Action)
}

// agrees reports whether the visit's open process shows what the row says.
func (v *tampered) agrees() bool {
	shown := v.c.Shown(v.temporal, v.a.ID)
	return shown.State == domain.ProcessRunning && string(shown.Status) == string(v.patient.Appointment(v.a.ID).Status)
}

func (v *tampered) continues(m moment) {
	t := v.t
	t.Helper()
	if m.then != nil {
		m.then(v)
	}
	v.patient.Await(v.a.ID, m.ends)
	testkit.Eventually(t, func() bool {
		p := v.c.Sandbox.Ledger().Payments[0]
		return p.Captured == m.captured && p.Refunded == m.refunded && v.patient.Appointment(v.a.ID).Payment.Refunded.Minor == m.refunded
	}, "the money agrees")
	require.Equal(t, m.kinds, kindsWithout(v.patient.Kinds(v.a.ID), "process_replaced", "retry_requested"))

	v.c.Messages(v.a.ID)
	ledger := v.c.Sandbox.Ledger()
	require.Len(t, ledger.Payments, 1, "one charge")
	require.LessOrEqual(t, ledger.Payments[0].Captures, 1)
	require.LessOrEqual(t, ledger.Payments[0].Refunds, 1)
	for _, mail := range ledger.Mails {
		require.Equal(t, 1, mail.Count, "no mail twice: %+v", mail)
	}
	require.Zero(t, v.c.Count(`SELECT count(*) FROM messages WHERE attempts > 1 OR unknowns > 0`))
	require.Zero(t, v.c.Count(`SELECT count(*) FROM appointments WHERE stuck IS NOT NULL`))
}

// A process that gave up for a fault that has passed is replaced by itself; one that gave
// up for good is reported until a person asks for it.
func TestStory22_AProcessThatFailedAsStuckIsReplaced(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		mark     string // the stuck mark that the process left
		replaced bool
		repair   func(v *tampered)
	}{
		{"the row went on without it", "version_conflict", true, nil},
		{"a vendor's final no, and staff retry", "vendor_rejected", false, func(v *tampered) {
			require.Equal(v.t, "replaced", v.retry())
			testkit.Eventually(v.t, v.agrees, "the new process agrees")
			require.Equal(v.t, "none", v.retry(), "what is in order is left alone")
		}},
		{"a vendor's final no, and staff resolve", "vendor_rejected", false, func(v *tampered) {
			a := v.staff.Command(v.a.ID, "resolve", map[string]string{"reason_code": "vendor_recovered"}, domain.NewID())
			require.Equal(v.t, http.StatusOK, a.Status, a)
			v.replaced()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := tamper(t, moments[1])
			// Somebody moves the row beside its process, in one step with its timeline.
			v.c.Exec(`UPDATE appointments SET version = 3, event_seq = event_seq + 1 WHERE id = $1`, v.a.ID)
			v.c.Exec(`INSERT INTO appointment_events (appointment_id, seq, version, transition_id, kind, from_status, to_status, actor_kind)
				SELECT id, event_seq, 3, 'by-hand', 'corrected', status, status, 'staff' FROM appointments WHERE id = $1`, v.a.ID)
			refused := v.doctor.Command(v.a.ID, "confirm", nil, domain.NewID())
			require.Equal(t, http.StatusConflict, refused.Status, refused)
			require.Equal(t, string(domain.CodeStuck), refused.Problem())
			testkit.Eventually(t, func() bool { return v.c.Shown(v.temporal, v.a.ID).State == domain.ProcessDead }, "the process gives up")
			v.c.Exec(`UPDATE appointments SET stuck = $2 WHERE id = $1`, v.a.ID, tt.mark)

			if tt.replaced {
				v.replaced()
			} else {
				r := v.c.ReconcileUntil(v.temporal, func(r reconcile.Result) bool { return r.Counts.Reported > 0 }, "it is reported")
				require.EqualValues(t, tt.mark, r.Findings[0].Code)
				require.Zero(t, r.Counts.Replaced)
				tt.repair(v)
			}
			v.doctor.Must(v.a.ID, "confirm", nil)
			v.patient.Await(v.a.ID, domain.StatusConfirmed)
			require.Equal(t, 1, v.c.Sandbox.Ledger().Payments[0].Captures)
		})
	}
}

// Ops start a reconciliation over the API and read there what it found.
func TestStory22_ReconciliationsAreForPeopleToRead(t *testing.T) {
	t.Parallel()
	v := tamper(t, moments[1])
	v.c.Terminate(v.temporal, v.a.ID)
	v.c.Exec(`UPDATE appointments SET stuck = 'payment_refused' WHERE id = $1`, v.a.ID)
	ops := v.c.Login("ops")
	var last openapi.Reconciliation
	testkit.Eventually(t, func() bool {
		started := ops.Do(http.MethodPost, "/v1/ops/reconciliations", nil)
		require.Equal(t, http.StatusAccepted, started.Status, started)
		var run openapi.ReconciliationStarted
		require.NoError(t, json.Unmarshal(started.Body, &run))
		var list openapi.ReconciliationList
		require.NoError(t, json.Unmarshal(ops.Do(http.MethodGet, "/v1/ops/reconciliations?limit=5", nil).Body, &list))
		for _, r := range list.Items {
			if len(r.Findings) > 0 && !r.FinishedAt.IsZero() {
				last = r
			}
		}
		return last.ID != ""
	}, "the finding is shown")
	require.Equal(t, "payment_refused", last.Findings[0].Code)
	require.Equal(t, v.a.ID, last.Findings[0].AppointmentID)
	require.Equal(t, 1, last.Reported)
	require.Zero(t, last.Replaced)
	require.Equal(t, http.StatusForbidden, v.patient.Do(http.MethodGet, "/v1/ops/reconciliations", nil).Status)

	// The same at a terminal.
	require.Contains(t, v.c.Careflow("ops", "reconcile"), "payment_refused")
	require.Contains(t, v.c.Careflow("staff", "appointments", "list", "--stuck"), v.a.ID)
	require.Contains(t, v.c.Careflow("staff", "appointments", "resolve", v.a.ID, "--reason", "settled_by_hand"), "pending")
	require.Contains(t, v.c.Careflow("staff", "appointments", "retry", v.a.ID, "--reason", "cause_removed"), "replaced")
	timeline := v.c.Careflow("staff", "appointments", "timeline", v.a.ID)
	require.Contains(t, timeline, "settled_by_hand")
	require.Contains(t, timeline, "process_replaced")
}

// What Stripe says while a visit has no process is kept for the next one.
func TestStory22_APaymentThatComesWhileTheProcessIsDead(t *testing.T) {
	t.Parallel()
	v := tamper(t, moments[0])
	v.c.Terminate(v.temporal, v.a.ID)
	require.NoError(t, v.c.Sandbox.Pay(v.c.Intent(v.patient, v.a.ID)))
	testkit.Eventually(t, func() bool {
		return v.c.Count(`SELECT count(*) FROM outbox WHERE topic = 'payment_hint' AND done_at IS NULL AND attempts > 0`) > 0
	}, "the relay cannot deliver it")
	v.anotherProcess()                            // it may be told of the payment at once
	v.patient.Await(v.a.ID, domain.StatusPending) // long before the payment window is over
	require.Zero(t, v.c.Count(`SELECT count(*) FROM appointments WHERE stuck IS NOT NULL`))
}

// Without anybody asking: the schedule starts the one reconciliation.
func TestStory22_TheScheduleReconcilesByItself(t *testing.T) {
	t.Parallel()
	v := tamper(t, moments[1])
	v.c.Terminate(v.temporal, v.a.ID)
	reconciler := reconcileclient.New(v.temporal, v.c.Queue)
	schedule := v.temporal.ScheduleClient().GetHandle(testkit.Context(t), reconcile.ScheduleID(v.c.Queue))
	t.Cleanup(func() { require.NoError(t, schedule.Delete(context.Background())) })
	for range 2 { // as at each start
		require.NoError(t, reconciler.EnsureSchedule(testkit.Context(t), time.Hour))
	}
	testkit.Eventually(t, func() bool {
		require.NoError(t, schedule.Trigger(testkit.Context(t), client.ScheduleTriggerOptions{}))
		return v.c.Count(`SELECT count(*) FROM reconcile_runs WHERE trigger = 'schedule' AND replaced > 0`) > 0
	}, "the process is replaced")
	testkit.Eventually(t, v.agrees, "the new process agrees")
}

// A process that runs and is behind its row is reported for as long as nobody asks for
// more: neither is it ended, nor does the row change. Staff's retry ends and replaces it.
func TestStory22_AProcessBehindItsRowIsReportedUntilStaffRetry(t *testing.T) {
	t.Parallel()
	v := tamper(t, moments[1])
	v.c.Exec(`UPDATE appointments SET version = version + 1, event_seq = event_seq + 1, starts_at = starts_at + interval '1 hour',
		ends_at = ends_at + interval '1 hour', occupied = tstzrange(lower(occupied) + interval '1 hour', upper(occupied) + interval '1 hour'),
		updated_at = now() - interval '1 minute' WHERE id = $1`, v.a.ID)
	v.c.Exec(`INSERT INTO appointment_events (appointment_id, seq, version, transition_id, kind, from_status, to_status, actor_kind)
		SELECT id, event_seq, version, 'by-hand', 'rescheduled', status, status, 'staff' FROM appointments WHERE id = $1`, v.a.ID)
	run, moved := v.c.RunOf(v.a.ID), v.patient.Appointment(v.a.ID)
	for range 2 {
		r := v.c.ReconcileUntil(v.temporal, func(r reconcile.Result) bool { return r.Counts.Reported > 0 }, "it is reported")
		require.Equal(t, domain.FindingVersionConflict, r.Findings[0].Code)
		require.Zero(t, r.Counts.Replaced)
	}
	require.Equal(t, domain.ProcessRunning, v.c.Shown(v.temporal, v.a.ID).State)
	require.Equal(t, run, v.c.RunOf(v.a.ID))

	require.Equal(t, "replaced", v.retry())
	testkit.Eventually(t, func() bool {
		p := v.c.Shown(v.temporal, v.a.ID)
		return p.State == domain.ProcessRunning && p.StartsAt.Equal(moved.StartsAt)
	}, "the new process has the row's time")
	require.Equal(t, moved.Version, v.patient.Appointment(v.a.ID).Version, "the row is not overwritten")
	v.doctor.Must(v.a.ID, "confirm", nil)
	v.patient.Await(v.a.ID, domain.StatusConfirmed)
	require.Equal(t, 1, v.c.Sandbox.Ledger().Payments[0].Captures)
}
