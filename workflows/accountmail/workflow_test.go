package accountmail_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/accountmail"
	"github.com/careflow/careflow/workflows/accountmail"
)

const account = "01950000-0000-7000-8000-0000000000a1"

// environment runs the workflow with a delivery that does what it is told.
func environment(t *testing.T, deliver func(attempt int) (acts.DeliverResult, error)) (*testsuite.TestWorkflowEnvironment, *int) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	calls := 0
	env.RegisterWorkflowWithOptions(accountmail.Workflow, workflow.RegisterOptions{Name: accountmail.WorkflowName})
	env.RegisterActivityWithOptions(func(_ context.Context, in acts.DeliverInput) (acts.DeliverResult, error) {
		require.Equal(t, account, in.AccountID)
		calls++
		return deliver(calls)
	}, activity.RegisterOptions{Name: acts.Deliver})
	return env, &calls
}

func TestOneDeliveryIsEnoughForWhatWasOwedBefore(t *testing.T) {
	env, calls := environment(t, func(int) (acts.DeliverResult, error) { return acts.DeliverResult{Sent: 2}, nil })
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(accountmail.SignalOwed, nil) }, 0)
	env.ExecuteWorkflow(accountmail.WorkflowName, accountmail.Input{AccountID: account})
	require.NoError(t, env.GetWorkflowError())
	var result accountmail.Result
	require.NoError(t, env.GetWorkflowResult(&result))
	require.Equal(t, 2*(*calls), result.Sent)
}

func TestALetterOwedDuringADeliveryIsNotLeftBehind(t *testing.T) {
	var env *testsuite.TestWorkflowEnvironment
	env, calls := environment(t, func(n int) (acts.DeliverResult, error) {
		if n == 1 { // the ledger was read; now another letter comes to be owed
			env.SignalWorkflow(accountmail.SignalOwed, nil)
		}
		return acts.DeliverResult{Sent: 1}, nil
	})
	env.ExecuteWorkflow(accountmail.WorkflowName, accountmail.Input{AccountID: account})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, 2, *calls)
}

func TestAnOutageIsWaitedOut(t *testing.T) {
	const tries = 10 // the test environment has no more; the real bound is a time
	env, calls := environment(t, func(n int) (acts.DeliverResult, error) {
		if n < tries {
			return acts.DeliverResult{}, temporal.NewApplicationError("503", "vendor_unavailable")
		}
		return acts.DeliverResult{Sent: 1}, nil
	})
	begun := env.Now()
	env.ExecuteWorkflow(accountmail.WorkflowName, accountmail.Input{AccountID: account})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, tries, *calls)
	require.Greater(t, env.Now().Sub(begun), 3*time.Minute)
}

func TestTheHistoryOfABusyAccountIsBounded(t *testing.T) {
	var env *testsuite.TestWorkflowEnvironment
	env, calls := environment(t, func(int) (acts.DeliverResult, error) {
		env.SignalWorkflow(accountmail.SignalOwed, nil)
		return acts.DeliverResult{Sent: 1}, nil
	})
	env.ExecuteWorkflow(accountmail.WorkflowName, accountmail.Input{AccountID: account})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &again)
	require.Equal(t, 100, *calls)
}

func TestTheWorkflowIDHoldsAnIDOnly(t *testing.T) {
	id, ok := accountmail.IDFromWorkflow(accountmail.WorkflowID(account))
	require.True(t, ok)
	require.Equal(t, account, id)
	_, ok = accountmail.IDFromWorkflow("appointment-" + account)
	require.False(t, ok)
}
