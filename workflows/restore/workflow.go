package restore

import (
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/restore"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/alarm"
	"github.com/careflow/careflow/workflows/backup"
	"github.com/careflow/careflow/workflows/reconcile"
)

// Process makes restores under an installation's rules.
type Process struct {
	keys  domain.ApprovalKeys
	rules Rules
}

// New returns the process. keys are those whose approvals count.
func New(keys domain.ApprovalKeys, rules Rules) *Process {
	return &Process{keys: keys, rules: rules}
}

// Workflow is one restore of one target.
func (p *Process) Workflow(ctx workflow.Context, in Input) (domain.RestoreRecord, error) {
	return p.carryOut(ctx, in, (*restore).run)
}

// carryOut goes through a story, and hears people out.
func (p *Process) carryOut(ctx workflow.Context, in Input, story func(r *restore, ctx, before workflow.Context) error) (domain.RestoreRecord, error) {
	r := &restore{in: in, keys: p.keys}
	// What was the rule when it began stays the rule, also on another worker.
	if err := workflow.SideEffect(ctx, func(workflow.Context) any { return p.rules }).Get(&r.rules); err != nil {
		return r.record, err
	}
	r.record = domain.RestoreRecord{
		RestoreID: workflow.GetInfo(ctx).WorkflowExecution.RunID, Target: in.Target, RequestedBy: in.By, Reason: in.Reason, Unsaved: in.Unsaved,
		People: r.rules.People, State: domain.RestoreResolving, StartedAt: workflow.Now(ctx).UTC(),
	}
	if in.Table != "" {
		r.record.Copy = &domain.TableCopy{Table: in.Table}
	}
	r.since = workflow.Now(ctx)
	before, stop := workflow.WithCancel(ctx)
	r.stop = stop
	if err := r.listen(ctx); err != nil {
		return r.record, err
	}
	err := story(r, ctx, before)
	finishing, _ := workflow.NewDisconnectedContext(ctx)
	if awaiting := workflow.Await(finishing, func() bool { return workflow.AllHandlersFinished(finishing) }); awaiting != nil {
		return r.record, awaiting
	}
	return r.record, err
}

// restore is the state of one restore.
type restore struct {
	in     Input
	keys   domain.ApprovalKeys
	rules  Rules
	record domain.RestoreRecord
	since  time.Time // when the state began
	stop   workflow.CancelFunc
	fenced time.Time
}

// run is the story. Until the swap everything can be taken back, and is when somebody stops
// it or it fails; from the swap on it goes through to its end.
func (r *restore) run(ctx, before workflow.Context) error {
	if err := r.prepare(before); err != nil {
		return r.takeBack(ctx, err)
	}
	after, _ := workflow.NewDisconnectedContext(ctx)
	if err := r.swap(after); err != nil {
		return r.takeBack(ctx, err)
	}
	r.bringForward(after, r.record.Point.SnapshotAt, r.record.Before)
	r.record.SwappedAt = workflow.Now(ctx).UTC()
	r.record.UndoUntil = r.record.SwappedAt.Add(UndoWindow)
	r.enter(after, domain.RestoreSwapped)
	_, err := workflow.AwaitWithTimeout(after, UndoWindow, func() bool {
		return r.agreed(domain.WordUndo) || r.agreed(domain.WordFinish)
	})
	if err != nil {
		return err
	}
	if r.agreed(domain.WordUndo) {
		return r.undo(after)
	}
	return r.end(after, domain.RestoreFinished)
}

// prepare comes to where only the swap is missing.
func (r *restore) prepare(ctx workflow.Context) error {
	r.enter(ctx, domain.RestoreResolving)
	err := workflow.ExecuteActivity(calling(ctx), acts.Resolve, acts.ResolveInput{
		Target: r.in.Target, BackupID: r.in.BackupID, Before: r.in.Before,
	}).Get(ctx, &r.record.Point)
	if err != nil {
		return err
	}
	if err := r.await(ctx, domain.RestoreAwaitingApproval, domain.WordBegin, BeginPatience); err != nil {
		return err
	}
	if err := r.save(ctx); err != nil {
		return err
	}
	r.enter(ctx, domain.RestoreFencing)
	if err := r.fence(ctx, r.in.Unsaved != ""); err != nil {
		return err
	}
	r.enter(ctx, domain.RestoreRestoring)
	err = workflow.ExecuteActivity(hosted(ctx, "Fill a new database"), acts.Fill, acts.FillInput{
		Target: r.in.Target, RestoreID: r.record.RestoreID, BackupID: r.record.Point.BackupID,
	}).Get(ctx, &r.record.Database)
	if err != nil {
		return err
	}
	r.enter(ctx, domain.RestoreComparing)
	err = workflow.ExecuteActivity(hosted(ctx, "Compare it with what lives"), acts.Compare, r.beside()).Get(ctx, &r.record.Differences)
	if err != nil {
		return err
	}
	return r.await(ctx, domain.RestoreAwaitingSwap, domain.WordSwap, SwapPatience)
}

