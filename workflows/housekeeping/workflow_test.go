package housekeeping_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/housekeeping"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/housekeeping"
)

// attic is a database with old rows.
type attic struct {
	rows    map[domain.Litter]int
	broken  map[domain.Litter]error
	opened  map[string]domain.ReconcileTrigger
	closed  map[domain.Litter]int
	biggest int
}

func (a *attic) Sweep(_ context.Context, what domain.Litter, before time.Time, limit int) (int, error) {
	if err := a.broken[what]; err != nil {
		return 0, err
	}
	if before.IsZero() || before.After(time.Now().Add(-time.Hour)) {
		return 0, errors.New("young rows are not litter")
	}
	a.biggest = max(a.biggest, limit)
	n := min(limit, a.rows[what])
	a.rows[what] -= n
	return n, nil
}

func (a *attic) OpenHousekeeping(_ context.Context, id string, by domain.ReconcileTrigger) error {
	a.opened[id] = by
	return nil
}

func (a *attic) CloseHousekeeping(_ context.Context, _ string, removed map[domain.Litter]int) error {
	a.closed = removed
	return nil
}

func (a *attic) clean(t *testing.T) (housekeeping.Result, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(housekeeping.Workflow, workflow.RegisterOptions{Name: housekeeping.WorkflowName})
	acts.Register(env, acts.New(a, acts.Config{
		Keep: domain.Keeping{Outbox: 72 * time.Hour, IdempotencyKeys: 24 * time.Hour}, BatchSize: 10, Batches: 3, Pause: time.Microsecond,
	}, slog.New(slog.DiscardHandler)))
	env.ExecuteWorkflow(housekeeping.WorkflowName, housekeeping.Input{Trigger: domain.ByPerson})
	if err := env.GetWorkflowError(); err != nil {
		return housekeeping.Result{}, err
	}
	var result housekeeping.Result
	require.NoError(t, env.GetWorkflowResult(&result))
	return result, nil
}

func newAttic() *attic {
	return &attic{
		rows:   map[domain.Litter]int{domain.LitterOutbox: 95, domain.LitterKeys: 30, domain.LitterSessions: 1},
		broken: map[domain.Litter]error{}, opened: map[string]domain.ReconcileTrigger{},
	}
}

func TestOldRowsGoInBoundedBatchesAndAreCounted(t *testing.T) {
	t.Parallel()
	a := newAttic()
	result, err := a.clean(t)
	require.NoError(t, err)
	require.Equal(t, map[domain.Litter]int{
		domain.LitterOutbox: 95, domain.LitterKeys: 30, domain.LitterTokens: 0, domain.LitterSessions: 1, domain.LitterAttempts: 0,
		domain.LitterMailEvents: 0, domain.LitterRuns: 0,
	}, result.Removed)
	require.Equal(t, result.Removed, a.closed)
	require.Equal(t, 10, a.biggest)
	require.Equal(t, domain.ByPerson, a.opened[result.RunID])
}

func TestOneKindThatCannotBeRemovedDoesNotKeepTheOthers(t *testing.T) {
	t.Parallel()
	a := newAttic()
	a.broken[domain.LitterKeys] = errors.New("the table is locked")
	_, err := a.clean(t)
	require.Error(t, err, "the run shows as failed")
	require.Equal(t, 95, a.closed[domain.LitterOutbox])
	require.Equal(t, 1, a.closed[domain.LitterSessions], "what comes after is removed all the same")
	require.NotContains(t, a.closed, domain.LitterKeys)
}
