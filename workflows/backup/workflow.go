package backup

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/backup"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/alarm"
)

// Workflow is one backup of one target.
func Workflow(ctx workflow.Context, in Input) (Result, error) {
	j := &job{Input: in, id: workflow.GetInfo(ctx).WorkflowExecution.RunID}
	err := j.run(ctx)
	return j.result(), err
}

// job is the state of one backup.
type job struct {
	Input
	id       string
	manifest domain.BackupManifest
	state    domain.BackupState
}

func (j *job) result() Result {
	return Result{BackupID: j.id, State: j.state, Rows: j.manifest.Rows, Bytes: j.manifest.StoredBytes()}
}

// run is the story. What fails before the commit leaves nothing; what is committed stays,
// and counts once it was proven.
func (j *job) run(ctx workflow.Context) error {
	j.state = domain.BackupRunning
	err := workflow.ExecuteActivity(noting(ctx), acts.Begin, domain.NewBackup{
		BackupID: j.id, Target: j.Target, Trigger: j.Trigger, By: j.By, At: workflow.Now(ctx).UTC(),
	}).Get(ctx, nil)
	if err != nil {
		return err
	}
	if err := j.store(ctx); err != nil {
		return j.fail(ctx, err)
	}
	j.state = domain.BackupStored
	proof, err := prove(ctx, j.Target, j.id)
	if err != nil {
		// Nobody knows whether it is good: it stays stored, and the alarm says so. Who
		// cancelled it knows.
		if ctx.Err() == nil {
			j.alarm(ctx, "backup_not_verified", err)
		}
		return err
	}
	if !proof.Passed() {
		return j.rejected(ctx, proof)
	}
	j.state = domain.BackupVerified
	j.show(ctx, "removing what is too old")
	j.prune(ctx)
	j.show(ctx, "done")
	return nil
}

// store reads the database into the storage and commits it.
func (j *job) store(ctx workflow.Context) error {
	in := acts.SaveInput{Target: j.Target, BackupID: j.id}
	j.show(ctx, "preflight")
	if err := workflow.ExecuteActivity(calling(ctx), acts.Preflight, in).Get(ctx, nil); err != nil {
		return err
	}
	j.show(ctx, "saving")
	if err := workflow.ExecuteActivity(saving(ctx, "Dump and upload"), acts.Save, in).Get(ctx, &j.manifest); err != nil {
		return err
	}
	j.show(ctx, "checking the upload")
	if err := workflow.ExecuteActivity(saving(ctx, "Check the upload"), acts.Check, j.manifest).Get(ctx, nil); err != nil {
		return err
	}
	return workflow.ExecuteActivity(looking(ctx), acts.Commit, j.manifest).Get(ctx, nil)
}

// prove restores a backup and compares it with its source.
func prove(ctx workflow.Context, target, backupID string) (domain.BackupEvidence, error) {
	var e domain.BackupEvidence
	in := acts.VerifyInput{Target: target, BackupID: backupID}
	// The same on each try, so that a try finds the scratch database of the last one.
	err := workflow.SideEffect(ctx, func(workflow.Context) any { return domain.NewID() }).Get(&in.VerificationID)
	if err != nil {
		return e, err
	}
	err = workflow.ExecuteActivity(proving(ctx), acts.Verify, in).Get(ctx, &e)
	return e, err
}

// fail ends a backup that was not committed. On a cancelled process the clean-up runs all
// the same.
func (j *job) fail(ctx workflow.Context, cause error) error {
	j.state = domain.BackupFailed
	// A cancelled process may hear of the last fault of its activity instead.
	if ctx.Err() != nil {
		j.state, cause = domain.BackupCancelled, ctx.Err()
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := workflow.ExecuteActivity(looking(ctx), acts.Discard, acts.DiscardInput{Target: j.Target, BackupID: j.id}).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("what the backup left is left to the retention", "backup_id", j.id, "error", err)
	}
	code, detail := reason(cause)
	step := domain.BackupStep{BackupID: j.id, State: j.state, Error: code, Detail: detail, At: workflow.Now(ctx).UTC()}
	if err := workflow.ExecuteActivity(noting(ctx), acts.Note, step).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("the catalogue does not show the end of the backup", "backup_id", j.id, "error", err)
	}
	if j.state == domain.BackupFailed {
		j.alarm(ctx, "backup_failed", cause)
	}
	j.show(ctx, string(j.state))
	return cause
}

