package stories_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/sandbox"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
)

// deed is a command whose carrying out is interrupted.
type deed struct {
	name    string
	command string
	body    func(a openapi.Appointment) any
	// vendor is the request that follows the row's change, "" when there is none.
	vendor string
	ends   domain.Status
	kind   string // the line of the timeline
}

var deeds = []deed{
	{
		name: "confirm", command: "confirm", body: func(openapi.Appointment) any { return nil },
		vendor: "POST /v1/payment_intents/*/capture", ends: domain.StatusConfirmed, kind: "accepted",
	},
	{
		name: "cancel", command: "cancel", body: func(openapi.Appointment) any { return map[string]string{"reason_code": "doctor_unavailable"} },
		vendor: "POST /v1/payment_intents/*/cancel", ends: domain.StatusCancelled, kind: "cancelled",
	},
	{
		name: "reschedule", command: "reschedule",
		body: func(a openapi.Appointment) any { return map[string]any{"starts_at": a.StartsAt.Add(3 * time.Hour)} },
		ends: domain.StatusPending, kind: "rescheduled",
	},
}

// kill -9 at every point of a confirm, cancel and reschedule: the row, the events, the
// money and the process agree afterwards, whether or not the client asks again.
func TestStory21_AcceptedThenTheWorkerDies(t *testing.T) {
	t.Parallel()
	for _, d := range deeds {
		for _, asksAgain := range []bool{false, true} {
			again := map[bool]string{false: "and nobody asks again", true: "and the client asks again"}[asksAgain]
			t.Run(d.name+"/before the row is written "+again, func(t *testing.T) {
				t.Parallel()
				newInterruption(t, d, asksAgain).killBeforeTheRowIsWritten()
			})
			t.Run(d.name+"/after the row before the receipt "+again, func(t *testing.T) {
				t.Parallel()
				newInterruption(t, d, asksAgain).killBetweenRowAndReceipt()
			})
		}
		if d.vendor == "" {
			continue
		}
		t.Run(d.name+"/before the vendor acted", func(t *testing.T) {
			t.Parallel()
			newInterruption(t, d, false).killAtTheVendor("hold")
		})
		t.Run(d.name+"/after the vendor acted", func(t *testing.T) {
			t.Parallel()
			newInterruption(t, d, true).killAtTheVendor("hold_after")
		})
	}
}

type interruption struct {
	deed
	t         *testing.T
	c         *clinic.Clinic
	patient   *clinic.User
	doctor    *clinic.User
	a         openapi.Appointment
	asksAgain bool
	key       string
}

func newInterruption(t *testing.T, d deed, asksAgain bool) *interruption {
	t.Helper()
	c := clinic.New(t, clinic.Options{Env: []string{"CAREFLOW_COMMAND_WAIT=500ms"}})
	i := &interruption{deed: d, t: t, c: c, patient: c.Login("patient"), doctor: c.Login("doctor.demo"), asksAgain: asksAgain, key: domain.NewID()}
	b := clinic.Booking(clinic.InMinutes(3 * 24 * 60))
	b.TypeID = c.NewType(30, `{}`)
	i.a = c.BookAndPay(i.patient, b)
	return i
}

// send sends the command; its outcome may not be known yet.
func (i *interruption) send() clinic.Answer {
	i.t.Helper()
	a := i.doctor.Command(i.a.ID, i.command, i.body(i.a), i.key)
	require.Contains(i.t, []int{http.StatusOK, http.StatusAccepted}, a.Status, a)
	return a
}

func (i *interruption) killBeforeTheRowIsWritten() {
	release := i.lockRow()
	i.send()
	i.awaitBlocked()
	i.c.WorkerProcess.Kill()
	release()
	i.c.StartWorker()
	i.settled()
}

