package restore_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	alarmacts "github.com/careflow/careflow/activities/alarm"
	acts "github.com/careflow/careflow/activities/restore"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/alarm"
	"github.com/careflow/careflow/workflows/backup"
	"github.com/careflow/careflow/workflows/reconcile"
	"github.com/careflow/careflow/workflows/restore"
)

// world stands in for hosts and databases; it notes what was asked of them.
type world struct {
	mu     sync.Mutex
	calls  []string
	seq    int
	noted  domain.RestoreState
	alarms []string
	before string // what lived before, as the swap tells
	fail   map[string]error
	key    ed25519.PrivateKey
	env    *testsuite.TestWorkflowEnvironment
}

func newWorld(t *testing.T, people int) *world {
	t.Helper()
	w := &world{before: "before", fail: map[string]error{}, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))}
	w.env = new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	public, _ := w.key.Public().(ed25519.PublicKey)
	rules := restore.Rules{Drain: 30 * time.Second}
	rules.People = people
	process := restore.New(domain.ApprovalKeys{"api": public}, rules)
	w.env.RegisterWorkflowWithOptions(process.Workflow, workflow.RegisterOptions{Name: restore.WorkflowName})
	w.env.RegisterWorkflowWithOptions(process.TableWorkflow, workflow.RegisterOptions{Name: restore.TableWorkflowName})
	w.env.RegisterWorkflowWithOptions(alarm.Workflow, workflow.RegisterOptions{Name: alarm.WorkflowName})
	w.env.RegisterWorkflowWithOptions(func(workflow.Context, backup.Input) (backup.Result, error) {
		return backup.Result{BackupID: "saved"}, w.did("save")
	}, workflow.RegisterOptions{Name: backup.WorkflowName})
	w.env.RegisterWorkflowWithOptions(func(workflow.Context, reconcile.Input) (reconcile.Result, error) {
		return reconcile.Result{}, w.did("reconcile")
	}, workflow.RegisterOptions{Name: reconcile.WorkflowName})
	register := func(name string, f any) { w.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	register(acts.Note, func(_ context.Context, r domain.RestoreRecord) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if r.Seq > w.seq { // one that comes late changes nothing
			w.seq, w.noted = r.Seq, r.State
		}
		return nil
	})
	register(acts.Resolve, func(context.Context, acts.ResolveInput) (domain.RestoredPoint, error) {
		return domain.RestoredPoint{BackupID: "b", SnapshotAt: time.Unix(1, 0).UTC()}, w.did("resolve")
	})
	register(acts.Fence, func(context.Context, string) error { return w.did("fence") })
	register(acts.Lift, func(context.Context, string) error { return w.did("lift") })
	register(acts.Fill, func(context.Context, acts.FillInput) (string, error) { return "restored", w.did("fill") })
	register(acts.Compare, func(context.Context, acts.BesideInput) ([]domain.TableDifference, error) {
		return nil, w.did("compare")
	})
	register(acts.Ready, func(_ context.Context, in acts.BesideInput) error { return w.did("ready " + in.Database) })
	register(acts.Swap, func(context.Context, acts.BesideInput) (acts.SwapResult, error) {
		return acts.SwapResult{Before: w.before, Millis: 20}, w.did("swap")
	})
	register(acts.Undo, func(context.Context, acts.UndoInput) (acts.SwapResult, error) {
		return acts.SwapResult{Millis: 21}, w.did("undo")
	})
	register(acts.Keep, func(_ context.Context, in acts.KeepInput) error { return w.did("keep " + in.Aside) })
	register(acts.Forward, func(context.Context, acts.ForwardInput) (acts.ForwardResult, error) {
		return acts.ForwardResult{Counts: domain.ForwardCounts{Moved: 2}}, w.did("forward")
	})
	register(acts.Explain, func(context.Context, string) (int, error) { return 3, w.did("explain") })
	register(acts.Drop, func(_ context.Context, in acts.DropInput) error {
		if in.All {
			return w.did("drop all")
		}
		return w.did("drop restored")
	})
	register(acts.ResolveTable, func(context.Context, acts.ResolveTableInput) (domain.RestoredPoint, error) {
		return domain.RestoredPoint{BackupID: "b"}, w.did("resolve table")
	})
	register(acts.PlaceTable, func(_ context.Context, in acts.PlaceTableInput) (domain.TableCopy, error) {
		return domain.TableCopy{Table: in.Table, Schema: "beside", Until: in.Until}, w.did("place table")
	})
	register(acts.CompareTable, func(_ context.Context, in acts.CompareTableInput) (domain.TableCopy, error) {
		return in.Copy, w.did("compare table")
	})
	register(acts.DropTable, func(context.Context, acts.DropTableInput) error { return w.did("drop table") })
	register(alarmacts.Send, func(_ context.Context, a domain.Alarm) error { w.alarms = append(w.alarms, a.Kind); return nil })
	return w
}

