package backup_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	alarmacts "github.com/careflow/careflow/activities/alarm"
	acts "github.com/careflow/careflow/activities/backup"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/alarm"
	"github.com/careflow/careflow/workflows/backup"
)

// hosts stands in for the hosts that hold the tools; it notes what was asked of them.
type hosts struct {
	mu     sync.Mutex
	saves  func(try int) error
	proof  domain.BackupEvidence
	prunes acts.PruneResult
	calls  []string
	steps  []domain.BackupStep
	alarms []string
	tries  int
}

func (h *hosts) did(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, what)
}

func (h *hosts) environment(t *testing.T) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(backup.Workflow, workflow.RegisterOptions{Name: backup.WorkflowName})
	env.RegisterWorkflowWithOptions(alarm.Workflow, workflow.RegisterOptions{Name: alarm.WorkflowName})
	register := func(name string, f any) { env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	register(acts.Begin, func(context.Context, domain.NewBackup) error { h.did("begin"); return nil })
	register(acts.Preflight, func(context.Context, acts.SaveInput) (domain.BackupServer, error) {
		h.did("preflight")
		return domain.BackupServer{}, nil
	})
	register(acts.Save, func(_ context.Context, in acts.SaveInput) (domain.BackupManifest, error) {
		h.did("save")
		h.tries++
		if h.saves != nil {
			if err := h.saves(h.tries); err != nil {
				return domain.BackupManifest{}, err
			}
		}
		return domain.BackupManifest{BackupID: in.BackupID, Target: in.Target, Rows: 7}, nil
	})
	register(acts.Check, func(context.Context, domain.BackupManifest) error { h.did("check"); return nil })
	register(acts.Commit, func(context.Context, domain.BackupManifest) error { h.did("commit"); return nil })
	register(acts.Verify, func(context.Context, acts.VerifyInput) (domain.BackupEvidence, error) {
		h.did("verify")
		return h.proof, nil
	})
	register(acts.Prune, func(context.Context, acts.PruneInput) (acts.PruneResult, error) { h.did("prune"); return h.prunes, nil })
	register(acts.Discard, func(context.Context, acts.DiscardInput) error { h.did("discard"); return nil })
	register(acts.Note, func(_ context.Context, s domain.BackupStep) error { h.steps = append(h.steps, s); return nil })
	register(alarmacts.Send, func(_ context.Context, a domain.Alarm) error { h.alarms = append(h.alarms, a.Kind); return nil })
	return env
}

var proven = domain.BackupEvidence{Checks: []string{"all"}}

func TestABackupIsStoredProvenAndFollowedByTheRetention(t *testing.T) {
	t.Parallel()
	h := &hosts{proof: proven}
	env := h.environment(t)
	env.ExecuteWorkflow(backup.WorkflowName, backup.Input{Target: "clinic", Trigger: domain.BackupScheduled})
	require.NoError(t, env.GetWorkflowError())
	var result backup.Result
	require.NoError(t, env.GetWorkflowResult(&result))
	require.Equal(t, domain.BackupVerified, result.State)
	require.Equal(t, int64(7), result.Rows)
	require.Equal(t, []string{"begin", "preflight", "save", "check", "commit", "verify", "prune"}, h.calls)
	require.Empty(t, h.alarms)
}

func TestADumpThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := &hosts{proof: proven, saves: func(try int) error {
		if try < 4 {
			return temporal.NewApplicationError("pg_dump failed", string(domain.CodeTool))
		}
		return nil
	}}
	env := h.environment(t)
	env.ExecuteWorkflow(backup.WorkflowName, backup.Input{Target: "clinic"})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, 4, h.tries)
	require.Empty(t, h.alarms)
}

// What cannot get better ends the backup, leaves nothing, and is told.
func TestABackupThatCannotBeMadeLeavesNothingAndIsTold(t *testing.T) {
	t.Parallel()
	h := &hosts{saves: func(int) error {
		return temporal.NewNonRetryableApplicationError("may not read all", string(domain.CodeForbidden), nil)
	}}
	env := h.environment(t)
	env.ExecuteWorkflow(backup.WorkflowName, backup.Input{Target: "clinic"})
	require.Error(t, env.GetWorkflowError())
	require.Equal(t, []string{"begin", "preflight", "save", "discard"}, h.calls)
	require.Equal(t, domain.BackupFailed, h.steps[len(h.steps)-1].State)
	require.Equal(t, domain.CodeForbidden, h.steps[len(h.steps)-1].Error)
	require.Equal(t, []string{"backup_failed"}, h.alarms)
}

func TestARejectedBackupPagesAndOneNewOneIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	h := &hosts{proof: domain.BackupEvidence{Checks: []string{"some"}, Failures: []string{"table public.x is missing (3 rows)"}}}
	env := h.environment(t)
	env.ExecuteWorkflow(backup.WorkflowName, backup.Input{Target: "clinic"})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &again)
	require.Equal(t, []string{"backup_rejected"}, h.alarms)
	require.NotContains(t, h.calls, "prune", "nothing is removed on the word of a bad backup")

	second := h.environment(t)
	second.ExecuteWorkflow(backup.WorkflowName, backup.Input{Target: "clinic", Again: true})
	require.Error(t, second.GetWorkflowError())
	require.NotErrorAs(t, second.GetWorkflowError(), &again, "once")
}

func TestACancelledBackupLeavesNothing(t *testing.T) {
	t.Parallel()
	h := &hosts{saves: func(int) error {
		return temporal.NewApplicationError("the storage is away", string(domain.CodeStorage))
	}}
	env := h.environment(t)
	env.RegisterDelayedCallback(env.CancelWorkflow, 10*time.Second)
	env.ExecuteWorkflow(backup.WorkflowName, backup.Input{Target: "clinic"})
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, env.GetWorkflowError(), &cancelled)
	require.Equal(t, "discard", h.calls[len(h.calls)-1])
	require.Equal(t, domain.BackupCancelled, h.steps[len(h.steps)-1].State)
	require.Empty(t, h.alarms, "who cancelled it knows")
}

func TestARetentionThatRefusesIsTold(t *testing.T) {
	t.Parallel()
	h := &hosts{proof: proven, prunes: acts.PruneResult{Decision: domain.RetentionDecision{Refused: domain.RefuseClock}}}
	env := h.environment(t)
	env.ExecuteWorkflow(backup.WorkflowName, backup.Input{Target: "clinic"})
	require.NoError(t, env.GetWorkflowError(), "the backup is good")
	require.Equal(t, []string{"prune_refused"}, h.alarms)
}
