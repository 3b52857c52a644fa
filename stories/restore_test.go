package stories_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/restore"
)

// restorable is a clinic with a backup worker that may also restore.
func restorable(t *testing.T, env ...string) (*clinic.Clinic, *testkit.Process) {
	t.Helper()
	c, worker := saved(t, append([]string{"CAREFLOW_RESTORE_DRAIN=1s", "CAREFLOW_RECONCILE_STILL=1s"}, env...)...)
	worker = append(worker, "CAREFLOW_RESTORE_TARGETS=clinic="+c.DB.Config().ConnString())
	host := testkit.StartProcess(t, "backup-worker", worker)
	return c, host
}

// restoring is a restore as ops see it.
type restoring struct {
	t  *testing.T
	c  *clinic.Clinic
	by *clinic.User
	id string
}

func backUp(t *testing.T, c *clinic.Clinic) string {
	t.Helper()
	ops := c.Login("ops")
	var id openapi.BackupStarted
	testkit.Eventually(t, func() bool {
		a := ops.Do(http.MethodPost, "/v1/ops/backups", openapi.BackupRequest{Target: "clinic"})
		return a.Status == http.StatusAccepted && json.Unmarshal(a.Body, &id) == nil
	}, "the worker takes jobs")
	testkit.Eventually(t, func() bool {
		var b openapi.Backup
		require.NoError(t, json.Unmarshal(ops.Do(http.MethodGet, "/v1/ops/backups/"+id.ID, nil).Body, &b))
		require.NotContains(t, []openapi.BackupState{openapi.BackupStateFailed, openapi.BackupStateRejected}, b.State, "%+v", b)
		return b.State == openapi.BackupStateVerified
	}, "the backup is proven")
	return id.ID
}

func beginRestore(t *testing.T, c *clinic.Clinic, asked openapi.RestoreRequest) *restoring {
	t.Helper()
	r := &restoring{t: t, c: c, by: c.Login("ops")}
	a := r.by.Do(http.MethodPost, "/v1/ops/restores", asked)
	require.Equal(t, http.StatusAccepted, a.Status, a)
	var started openapi.RestoreStarted
	require.NoError(t, json.Unmarshal(a.Body, &started))
	r.id = started.ID
	return r
}

func (r *restoring) say(who *clinic.User, word openapi.RestoreWord) clinic.Answer {
	r.t.Helper()
	return who.Do(http.MethodPost, "/v1/ops/restores/"+r.id+"/words", openapi.RestoreDecision{Word: word, Reason: "as agreed"})
}

// must says a word until it was heard: a worker that was just started may take a while.
func (r *restoring) must(who *clinic.User, word openapi.RestoreWord) {
	r.t.Helper()
	testkit.Eventually(r.t, func() bool {
		a := r.say(who, word)
		heard := a.Status == http.StatusConflict && strings.Contains(string(a.Body), "you have said so already")
		require.True(r.t, a.Status == http.StatusOK || a.Status == http.StatusServiceUnavailable || heard, "%s", a)
		return a.Status == http.StatusOK || heard
	}, "the restore hears %s", word)
}

// await waits for a state, also while the API loses its sessions in the exchange.
func (r *restoring) await(state openapi.RestoreState) openapi.Restore {
	r.t.Helper()
	var now openapi.Restore
	testkit.Eventually(r.t, func() bool {
		a, err := r.by.Try(http.MethodGet, "/v1/ops/restores/"+r.id, nil)
		if err != nil || a.Status != http.StatusOK {
			return false
		}
		require.NoError(r.t, json.Unmarshal(a.Body, &now))
		require.False(r.t, domain.RestoreState(now.State).Ended() && now.State != state, "%+v", now)
		return now.State == state
	}, "the restore is %s", state)
	return now
}

func (r *restoring) visits() map[string]openapi.RestoreVisit {
	r.t.Helper()
	var page openapi.RestoreVisitPage
	a := r.by.Do(http.MethodGet, "/v1/ops/restores/"+r.id+"/visits?limit=100", nil)
	require.NoError(r.t, json.Unmarshal(a.Body, &page))
	found := map[string]openapi.RestoreVisit{}
	for _, v := range page.Items {
		found[v.AppointmentID] = v
	}
	return found
}