func (w *world) did(what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, what)
	return w.fail[what]
}

// say sends a word after a while and keeps what came of it.
func (w *world) say(after time.Duration, word domain.RestoreWord, by string, change ...func(*domain.Approval)) *error {
	var outcome error
	w.env.RegisterDelayedCallback(func() {
		a := domain.Approval{Subject: domain.ApprovalSubject("default-test-workflow-id", "default-test-run-id", string(word)), By: by, Reason: "agreed", At: w.env.Now()}
		a, err := a.Sign("api", w.key)
		if err != nil {
			panic(err)
		}
		for _, c := range change {
			c(&a)
		}
		w.env.UpdateWorkflow(restore.UpdateSay, domain.NewID(), &testsuite.TestUpdateCallback{
			OnReject: func(err error) { outcome = err }, OnAccept: func() {}, OnComplete: func(any, error) {},
		}, restore.Say{Word: word, Approval: a})
	}, after)
	return &outcome
}

func (w *world) run(t *testing.T, in restore.Input) domain.RestoreRecord {
	t.Helper()
	in.Target, in.By, in.Reason = "clinic", "asker", "gone"
	name := restore.WorkflowName
	if in.Table != "" {
		name = restore.TableWorkflowName
	}
	w.env.ExecuteWorkflow(name, in)
	require.True(t, w.env.IsWorkflowCompleted())
	var r domain.RestoreRecord
	if w.env.GetWorkflowError() == nil {
		require.NoError(t, w.env.GetWorkflowResult(&r))
	}
	return r
}

var (
	toSwap  = []string{"resolve", "save", "fence", "fill", "compare", "ready restored", "swap"}
	forward = []string{"forward", "explain", "lift", "reconcile"}
)

func TestTwoPeopleRestoreAndNobodyUndoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.say(time.Minute, domain.WordBegin, "a")
	twice := w.say(2*time.Minute, domain.WordBegin, "a")
	w.say(3*time.Minute, domain.WordBegin, "b")
	early := w.say(90*time.Second, domain.WordSwap, "b")
	w.say(time.Hour, domain.WordSwap, "b")
	late := w.say(3*time.Hour, domain.WordAbort, "b")
	w.say(2*time.Hour, domain.WordSwap, "c")
	r := w.run(t, restore.Input{})
	require.Equal(t, domain.RestoreFinished, r.State)
	require.Equal(t, append(append(append([]string{}, toSwap...), "keep before"), append(forward, "drop all")...), w.calls)
	require.Error(t, *twice, "nobody counts twice")
	require.Error(t, *early, "there is nothing to swap yet")
	require.Error(t, *late, "it is undone by then, not aborted")
	require.Len(t, r.Approvals, 4)
	require.Equal(t, restore.UndoWindow, r.FinishedAt.Sub(r.SwappedAt).Round(time.Minute))
	require.Equal(t, 3, r.Lost)
}

func TestWhatIsNotSignedForThisWordIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*domain.Approval){
		"by nobody":   func(a *domain.Approval) { a.Signature = []byte("x") },
		"for another": func(a *domain.Approval) { a.Subject += "x" },
		"as another":  func(a *domain.Approval) { a.By = "b" },
	} {
		w := newWorld(t, 1)
		refused := w.say(time.Minute, domain.WordBegin, "a", change)
		r := w.run(t, restore.Input{})
		require.Error(t, *refused, name)
		require.Equal(t, domain.RestoreExpired, r.State, name)
		require.Equal(t, []string{"resolve", "drop restored"}, w.calls, name)
	}
}

func TestBeforeTheSwapEverythingIsTakenBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		words func(w *world)
		fail  string
		state domain.RestoreState
		calls []string
	}{
		"nobody approves the swap": {
			words: func(*world) {}, state: domain.RestoreExpired,
			calls: []string{"resolve", "save", "fence", "fill", "compare", "lift", "drop restored"},
		},
		"aborted": {
			words: func(w *world) { w.say(time.Hour, domain.WordAbort, "b") }, state: domain.RestoreAborted,
			calls: []string{"resolve", "save", "fence", "fill", "compare", "lift", "drop restored"},
		},
		"cancelled": {
			words: func(w *world) { w.env.RegisterDelayedCallback(w.env.CancelWorkflow, time.Hour) }, state: domain.RestoreAborted,
			calls: []string{"resolve", "save", "fence", "fill", "compare", "lift", "drop restored"},
		},
		"the backup is damaged": {
			words: func(*world) {}, fail: "fill",
			calls: []string{"resolve", "save", "fence", "fill", "lift", "drop restored"},
		},
		"it may not be renamed": {
			words: func(w *world) { w.say(time.Hour, domain.WordSwap, "a") }, fail: "swap",
			calls: []string{"resolve", "save", "fence", "fill", "compare", "ready restored", "swap", "lift", "drop restored"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.say(time.Minute, domain.WordBegin, "a")
			tt.words(w)
			if tt.fail != "" {
				w.fail[tt.fail] = temporal.NewNonRetryableApplicationError("no", string(domain.CodeBackupDamaged), nil)
			}
			r := w.run(t, restore.Input{})
			require.Equal(t, tt.calls, w.calls)
			if tt.fail == "" {
				require.Equal(t, tt.state, r.State)
				require.Empty(t, w.alarms)
				return
			}
			require.ErrorContains(t, w.env.GetWorkflowError(), "no")
			require.Equal(t, domain.RestoreFailed, w.noted)
			require.Equal(t, []string{"restore_failed"}, w.alarms)
		})
	}
}