// rejected pages, and tries one new backup at once: the database may be well and the
// backup bad.
func (j *job) rejected(ctx workflow.Context, proof domain.BackupEvidence) error {
	j.state = domain.BackupRejected
	j.show(ctx, fmt.Sprintf("rejected: %d differences", len(proof.Failures)))
	cause := temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("backup %s is not what its source was: %d differences, see its evidence", j.id, len(proof.Failures)), string(domain.CodeBackupRejected), nil)
	j.alarm(ctx, "backup_rejected", cause)
	if j.Again {
		return cause
	}
	return workflow.NewContinueAsNewError(ctx, WorkflowName, Input{Target: j.Target, Trigger: domain.BackupAgain, By: j.By, Again: true})
}

// prune applies the retention. The backup is good whatever comes of it.
func (j *job) prune(ctx workflow.Context) {
	var result acts.PruneResult
	err := workflow.ExecuteActivity(looking(ctx), acts.Prune, acts.PruneInput{Target: j.Target}).Get(ctx, &result)
	if err != nil {
		j.alarm(ctx, "prune_failed", err)
		return
	}
	if result.Decision.Refused != "" || len(result.Missing)+len(result.Unreadable) > 0 {
		j.alarm(ctx, "prune_refused", temporal.NewApplicationError(
			fmt.Sprintf("refused: %q, missing from the storage: %d, unreadable there: %d", result.Decision.Refused, len(result.Missing), len(result.Unreadable)), "prune_refused"))
	}
}

// alarm tells the people who run this, once for each backup and kind.
func (j *job) alarm(ctx workflow.Context, kind string, cause error) {
	code, detail := reason(cause)
	alarm.Raise(ctx, domain.Alarm{Key: kind + "-" + j.id, Kind: kind, Subject: j.Target, Ref: j.id, Code: code, Detail: detail})
}

// show is what people read in Temporal UI.
func (j *job) show(ctx workflow.Context, phase string) {
	text := fmt.Sprintf("**%s**: %s\n\n- backup: %s\n", j.Target, phase, j.id)
	if j.manifest.BackupID != "" {
		text += fmt.Sprintf("- restore point: %s\n- %d tables, %d rows, %d bytes stored\n",
			j.manifest.SnapshotAt.UTC().Format(time.RFC3339), j.manifest.Tables, j.manifest.Rows, j.manifest.StoredBytes())
	}
	workflow.SetCurrentDetails(ctx, text)
}

// reason is the code of a failed activity, and what it says: nothing of a row.
func reason(err error) (domain.Code, string) {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		return domain.Code(app.Type()), app.Message()
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
		return "no_backup_worker", "no host with PostgreSQL's programs took the job: start `careflow backup-worker` on one"
	}
	if errors.As(err, &timeout) {
		return domain.CodeUnavailable, "it took too long: " + timeout.TimeoutType().String()
	}
	if temporal.IsCanceledError(err) {
		return "cancelled", "somebody cancelled it"
	}
	return domain.CodeInternal, "see the log of the worker"
}

// Scheduled starts the backup of each target, or finds that one is under way, and waits
// for its own.
func Scheduled(ctx workflow.Context, in ScheduledInput) error {
	queue := workflow.GetInfo(ctx).TaskQueueName
	var failed []error
	for _, target := range in.Targets { // one after the other: each takes the host's disks and cores
		ctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID:               WorkflowID(queue, target),
			WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			WorkflowExecutionTimeout: MostTime,
			// One that has begun goes on when somebody ends this.
			ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
			StaticSummary:     "Backup of " + target,
		})
		err := workflow.ExecuteChildWorkflow(ctx, WorkflowName, Input{Target: target, Trigger: domain.BackupScheduled}).Get(ctx, nil)
		var running *temporal.ChildWorkflowExecutionAlreadyStartedError
		if err != nil && !errors.As(err, &running) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// Verify proves a backup again.
func Verify(ctx workflow.Context, in VerifyInput) (domain.BackupEvidence, error) {
	proof, err := prove(ctx, in.Target, in.BackupID)
	if err == nil && !proof.Passed() {
		alarm.Raise(ctx, domain.Alarm{
			Key: "backup_rejected-" + in.BackupID, Kind: "backup_rejected", Subject: in.Target, Ref: in.BackupID, Code: domain.CodeBackupRejected,
			Detail: fmt.Sprintf("proven again, and not what its source was: %d differences, see its evidence", len(proof.Failures)),
		})
	}
	return proof, err
}

// Hold keeps a backup from being removed, or ends that.
func Hold(ctx workflow.Context, in acts.HoldInput) error {
	return workflow.ExecuteActivity(looking(ctx), acts.Hold, in).Get(ctx, nil)
}

// Prune applies the retention of one target, or says what it would do.
func Prune(ctx workflow.Context, in acts.PruneInput) (acts.PruneResult, error) {
	var result acts.PruneResult
	err := workflow.ExecuteActivity(looking(ctx), acts.Prune, in).Get(ctx, &result)
	return result, err
}