func (r *restore) beside() acts.BesideInput {
	return acts.BesideInput{Target: r.in.Target, RestoreID: r.record.RestoreID, Database: r.record.Database, Fresh: true}
}

// errExpired ends a restore that nobody approved in time.
var errExpired = errors.New("nobody approved it in time")

// await waits until enough people have said the word.
func (r *restore) await(ctx workflow.Context, state domain.RestoreState, word domain.RestoreWord, patience time.Duration) error {
	r.record.ApproveBy = workflow.Now(ctx).UTC().Add(patience)
	r.enter(ctx, state)
	ok, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: patience, TimerOptions: workflow.TimerOptions{Summary: "Until then somebody has to say " + string(word)},
	}, func() bool { return r.agreed(word) })
	r.record.ApproveBy = time.Time{}
	if err == nil && !ok {
		return errExpired
	}
	return err
}

// save makes a backup of what is there, which a restore to the wrong point can be restored
// from in its turn.
func (r *restore) save(ctx workflow.Context) error {
	if r.in.Unsaved != "" {
		return nil
	}
	r.enter(ctx, domain.RestoreSaving)
	id := backup.WorkflowID(workflow.GetInfo(ctx).TaskQueueName, r.in.Target)
	var saved backup.Result
	err := r.child(ctx, id, backup.MostTime, backup.WorkflowName, backup.Input{
		Target: r.in.Target, Trigger: domain.BackupRestores, By: r.in.By,
	}, &saved)
	if err != nil {
		return err
	}
	r.record.SafetyBackup = saved.BackupID
	return nil
}

// child runs a job of which there is one at a time, after the one under way.
func (r *restore) child(ctx workflow.Context, id string, most time.Duration, name string, in, out any) error {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, WorkflowExecutionTimeout: most, WaitForCancellation: true,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         "For the restore " + r.record.RestoreID,
	})
	for {
		err := workflow.ExecuteChildWorkflow(ctx, name, in).Get(ctx, out)
		var running *temporal.ChildWorkflowExecutionAlreadyStartedError
		if !errors.As(err, &running) {
			return err
		}
		if err := workflow.Sleep(ctx, 5*time.Second); err != nil {
			return err
		}
	}
}

// fence stops letters, money and processes. A database that is said to be dead needs none:
// nothing can be done in it.
func (r *restore) fence(ctx workflow.Context, dead bool) error {
	fencing := standing(ctx, "Raise the fence")
	if dead {
		fencing = noting(ctx)
	}
	err := workflow.ExecuteActivity(fencing, acts.Fence, r.record.RestoreID).Get(ctx, nil)
	if err != nil && (!dead || ctx.Err() != nil) {
		return err
	}
	r.fenced = workflow.Now(ctx)
	return nil
}

// drain waits until what was under way when the fence went up has ended.
func (r *restore) drain(ctx workflow.Context) error {
	return workflow.Sleep(ctx, r.fenced.Add(r.rules.Drain).Sub(workflow.Now(ctx)))
}

// swap gets the restored database ready as late as can be, and puts it in its place.
func (r *restore) swap(ctx workflow.Context) error {
	r.enter(ctx, domain.RestoreSwapping)
	if err := r.drain(ctx); err != nil {
		return err
	}
	if err := workflow.ExecuteActivity(hosted(ctx, "Make the restored database fit to live"), acts.Ready, r.beside()).Get(ctx, nil); err != nil {
		return err
	}
	var swapped acts.SwapResult
	if err := workflow.ExecuteActivity(exchanging(ctx, "Exchange the databases"), acts.Swap, r.beside()).Get(ctx, &swapped); err != nil {
		return err
	}
	r.record.Before, r.record.SwapMillis = swapped.Before, swapped.Millis
	return nil
}

// bringForward heeds that Temporal and the payment provider are newer than the rows: steps
// that processes had recorded are recorded again, and what has no row is listed. Only then
// the fence goes. It ends well whatever single visits come to.
func (r *restore) bringForward(ctx workflow.Context, since time.Time, aside string) {
	r.enter(ctx, domain.RestoreReconciling)
	id := r.record.RestoreID
	if aside != "" {
		keep := acts.KeepInput{Target: r.in.Target, RestoreID: id, Aside: aside, Since: since}
		r.must(ctx, workflow.ExecuteActivity(hosted(ctx, "List what was booked since"), acts.Keep, keep).Get(ctx, nil))
	}
	var forward acts.ForwardResult
	r.must(ctx, workflow.ExecuteActivity(following(ctx, "Bring rows up to their processes"), acts.Forward, acts.ForwardInput{RestoreID: id, Since: since}).Get(ctx, &forward))
	r.record.Forward = forward.Counts
	r.must(ctx, workflow.ExecuteActivity(following(ctx, "Ask the payment provider about them"), acts.Explain, id).Get(ctx, &r.record.Lost))
	r.must(ctx, workflow.ExecuteActivity(standing(ctx, "Lift the fence"), acts.Lift, id).Get(ctx, nil))
	var reconciled reconcile.Result
	r.must(ctx, r.child(ctx, reconcile.WorkflowID(workflow.GetInfo(ctx).TaskQueueName), reconcile.MostTime, reconcile.WorkflowName,
		reconcile.Input{Trigger: domain.ByPerson}, &reconciled))
	r.record.Reconciled = reconciled.Counts
}