func TestUndoIsTheSameBackwards(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.say(time.Minute, domain.WordBegin, "a")
	w.say(time.Hour, domain.WordSwap, "a")
	w.say(5*time.Hour, domain.WordUndo, "a")
	r := w.run(t, restore.Input{})
	require.Equal(t, domain.RestoreUndone, r.State)
	want := append(append(append([]string{}, toSwap...), "keep before"), forward...)
	want = append(append(append(want, "fence", "ready before", "undo", "keep restored"), forward...), "drop all")
	require.Equal(t, want, w.calls)
}

func TestADeadDatabaseIsNeitherSavedNorWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.before = ""
	w.fail["fence"] = errors.New("there is no such database")
	w.say(time.Minute, domain.WordBegin, "a")
	w.say(time.Hour, domain.WordSwap, "a")
	refused := w.say(5*time.Hour, domain.WordUndo, "a")
	r := w.run(t, restore.Input{Unsaved: "it is gone"})
	require.Equal(t, domain.RestoreFinished, r.State)
	require.NotContains(t, w.calls, "save")
	require.NotContains(t, w.calls, "keep ")
	require.Error(t, *refused, "there is nothing to go back to")
}

func TestACopyOfATableStaysForItsTimeOrUntilSomebodyIsDone(t *testing.T) {
	t.Parallel()
	made := []string{"resolve table", "place table", "compare table", "drop table"}
	for name, tt := range map[string]struct {
		ends func(w *world)
		kept time.Duration
	}{
		"nobody says anything": {func(*world) {}, 7 * 24 * time.Hour},
		"somebody is done":     {func(w *world) { w.say(5*time.Hour, domain.WordFinish, "b") }, 5 * time.Hour},
		"it is cancelled":      {func(w *world) { w.env.RegisterDelayedCallback(w.env.CancelWorkflow, time.Hour) }, time.Hour},
	} {
		w := newWorld(t, 2)
		tt.ends(w)
		swap := w.say(30*time.Minute, domain.WordSwap, "a")
		r := w.run(t, restore.Input{Table: "appointments", Keep: 7 * 24 * time.Hour})
		require.Equal(t, domain.RestoreFinished, r.State, name)
		require.Equal(t, made, w.calls, name)
		require.Equal(t, tt.kept, r.FinishedAt.Sub(r.StartedAt).Round(time.Minute), name)
		require.Equal(t, 7*24*time.Hour, r.Copy.Until.Sub(r.StartedAt).Round(time.Minute), name)
		require.Error(t, *swap, "nothing of it takes the place of what lives")
	}
	w := newWorld(t, 2)
	w.fail["place table"] = temporal.NewNonRetryableApplicationError("no room", string(domain.CodeNoSpace), nil)
	w.run(t, restore.Input{Table: "appointments", Keep: time.Hour})
	require.Equal(t, []string{"resolve table", "place table", "drop table"}, w.calls)
	require.Equal(t, domain.RestoreFailed, w.noted)
	require.Equal(t, []string{"restore_failed"}, w.alarms)
}

func TestAStepAfterTheSwapThatFailsHoldsUpNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.fail["explain"] = temporal.NewNonRetryableApplicationError("the key is refused", string(domain.CodeVendorRejected), nil)
	w.say(time.Minute, domain.WordBegin, "a")
	w.say(time.Hour, domain.WordSwap, "a")
	r := w.run(t, restore.Input{})
	require.Equal(t, domain.RestoreFinished, r.State)
	require.Contains(t, w.calls, "lift")
	require.Equal(t, domain.CodeVendorRejected, r.Error)
	require.Equal(t, []string{"restore_incomplete"}, w.alarms)
}

func TestIDsAndTheirInverse(t *testing.T) {
	t.Parallel()
	target, ok := restore.TargetFromWorkflow("careflow", restore.WorkflowID("careflow", "clinic"))
	require.True(t, ok)
	require.Equal(t, "clinic", target)
	_, ok = restore.TargetFromWorkflow("careflow", backup.WorkflowID("careflow", "clinic"))
	require.False(t, ok)
}
