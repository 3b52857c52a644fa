package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/reconcile"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/reconcile"
)

// world is a clinic's rows and their processes.
type world struct {
	visits    []domain.StandingVisit
	processes map[string]domain.Process
	broken    map[string]error // Inspect fails for these
	movedOn   map[string]bool
	leftovers []domain.Finding
	moved     []domain.Finding

	replaced   map[string]string // appointment to the dead run
	terminated []string
	notes      []string
	findings   map[string]domain.FindingCode
	opened     map[string]domain.ReconcileTrigger
	closed     []domain.ReconcileCounts
	pages      int
}

func newWorld() *world {
	return &world{
		processes: map[string]domain.Process{}, broken: map[string]error{}, movedOn: map[string]bool{},
		replaced: map[string]string{}, findings: map[string]domain.FindingCode{}, opened: map[string]domain.ReconcileTrigger{},
	}
}

func (w *world) add(id string, v domain.StandingVisit, p domain.Process) {
	v.AppointmentID, v.InTimeline = id, true
	w.visits = append(w.visits, v)
	w.processes[id] = p
}

func (w *world) StandingVisits(_ context.Context, after string, _ time.Duration, limit int) ([]domain.StandingVisit, error) {
	w.pages++
	var page []domain.StandingVisit
	for _, v := range w.visits {
		if v.AppointmentID > after && len(page) < limit {
			page = append(page, v)
		}
	}
	return page, nil
}

func (w *world) StandingVisit(_ context.Context, id string) (domain.StandingVisit, error) {
	for _, v := range w.visits {
		if v.AppointmentID == id {
			return v, nil
		}
	}
	return domain.StandingVisit{}, domain.Errorf(domain.CodeNotFound, "there is no such appointment")
}

func (w *world) BeginReplacement(_ context.Context, r domain.Replacement) (domain.Appointment, bool, error) {
	w.notes = append(w.notes, r.ReasonCode)
	return domain.Appointment{ID: r.AppointmentID}, !w.movedOn[r.AppointmentID], nil
}

func (w *world) NoteRetry(_ context.Context, id, _ string, _ domain.Actor, reason string) error {
	if _, err := w.StandingVisit(context.Background(), id); err != nil {
		return err
	}
	w.notes = append(w.notes, reason)
	return nil
}

func (w *world) MovedVisits(context.Context, time.Time, int) ([]domain.Finding, error) {
	return w.moved, nil
}

func (w *world) Leftovers(context.Context, time.Duration, time.Duration, int) ([]domain.Finding, error) {
	return w.leftovers, nil
}

func (w *world) OpenReconciliation(_ context.Context, id string, by domain.ReconcileTrigger) error {
	w.opened[id] = by
	return nil
}

func (w *world) AddFindings(_ context.Context, _ string, findings []domain.Finding) error {
	for _, f := range findings {
		w.findings[f.Subject] = f.Code
	}
	return nil
}

func (w *world) CloseReconciliation(_ context.Context, _ string, c domain.ReconcileCounts) error {
	w.closed = append(w.closed, c)
	return nil
}

func (w *world) Inspect(_ context.Context, id, _ string) (domain.Process, error) {
	return w.processes[id], w.broken[id]
}

func (w *world) Replace(_ context.Context, a domain.Appointment, dead string) error {
	w.replaced[a.ID] = dead
	return nil
}

func (w *world) Terminate(_ context.Context, id, _, _ string) error {
	w.terminated = append(w.terminated, id)
	return nil
}

func (w *world) environment(t *testing.T, cfg acts.Config) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	for name, job := range map[string]any{
		reconcile.WorkflowName: reconcile.Workflow, reconcile.ScheduledName: reconcile.Scheduled, reconcile.VisitName: reconcile.Visit,
	} {
		env.RegisterWorkflowWithOptions(job, workflow.RegisterOptions{Name: name})
	}
	cfg.PerSecond = 100_000
	acts.Register(env, acts.New(w, w, cfg, slog.New(slog.DiscardHandler)))
	return env
}

var (
	longAgo = time.Now().Add(-time.Hour)
	dead    = domain.Process{State: domain.ProcessDead, Since: longAgo}
	healthy = domain.Process{State: domain.ProcessRunning, Since: longAgo, Status: domain.StatusPending}
	row     = domain.StandingVisit{Status: domain.StatusPending, Version: 2, RunID: "r1"}
)

func TestDeadProcessesAreReplacedAndTheRestIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.add("a", row, healthy)
	w.add("b", row, dead)
	w.add("c", domain.StandingVisit{Status: domain.StatusRequested, Version: 1}, domain.Process{State: domain.ProcessMissing})
	w.add("d", row, domain.Process{State: domain.ProcessCompleted, Since: longAgo})
	w.add("e", row, domain.Process{State: domain.ProcessRunning, Since: longAgo, Status: domain.StatusRequested})
	w.add("f", row, healthy)
	w.broken["f"] = errors.New("unreadable")
	w.add("g", row, dead)
	w.movedOn["g"] = true
	w.leftovers = []domain.Finding{{Subject: "outbox/1", Code: domain.FindingOutboxLate}}
	w.moved = []domain.Finding{{Subject: "appointment/h", Code: domain.FindingLocalTimeMoved}}

	env := w.environment(t, acts.Config{})
	env.ExecuteWorkflow(reconcile.WorkflowName, reconcile.Input{Trigger: domain.ByPerson})
	require.NoError(t, env.GetWorkflowError())
	var result reconcile.Result
	require.NoError(t, env.GetWorkflowResult(&result))

	require.Equal(t, map[string]string{"b": "r1", "c": ""}, w.replaced, "the claim passes; one that moved on is left alone")
	require.Empty(t, w.terminated, "nothing that runs is ended")
	require.Equal(t, map[string]domain.FindingCode{
		"appointment/d": domain.FindingProcessCompleted, "appointment/e": domain.FindingVersionConflict,
		"appointment/f": domain.FindingUnreachable, "outbox/1": domain.FindingOutboxLate,
		"appointment/h": domain.FindingLocalTimeMoved,
	}, w.findings)
	require.Equal(t, domain.ReconcileCounts{Checked: 7, Replaced: 2, Reported: 5}, result.Counts)
	require.Equal(t, []domain.ReconcileCounts{result.Counts}, w.closed)
	require.Len(t, result.Findings, 5)
	require.Equal(t, domain.ByPerson, w.opened[result.ReconciliationID])
}

