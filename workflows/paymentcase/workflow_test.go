package paymentcase_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	appointmentacts "github.com/careflow/careflow/activities/appointment"
	acts "github.com/careflow/careflow/activities/paymentcase"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/appointment"
	"github.com/careflow/careflow/workflows/paymentcase"
)

var begun = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// run is a case in an environment whose clock jumps to the next timer.
type run struct {
	t     *testing.T
	env   *testsuite.TestWorkflowEnvironment
	looks []time.Time
	last  []bool // whether a look was the last try
	mails int
	// stands says what a look finds.
	stands func(now time.Time, last bool) (acts.Standing, error)
}

func newRun(t *testing.T, stands func(now time.Time, last bool) (acts.Standing, error)) *run {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(begun)
	env.SetTestTimeout(20 * time.Second)
	r := &run{t: t, env: env, stands: stands}
	env.RegisterActivityWithOptions(func(_ context.Context, in acts.AdvanceInput) (acts.Standing, error) {
		r.looks, r.last = append(r.looks, env.Now()), append(r.last, in.LastTry)
		return r.stands(env.Now(), in.LastTry)
	}, activity.RegisterOptions{Name: acts.Advance})
	env.RegisterActivityWithOptions(func(context.Context, appointmentacts.DeliverMailInput) (appointmentacts.DeliverMailResult, error) {
		r.mails++
		return appointmentacts.DeliverMailResult{}, nil
	}, activity.RegisterOptions{Name: appointmentacts.DeliverMail})
	return r
}

// visit says whether the visit's process lives.
func (r *run) visit(lives bool) {
	call := r.env.OnSignalExternalWorkflow(mock.Anything, appointment.WorkflowID("a1"), "", appointment.SignalMessageOwed, mock.Anything)
	if lives {
		call.Return(nil)
		return
	}
	call.Return(temporal.NewApplicationError("no such workflow", "NotFound"))
}

func (r *run) finish() paymentcase.Result {
	r.t.Helper()
	r.env.ExecuteWorkflow(paymentcase.Workflow, paymentcase.Input{IntentID: "pi_1", AppointmentID: "a1"})
	require.True(r.t, r.env.IsWorkflowCompleted())
	require.NoError(r.t, r.env.GetWorkflowError())
	var result paymentcase.Result
	require.NoError(r.t, r.env.GetWorkflowResult(&result))
	return result
}

func (r *run) news(after time.Duration) {
	r.env.RegisterDelayedCallback(func() { r.env.SignalWorkflow(paymentcase.SignalNews, paymentcase.News{}) }, after)
}

func closed() acts.Standing {
	return acts.Standing{AppointmentID: "a1", State: domain.CaseClosed, WaitsFor: domain.WaitsForNothing, Outcome: domain.OutcomeRefunded, Kind: domain.CaseUnsettled}
}

func TestACaseThatIsSettledAtOnceEnds(t *testing.T) {
	r := newRun(t, func(time.Time, bool) (acts.Standing, error) { return closed(), nil })
	require.Equal(t, paymentcase.Result{Kind: domain.CaseUnsettled, Outcome: domain.OutcomeRefunded}, r.finish())
	require.Len(t, r.looks, 1)
	require.Zero(t, r.mails)
}

func TestARefundOnItsWayIsLookedAtUntilItArrivesAlsoWithoutNews(t *testing.T) {
	r := newRun(t, func(now time.Time, _ bool) (acts.Standing, error) {
		if now.Before(begun.Add(9 * day)) {
			return acts.Standing{State: domain.CaseOpen, WaitsFor: domain.WaitsForBank, LookAt: now.Add(6 * time.Hour)}, nil
		}
		return closed(), nil
	})
	r.finish()
	require.Len(t, r.looks, 9*4+1, "every six hours")
}

func TestAPersonMayTakeMonthsAndNewsIsLookedAtAtOnce(t *testing.T) {
	decided := begun.Add(100*day + time.Hour)
	r := newRun(t, func(now time.Time, _ bool) (acts.Standing, error) {
		if now.Before(decided) {
			return acts.Standing{State: domain.CaseNeedsPerson, WaitsFor: domain.WaitsForPerson, ErrorCode: "refund_failed", LookAt: now.Add(day)}, nil
		}
		return closed(), nil
	})
	r.news(decided.Sub(begun))
	r.finish()
	require.Equal(t, decided, r.looks[len(r.looks)-1].UTC())
	require.Len(t, r.looks, 102, "one a day, and the news")
}

func TestAProviderThatFailsIsAskedForTwoWeeksAndThenAPersonIs(t *testing.T) {
	r := newRun(t, func(now time.Time, last bool) (acts.Standing, error) {
		if last {
			return acts.Standing{State: domain.CaseNeedsPerson, WaitsFor: domain.WaitsForPerson, LookAt: now.Add(day)}, nil
		}
		if now.Before(begun.Add(day)) { // the test's server gives an activity up after some tries
			return acts.Standing{}, temporal.NewApplicationError("down", string(domain.CodeVendorUnavailable))
		}
		return closed(), nil
	})
	r.finish()
	require.Contains(t, r.last, true, "then it is shown as a person's")
	require.False(t, r.last[len(r.last)-1], "and looked at again")
	require.Greater(t, len(r.looks), 4)
}

func TestACaseThatDoesNotExistEndsItsProcess(t *testing.T) {
	r := newRun(t, func(time.Time, bool) (acts.Standing, error) {
		return acts.Standing{}, temporal.NewNonRetryableApplicationError("no such case", string(domain.CodeNotFound), nil)
	})
	r.env.ExecuteWorkflow(paymentcase.Workflow, paymentcase.Input{IntentID: "pi_1", AppointmentID: "a1"})
	require.Error(t, r.env.GetWorkflowError())
	require.Len(t, r.looks, 1)
}

func TestLettersGoOutOnceByWhoeverIsThere(t *testing.T) {
	for name, lives := range map[string]bool{"the visit's process": true, "the case after the archive": false} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, func(time.Time, bool) (acts.Standing, error) {
				s := closed()
				s.LettersOwed = true
				return s, nil
			})
			r.visit(lives)
			r.finish()
			require.Equal(t, map[bool]int{true: 0, false: 1}[lives], r.mails)
		})
	}
}

func TestIDsHaveAnInverse(t *testing.T) {
	id, ok := paymentcase.IDFromWorkflow(paymentcase.WorkflowID("pi_1"))
	require.True(t, ok)
	require.Equal(t, "pi_1", id)
	_, ok = paymentcase.IDFromWorkflow("appointment-1")
	require.False(t, ok)
}