// The appointments are deleted while people book. A backup takes their place: what was
// there at the restore point is there, what processes did since is written forward, what
// was booked since is listed with its process and its money; nobody is charged or written
// to twice. Then it is undone.
func TestRestoreBringsBackWhatWasDestroyed(t *testing.T) {
	t.Parallel()
	c, _ := restorable(t)
	temporal := c.Temporal()
	users, patients := c.NewPatients(8)
	typeID := c.NewType(30, `{}`) // with a day to answer
	doctor, ops, admin := c.Login("doctor.demo"), c.Login("ops"), c.Login("admin")
	book := func(i int) openapi.Appointment {
		b := clinic.Booking(clinic.InMinutes(30*60 + 60*i))
		b.PatientID, b.TypeID = patients[i], typeID
		return c.BookAndPay(users[i], b)
	}
	confirm := func(i int, a openapi.Appointment) {
		doctor.Must(a.ID, "confirm", nil)
		users[i].Await(a.ID, domain.StatusConfirmed)
	}
	untouched, confirmedLater, cancelledLater := book(0), book(1), book(2)
	disputedLater, refundedLater, resolvedLater := book(5), book(6), book(7)
	for i, a := range map[int]openapi.Appointment{0: untouched, 2: cancelledLater, 5: disputedLater, 6: refundedLater, 7: resolvedLater} {
		confirm(i, a)
	}
	backUp(t, c)

	confirm(1, confirmedLater)
	users[2].Must(cancelledLater.ID, "cancel", map[string]string{"reason_code": "patient_unwell"})
	users[2].Await(cancelledLater.ID, domain.StatusCancelled)
	bookedLater := book(3)
	confirm(3, bookedLater)
	later := moneyMovesPastTheVisits(t, c, disputedLater.ID, refundedLater.ID, resolvedLater.ID)
	var loading string // who books under load is written to all the time
	require.NoError(t, c.DB.QueryRow(t.Context(), `SELECT u.email FROM users u JOIN patients p ON p.account_id = u.id WHERE p.id = $1`, patients[4]).Scan(&loading))
	delivered := func() (mails, captured int) {
		for _, m := range c.Sandbox.Mailbox() {
			if m.To[0].Email != loading {
				mails++
			}
		}
		for _, p := range c.Sandbox.Ledger().Payments {
			captured += int(p.Captured - p.Refunded)
		}
		return mails, captured
	}
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM messages WHERE status IN ('pending', 'sending')`) == 0 &&
			c.Count(`SELECT count(*) FROM refunds WHERE status <> 'succeeded'`) == 1 && c.Count(`SELECT count(*) FROM refunds`) == 3
	}, "letters and money have settled")
	mails, captured := delivered()

	// Destroyed under load: bookings go on all the time.
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			b := clinic.Booking(clinic.InMinutes(5*24*60 + 60*i))
			b.PatientID = patients[4]
			_, _ = users[4].Try(http.MethodPost, "/v1/appointments", b, "Idempotency-Key", domain.NewID())
		}
	})
	c.Exec(`TRUNCATE appointments CASCADE`)

	r := beginRestore(t, c, openapi.RestoreRequest{Target: "clinic", Reason: "the appointments are gone"})
	require.Equal(t, string(domain.CodeConflict), ops.Do(http.MethodPost, "/v1/ops/restores", openapi.RestoreRequest{Target: "clinic", Reason: "again"}).Problem(), "one at a time")
	r.await(openapi.RestoreStateAwaitingApproval)
	require.Equal(t, string(domain.CodeConflict), r.say(ops, openapi.RestoreWordSwap).Problem(), "there is nothing to swap yet")
	r.must(ops, openapi.RestoreWordBegin)
	shown := r.await(openapi.RestoreStateAwaitingSwap)
	require.NotEmpty(t, shown.SafetyBackupID)
	for _, d := range shown.Differences {
		if d.Table == "public.appointments" {
			require.EqualValues(t, 6, d.Restored)
		}
	}
	close(stop)
	load.Wait()
	refused := users[3].Do(http.MethodPost, "/v1/appointments", clinic.Booking(clinic.InMinutes(40*60)), "Idempotency-Key", domain.NewID())
	require.Equal(t, string(domain.CodeUnavailable), refused.Problem(), "the swap would lose it")
	r.must(admin, openapi.RestoreWordSwap)
	done := r.await(openapi.RestoreStateSwapped)
	c.DB.Reset()
	t.Logf("swap %.1f ms, forward %+v, reconciled %+v, listed %d, phases %+v", done.SwapMs, done.Forward, done.Reconciled, done.Lost, done.Phases)

	require.Equal(t, string(domain.StatusConfirmed), string(users[0].Appointment(untouched.ID).Status))
	require.Equal(t, string(domain.StatusConfirmed), string(users[1].Appointment(confirmedLater.ID).Status))
	require.Equal(t, string(domain.StatusCancelled), string(users[2].Appointment(cancelledLater.ID).Status))
	require.Equal(t, 8000, c.Kept(confirmedLater.ID), "in the books again")
	require.Zero(t, c.Kept(cancelledLater.ID))
	require.Equal(t, 3, done.Forward.Moved, "%+v", done.Forward)
	require.Zero(t, done.Forward.Failed)
	later.areInTheBooksAgain(r)
	lost, listed := r.visits()[bookedLater.ID]
	require.True(t, listed)
	require.Equal(t, openapi.RestoreVisitProcess(domain.ProcessRunning), lost.Process)
	require.Equal(t, string(domain.StatusConfirmed), lost.Status)
	require.Len(t, lost.Payments, 1)
	require.EqualValues(t, 8000, lost.Payments[0].Captured)
	require.Len(t, r.visits(), done.Lost)
	require.Contains(t, c.Careflow("staff", "restore", "visits", r.id), bookedLater.ID)
	require.Zero(t, done.Reconciled.Reported, "the reconciler finds nothing that needs a person")

	// Life goes on for what was written forward.
	doctor.Must(confirmedLater.ID, "cancel", map[string]string{"reason_code": "doctor_unavailable"})
	users[1].Await(confirmedLater.ID, domain.StatusCancelled)
	testkit.Eventually(t, func() bool { _, now := delivered(); return now == captured-8000 }, "its money goes back")
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM messages WHERE status IN ('pending', 'sending')`) == 0
	}, "its letters are sent")
	after, _ := delivered()
	require.Greater(t, after, mails)
	require.LessOrEqual(t, after, mails+3, "two letters about the cancellation, one about the refund, and no other")
	require.Empty(t, c.Reconcile(temporal).Findings)

	r.must(ops, openapi.RestoreWordUndo)
	undone := r.await(openapi.RestoreStateUndone)
	c.DB.Reset()
	require.Zero(t, c.Count(`SELECT count(*) FROM appointments WHERE id = $1`, untouched.ID), "what lived before lives again")
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM restore_logs WHERE id = $1`, r.id), "and knows of the restore")
	require.Contains(t, r.visits(), untouched.ID, "what the restored one had is listed")
	require.Positive(t, undone.UndoMs)
	require.Zero(t, c.Count(`SELECT count(*) FROM restore_fence`))
	r.nothingBeside()
	require.True(t, strings.HasPrefix(c.Careflow("ops", "restore", "list"), "ID"))
	c.RecordRun(clinic.Run{Family: "restore", ID: restore.WorkflowID(c.Queue, "clinic")}, "undone")
}

// A worker that is killed at any step of a restore leaves the run to be finished by the
// next one: all is new, or all is as it was, and nothing is left beside it.
func TestRestoreOutlivesItsWorkers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at    openapi.RestoreState
		abort bool
	}{
		{at: openapi.RestoreStateRestoring}, {at: openapi.RestoreStateSwapping}, {at: openapi.RestoreStateReconciling},
		{at: openapi.RestoreStateAwaitingSwap, abort: true},
	} {
		t.Run(string(tt.at), func(t *testing.T) {
			t.Parallel()
			c, host := restorable(t)
			ops, patient := c.Login("ops"), c.Login("patient")
			b := clinic.Booking(clinic.InMinutes(30 * 60))
			b.TypeID = c.NewType(30, `{}`) // with a day to answer
			visit := c.BookAndPay(patient, b)
			backUp(t, c)
			c.Exec(`TRUNCATE appointments CASCADE`)
			r := beginRestore(t, c, openapi.RestoreRequest{Target: "clinic", Reason: "a drill", UnsavedReason: "it is empty"})
			r.await(openapi.RestoreStateAwaitingApproval)
			r.must(ops, openapi.RestoreWordBegin)
			if tt.at == openapi.RestoreStateRestoring {
				r.killAt(tt.at, host)
			}
			r.await(openapi.RestoreStateAwaitingSwap)
			if tt.abort {
				r.killAt(tt.at, host)
				r.must(ops, openapi.RestoreWordAbort)
				r.await(openapi.RestoreStateAborted)
				require.Zero(t, c.Count(`SELECT count(*) FROM appointments`), "what lived still lives")
				require.Zero(t, c.Count(`SELECT count(*) FROM restore_fence`))
				r.nothingBeside()
				return
			}
			r.must(ops, openapi.RestoreWordSwap)
			if tt.at != openapi.RestoreStateRestoring {
				r.killAt(tt.at, host)
			}
			done := r.await(openapi.RestoreStateSwapped)
			c.DB.Reset()
			require.Empty(t, done.ErrorCode, "%+v", done)
			require.Zero(t, c.Count(`SELECT count(*) FROM restore_fence`))
			patient.Await(visit.ID, domain.StatusPending)
			r.must(ops, openapi.RestoreWordFinish)
			r.await(openapi.RestoreStateFinished)
			r.nothingBeside()
			c.Login("doctor.demo").Must(visit.ID, "confirm", nil)
			patient.Await(visit.ID, domain.StatusConfirmed)
			require.Equal(t, 8000, c.Kept(visit.ID))
		})
	}
}

// killAt kills the workers in the middle of a state, or as soon after as can be, and starts
// them again.
func (r *restoring) killAt(state openapi.RestoreState, host *testkit.Process) {
	r.t.Helper()
	testkit.Eventually(r.t, func() bool {
		var now openapi.Restore
		a, err := r.by.Try(http.MethodGet, "/v1/ops/restores/"+r.id, nil)
		return err == nil && json.Unmarshal(a.Body, &now) == nil && slices.ContainsFunc(now.Phases, func(p openapi.RestorePhase) bool {
			return p.Name == string(state)
		}) || now.State == state
	}, "the restore comes to %s", state)
	host.Kill()
	r.c.WorkerProcess.Kill()
	host.Start()
	r.c.StartWorker()
}

func (r *restoring) nothingBeside() {
	r.t.Helper()
	name := r.c.DB.Config().ConnConfig.Database
	require.Equal(r.t, 1, r.c.Count(`SELECT count(*) FROM pg_database WHERE starts_with(datname, $1)`, name[:min(36, len(name))]))
}