func TestManyVisitsAreExaminedInPagesAndAcrossRuns(t *testing.T) {
	t.Parallel()
	w := newWorld()
	const rows = 250
	for i := range rows {
		w.add(fmt.Sprintf("%04d", i), row, dead)
	}
	env := w.environment(t, acts.Config{PageSize: 2})
	env.ExecuteWorkflow(reconcile.WorkflowName, reconcile.Input{Trigger: domain.BySchedule})
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &next, "a long one continues as new")
	require.Len(t, w.replaced, 200)
	require.Empty(t, w.closed)

	again := w.environment(t, acts.Config{PageSize: 2})
	again.ExecuteWorkflow(reconcile.WorkflowName, reconcile.Input{
		Trigger: domain.BySchedule, ReconciliationID: "first", After: "0199", Counts: domain.ReconcileCounts{Checked: 200, Replaced: 200},
	})
	require.NoError(t, again.GetWorkflowError())
	require.Len(t, w.replaced, rows)
	require.Equal(t, []domain.ReconcileCounts{{Checked: rows, Replaced: rows}}, w.closed)
}

func TestWhileTemporalIsAwayNobodyIsBlamed(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.add("a", row, healthy)
	w.broken["a"] = domain.Errorf(domain.CodeUnavailable, "away")
	env := w.environment(t, acts.Config{})
	env.ExecuteWorkflow(reconcile.WorkflowName, reconcile.Input{Trigger: domain.BySchedule})
	require.Error(t, env.GetWorkflowError(), "an hour later it gives up; the next one tries again")
	require.Empty(t, w.findings)
	require.GreaterOrEqual(t, w.pages, 5)
}

func TestTheScheduleStartsTheOneReconciliationOrJoinsIt(t *testing.T) {
	t.Parallel()
	w := newWorld()
	env := w.environment(t, acts.Config{})
	env.ExecuteWorkflow(reconcile.ScheduledName)
	require.NoError(t, env.GetWorkflowError())
	require.Len(t, w.closed, 1)
	for _, by := range w.opened {
		require.Equal(t, domain.BySchedule, by)
	}
}

func TestARetryPutsOneVisitRight(t *testing.T) {
	t.Parallel()
	ask := acts.VisitInput{AppointmentID: "a", RequestID: "q", Actor: domain.Actor{Kind: domain.ActorStaff, ID: "u"}, ReasonCode: "cause_removed"}
	for _, tt := range []struct {
		name       string
		visit      domain.StandingVisit
		process    domain.Process
		want       acts.VisitResult
		terminated bool
	}{
		{"healthy", row, healthy, acts.VisitResult{Action: domain.RepairNone}, false},
		{"dead", row, dead, acts.VisitResult{Action: domain.RepairReplaced}, false},
		{
			"stuck for good", domain.StandingVisit{Status: domain.StatusPending, Stuck: domain.CodeVendorRejected, RunID: "r1"}, dead,
			acts.VisitResult{Action: domain.RepairReplaced}, false,
		},
		{
			"behind the row", row, domain.Process{State: domain.ProcessRunning, Since: longAgo, Status: domain.StatusRequested},
			acts.VisitResult{Action: domain.RepairReplaced}, true,
		},
		{
			"waits for a worker", domain.StandingVisit{Status: domain.StatusRequested}, domain.Process{State: domain.ProcessRunning},
			acts.VisitResult{Action: domain.RepairReported, Code: domain.FindingNotClaimed}, false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.add("a", tt.visit, tt.process)
			env := w.environment(t, acts.Config{})
			env.ExecuteWorkflow(reconcile.VisitName, ask)
			var got acts.VisitResult
			require.NoError(t, env.GetWorkflowResult(&got))
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.terminated, slices.Contains(w.terminated, "a"))
			require.Contains(t, w.notes, "cause_removed", "the reason is kept")
		})
	}
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		env := newWorld().environment(t, acts.Config{})
		env.ExecuteWorkflow(reconcile.VisitName, ask)
		require.ErrorContains(t, env.GetWorkflowError(), "there is no such appointment")
	})
}

func TestIDsAndTheirInverse(t *testing.T) {
	t.Parallel()
	id, ok := reconcile.IDFromVisit(reconcile.VisitWorkflowID("x"))
	require.True(t, ok)
	require.Equal(t, "x", id)
	_, ok = reconcile.IDFromVisit(reconcile.WorkflowID("careflow"))
	require.False(t, ok)
}