func (i *interruption) killBetweenRowAndReceipt() {
	release := i.lockRow()
	i.send()
	i.awaitBlocked()
	i.c.WorkerToTemporal.Mute() // what the worker says from here on is never heard
	release()
	testkit.Eventually(i.t, func() bool {
		return i.c.Count(`SELECT count(*) FROM appointment_events WHERE appointment_id = $1 AND kind = $2`, i.a.ID, i.kind) == 1
	}, "the row is written")
	i.c.WorkerProcess.Kill()
	i.c.WorkerToTemporal.Unmute()
	i.c.StartWorker()
	i.settled()
}

func (i *interruption) killAtTheVendor(mode sandbox.Mode) {
	held := i.c.Sandbox.Inject(sandbox.Fault{Vendor: sandbox.Stripe, Match: i.vendor, Mode: mode, Count: 1})
	i.send()
	require.NoError(i.t, held.WaitHeld(testkit.Context(i.t)))
	i.c.WorkerProcess.Kill()
	held.Release()
	i.c.StartWorker()
	i.settled()
}

// lockRow keeps the worker from writing the row until release is called.
func (i *interruption) lockRow() (release func()) {
	i.t.Helper()
	ctx := context.Background()
	tx, err := i.c.DB.BeginTx(ctx, pgx.TxOptions{})
	require.NoError(i.t, err)
	_, err = tx.Exec(ctx, `SELECT 1 FROM appointments WHERE id = $1 FOR UPDATE`, i.a.ID)
	require.NoError(i.t, err)
	return func() { require.NoError(i.t, tx.Rollback(ctx)) }
}

func (i *interruption) awaitBlocked() {
	i.t.Helper()
	testkit.Eventually(i.t, func() bool {
		return i.c.Count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	}, "the worker waits for the row")
}

// settled waits for the end of the story and checks that all agree.
func (i *interruption) settled() {
	t, c, id := i.t, i.c, i.a.ID
	t.Helper()
	if i.asksAgain {
		testkit.Eventually(t, func() bool { return i.doctor.Command(id, i.command, i.body(i.a), i.key).Status == http.StatusOK },
			"the client is told the outcome")
	}
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM appointment_events WHERE appointment_id = $1 AND kind = $2`, id, i.kind) == 1
	}, "the command is carried out")
	i.patient.Await(id, i.ends)

	// The process agrees with the row: it takes another command and carries it out.
	if i.ends != domain.StatusCancelled {
		testkit.Eventually(t, func() bool {
			return i.patient.Command(id, "cancel", map[string]string{"reason_code": "patient_request"}, "then-cancel").Status == http.StatusOK
		}, "the process goes on")
		i.patient.Await(id, domain.StatusCancelled)
	}
	testkit.Eventually(t, func() bool {
		return c.Count(`SELECT count(*) FROM appointment_events WHERE appointment_id = $1 AND kind IN ('payment_voided', 'payment_refunded')`, id) == 1
	}, "what became of the money is in the timeline")
	testkit.Eventually(t, func() bool {
		row, ledger := i.patient.Appointment(id).Payment, c.Sandbox.Ledger().Payments
		return len(ledger) == 1 && ledger[0].Held == 0 && ledger[0].Captured == ledger[0].Refunded &&
			row.Captured.Minor == ledger[0].Captured && row.Refunded.Minor == ledger[0].Refunded
	}, "books and provider agree, and the money is back")
	ledger := c.Sandbox.Ledger().Payments[0]
	require.LessOrEqual(t, ledger.Captures, 1)
	require.LessOrEqual(t, ledger.Refunds, 1)

	events := c.Count(`SELECT count(*) FROM appointment_events WHERE appointment_id = $1`, id)
	require.Equal(t, c.Count(`SELECT event_seq FROM appointments WHERE id = $1`, id), events, "the timeline has no gaps")
	require.Equal(t, 1, c.Count(`SELECT count(*) FROM appointment_events WHERE appointment_id = $1 AND kind = $2`, id, i.kind))
	require.Zero(t, c.Count(`SELECT count(*) FROM appointments WHERE stuck IS NOT NULL`))
	if i.command == "reschedule" {
		moved := i.patient.Appointment(id)
		require.Equal(t, i.a.StartsAt.Add(3*time.Hour).UTC(), moved.StartsAt.UTC())
	}
}