// must tells people of what should not happen, and goes on: standing still behind the fence
// would be worse.
func (r *restore) must(ctx workflow.Context, err error) {
	if err == nil {
		return
	}
	r.record.Error, r.record.Detail = reason(err)
	alarm.Raise(ctx, domain.Alarm{
		Key: "restore_incomplete-" + r.record.RestoreID, Kind: "restore_incomplete", Subject: r.in.Target, Ref: r.record.RestoreID,
		Code: r.record.Error, Detail: r.record.Detail,
	})
}

// undo is the same backwards: what the restored database got since the swap is listed.
func (r *restore) undo(ctx workflow.Context) error {
	r.enter(ctx, domain.RestoreUndoing)
	r.must(ctx, r.fence(ctx, false))
	if err := r.drain(ctx); err != nil {
		return err
	}
	aside := acts.BesideInput{Target: r.in.Target, RestoreID: r.record.RestoreID, Database: r.record.Before}
	var swapped acts.SwapResult
	err := workflow.ExecuteActivity(hosted(ctx, "Make what lived before fit to live"), acts.Ready, aside).Get(ctx, nil)
	if err == nil {
		err = workflow.ExecuteActivity(exchanging(ctx, "Exchange the databases back"), acts.Undo, acts.UndoInput{
			Target: r.in.Target, Database: r.record.Database, Before: r.record.Before,
		}).Get(ctx, &swapped)
	}
	if err != nil { // what was restored lives on
		r.must(ctx, workflow.ExecuteActivity(standing(ctx, "Lift the fence"), acts.Lift, r.record.RestoreID).Get(ctx, nil))
		r.record.Error, r.record.Detail = reason(err)
		if noted := r.end(ctx, domain.RestoreFailed); noted != nil {
			workflow.GetLogger(ctx).Error("the end of the restore is not noted", "restore_id", r.record.RestoreID, "error", noted)
		}
		return err
	}
	r.record.UndoMillis, r.record.Before = swapped.Millis, ""
	r.bringForward(ctx, r.record.StartedAt, r.record.Database)
	return r.end(ctx, domain.RestoreUndone)
}

// end removes what does not live, and writes down how it ended.
func (r *restore) end(ctx workflow.Context, state domain.RestoreState) error {
	r.drop(ctx, state == domain.RestoreFinished || state == domain.RestoreUndone)
	r.record.FinishedAt = workflow.Now(ctx).UTC()
	r.enter(ctx, state)
	return workflow.ExecuteActivity(standing(ctx, "Note the end"), acts.Note, r.record).Get(ctx, nil)
}

func (r *restore) drop(ctx workflow.Context, all bool) {
	in := acts.DropInput{Target: r.in.Target, RestoreID: r.record.RestoreID, All: all}
	if err := workflow.ExecuteActivity(exchanging(ctx, "Remove what does not live"), acts.Drop, in).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("a database of the restore is left", "restore_id", r.record.RestoreID, "error", err)
	}
}

// takeBack leaves everything as it was before: nothing has been swapped.
func (r *restore) takeBack(ctx workflow.Context, cause error) error {
	state := domain.RestoreFailed
	switch {
	case errors.Is(cause, errExpired):
		state = domain.RestoreExpired
	case temporal.IsCanceledError(cause) || r.agreed(domain.WordAbort):
		state = domain.RestoreAborted
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if !r.fenced.IsZero() || r.record.State == domain.RestoreFencing {
		lifting := standing(ctx, "Lift the fence")
		if r.in.Unsaved != "" {
			lifting = noting(ctx) // in a database that is gone
		}
		if err := workflow.ExecuteActivity(lifting, acts.Lift, r.record.RestoreID).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Error("the fence is left", "restore_id", r.record.RestoreID, "error", err)
		}
	}
	if state != domain.RestoreFailed {
		r.leave(ctx, state)
		return nil
	}
	r.record.Error, r.record.Detail = reason(cause)
	alarm.Raise(ctx, domain.Alarm{
		Key: "restore_failed-" + r.record.RestoreID, Kind: "restore_failed", Subject: r.in.Target, Ref: r.record.RestoreID,
		Code: r.record.Error, Detail: r.record.Detail,
	})
	r.leave(ctx, state)
	return cause
}

// leave is end for a database that may be gone: nothing waits for its note.
func (r *restore) leave(ctx workflow.Context, state domain.RestoreState) {
	switch {
	case r.record.Point.BackupID == "":
	case r.in.Table != "":
		r.dropCopy(ctx)
	default:
		r.drop(ctx, false)
	}
	r.record.Database = ""
	r.record.FinishedAt = workflow.Now(ctx).UTC()
	r.enter(ctx, state)
}
