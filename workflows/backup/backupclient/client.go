// Package backupclient is how the API and the set-up reach backups.
package backupclient

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	acts "github.com/careflow/careflow/activities/backup"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/backup"
	"github.com/careflow/careflow/workflows/job"
)

// Client reaches the backups of one namespace and task queue. Its errors are
// CodeUnavailable when Temporal cannot be reached, CodeTooMany, and what a method says.
type Client struct {
	temporal client.Client
	queue    string
}

// New returns a client whose workflows run on the task queue.
func New(temporal client.Client, queue string) *Client {
	return &Client{temporal: temporal, queue: queue}
}

// startTimeout bounds a start: with Temporal away a caller is told so.
const startTimeout = 10 * time.Second

// Run begins a backup of a target on a person's word, or joins the one under way. It
// returns the backup's ID. CodeNoBackupWorker when no host would take the job.
func (c *Client) Run(ctx context.Context, target, by string) (id string, joined bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, suffix := range []string{acts.SaveQueueSuffix, acts.VerifyQueueSuffix} { // one that nobody proves does not count
		if err := c.worked(ctx, suffix); err != nil {
			return "", false, err
		}
	}
	return c.start(ctx, job.Job{
		ID: backup.WorkflowID(c.queue, target), Workflow: backup.WorkflowName, MostTime: backup.MostTime, Summary: "Backup of " + target,
	}, backup.Input{Target: target, Trigger: domain.BackupAsked, By: by})
}

// Verify proves a backup again, or joins who does. CodeNoBackupWorker when no host that may
// open backups would take the job.
func (c *Client) Verify(ctx context.Context, target, backupID string) (joined bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.worked(ctx, acts.VerifyQueueSuffix); err != nil {
		return false, err
	}
	_, joined, err = c.start(ctx, job.Job{
		ID: backup.VerifyWorkflowID(backupID), Workflow: backup.VerifyName, MostTime: backup.MostTime, Summary: "Prove a backup again",
	}, backup.VerifyInput{Target: target, BackupID: backupID})
	return joined, err
}

// start starts a workflow, or finds the one with its ID that is under way.
func (c *Client) start(ctx context.Context, j job.Job, in any) (runID string, joined bool, err error) {
	j.Queue = c.queue
	return job.Begin(ctx, c.temporal, j, in)
}

// Cancel asks a backup under way to end; what it has written so far is removed.
// CodeConflict when it is not under way.
func (c *Client) Cancel(ctx context.Context, target, backupID string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := c.temporal.CancelWorkflow(ctx, backup.WorkflowID(c.queue, target), backupID)
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return domain.Errorf(domain.CodeConflict, "the backup is not under way: look at its state").Because(err)
	}
	return fault(err)
}

// Hold keeps a backup from being removed, or ends that, and waits up to wait until it is
// done. CodeNotFound where there is no such backup in the storage, CodeConflict when
// somebody does it at the same time, CodeNoBackupWorker when no host would take the job.
func (c *Client) Hold(ctx context.Context, in acts.HoldInput, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := c.worked(ctx, acts.SaveQueueSuffix); err != nil {
		return err
	}
	id, joined, err := c.start(ctx, job.Job{
		ID: backup.HoldWorkflowID(in.BackupID), Workflow: backup.HoldName, MostTime: time.Hour, Summary: "Hold a backup, or end that",
	}, in)
	switch {
	case err != nil:
		return err
	case joined:
		return domain.Errorf(domain.CodeConflict, "somebody holds or releases this backup at this moment: look at it again")
	}
	return fault(c.temporal.GetWorkflow(ctx, backup.HoldWorkflowID(in.BackupID), id).Get(ctx, nil))
}

// Prune applies the retention of a target and waits up to wait for what came of it; with
// dry it only says what it would do. CodeNoBackupWorker when no host would take the job.
func (c *Client) Prune(ctx context.Context, target string, dry bool, wait time.Duration) (acts.PruneResult, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var result acts.PruneResult
	if err := c.worked(ctx, acts.SaveQueueSuffix); err != nil {
		return result, err
	}
	id := backup.PruneWorkflowID(c.queue, target)
	if dry {
		id = backup.PreviewWorkflowID(c.queue, target)
	}
	runID, _, err := c.start(ctx, job.Job{
		ID: id, Workflow: backup.PruneName, MostTime: 2 * time.Hour, Summary: "Retention of the backups of " + target,
	}, acts.PruneInput{Target: target, DryRun: dry})
	if err != nil {
		return result, err
	}
	return result, fault(c.temporal.GetWorkflow(ctx, id, runID).Get(ctx, &result))
}

// worked is CodeNoBackupWorker while no worker asks for the queue's activities. Temporal
// remembers one for some minutes after it went.
func (c *Client) worked(ctx context.Context, suffix string) error {
	d, err := c.temporal.DescribeTaskQueue(ctx, c.queue+suffix, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return fault(err)
	}
	if len(d.GetPollers()) > 0 {
		return nil
	}
	hint := "start `careflow backup-worker` on a host that holds PostgreSQL's programs"
	if suffix == acts.VerifyQueueSuffix {
		hint = "start `careflow backup-worker` with CAREFLOW_BACKUP_IDENTITY and CAREFLOW_BACKUP_SCRATCH_URL on a host that holds PostgreSQL's programs"
	}
	return domain.Errorf(domain.CodeNoBackupWorker, "no worker takes this job: %s", hint)
}

// fault maps what Temporal, or an activity, says to the domain's codes.
func fault(err error) error {
	if err == nil {
		return nil
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		return domain.Errorf(domain.Code(app.Type()), "%s", app.Message()).Because(err)
	}
	return job.Fault(err)
}
