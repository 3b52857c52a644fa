package stories_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	appointmentacts "github.com/careflow/careflow/activities/appointment"
	caseacts "github.com/careflow/careflow/activities/paymentcase"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/testkit"
	"github.com/careflow/careflow/stories/clinic"
	"github.com/careflow/careflow/workflows/paymentcase"
	"github.com/careflow/careflow/workflows/paymentcase/paymentcaseclient"
)

// A case is closed by its last look, and before its process can say so there is news: the
// worker gets both with one task. A case that is open again must not be left without a
// process. The real server decides what comes with one task.
func TestNewsThatComeWithTheLastLookAreLookedAt(t *testing.T) {
	t.Parallel()
	temporal, queue, intent := clinic.Temporal(t), "c-"+word(), "pi_"+word()
	var looks atomic.Int32
	looking, goOn := make(chan struct{}), make(chan struct{})
	hands := worker.New(temporal, queue+appointmentacts.StripeQueueSuffix, worker.Options{DisableWorkflowWorker: true})
	hands.RegisterActivityWithOptions(func(context.Context, caseacts.AdvanceInput) (caseacts.Standing, error) {
		if looks.Add(1) == 2 { // the first is followed by another: its news came with the start
			close(looking)
			<-goOn
		}
		return caseacts.Standing{State: domain.CaseClosed, WaitsFor: domain.WaitsForNothing, Outcome: domain.OutcomeRefunded, Kind: domain.CaseUnsettled}, nil
	}, activity.RegisterOptions{Name: caseacts.Advance})
	require.NoError(t, hands.Start())
	t.Cleanup(hands.Stop)
	process := func() worker.Worker {
		w := worker.New(temporal, queue, worker.Options{})
		w.RegisterWorkflowWithOptions(paymentcase.Workflow, workflow.RegisterOptions{Name: paymentcase.WorkflowName})
		require.NoError(t, w.Start())
		return w
	}
	cases := paymentcaseclient.New(temporal, queue)
	news := func() {
		require.NoError(t, cases.CaseNews(t.Context(), domain.NewID(), intent, paymentcase.News{Type: "charge.dispute.updated"}))
	}

	first := process()
	news()
	<-looking
	first.Stop()
	close(goOn)
	testkit.Eventually(t, func() bool {
		run, err := temporal.DescribeWorkflowExecution(t.Context(), paymentcase.WorkflowID(intent), "")
		return err == nil && len(run.PendingActivities) == 0
	}, "the look ends while nobody carries the process on")
	news()
	second := process()
	t.Cleanup(second.Stop)

	require.NoError(t, temporal.GetWorkflow(t.Context(), paymentcase.WorkflowID(intent), "").Get(t.Context(), nil))
	require.EqualValues(t, 3, looks.Load())
}
