// Package restoreclient is how the API reaches restores.
package restoreclient

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/workflows/job"
	"github.com/careflow/careflow/workflows/restore"
)

// Client reaches the restores of one namespace and task queue. Its errors are
// CodeUnavailable when Temporal cannot be reached, CodeTooMany, and what a method says.
type Client struct {
	temporal client.Client
	queue    string
}

// New returns a client whose workflows run on the task queue.
func New(temporal client.Client, queue string) *Client {
	return &Client{temporal: temporal, queue: queue}
}

const startTimeout = 10 * time.Second

// Begin begins a restore, of a single table where one is named, and returns its ID.
// CodeConflict while another of the target is under way, also one that can still be undone,
// or while a copy of the table is kept; CodeNoBackupWorker when no host that may open backups
// would take the job.
func (c *Client) Begin(ctx context.Context, in restore.Input) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	d, err := c.temporal.DescribeTaskQueue(ctx, c.queue+restore.HostQueueSuffix, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return "", job.Fault(err)
	}
	if len(d.GetPollers()) == 0 {
		return "", domain.Errorf(domain.CodeNoBackupWorker, "no worker takes this job: start `careflow backup-worker` with CAREFLOW_BACKUP_IDENTITY and CAREFLOW_RESTORE_TARGETS on a host that holds PostgreSQL's programs")
	}
	j := job.Job{
		ID: restore.WorkflowID(c.queue, in.Target), Workflow: restore.WorkflowName, Queue: c.queue,
		MostTime: restore.MostTime, Summary: "Restore of " + in.Target,
	}
	if in.Table != "" {
		j.ID, j.Workflow = restore.TableWorkflowID(c.queue, in.Target, in.Table), restore.TableWorkflowName
		j.MostTime, j.Summary = restore.MostTableTime, "Copy of table "+in.Table+" out of a backup of "+in.Target
	}
	id, running, err := job.Begin(ctx, c.temporal, j, in)
	if err == nil && running {
		err = domain.Errorf(domain.CodeConflict, "restore %s of the same has not ended: look at it, and finish or abort it first", id)
	}
	return id, err
}

// Say hands a person's word, signed by the API, to a restore and waits up to wait until it
// was heard. CodeConflict when the restore has ended or the word means nothing to it now,
// CodeForbidden for a signature that does not count.
func (c *Client) Say(ctx context.Context, to domain.RestoreRecord, say restore.Say, wait time.Duration) (domain.RestoreRecord, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var r domain.RestoreRecord
	err := job.Say(ctx, c.temporal, client.UpdateWorkflowOptions{
		WorkflowID: restore.IDOf(c.queue, to), RunID: to.RestoreID, UpdateName: restore.UpdateSay, Args: []any{say},
	}, &r)
	return r, fault(err)
}

// Subject is what the API signs for a word.
func (c *Client) Subject(r domain.RestoreRecord, w domain.RestoreWord) string {
	return domain.ApprovalSubject(restore.IDOf(c.queue, r), r.RestoreID, string(w))
}

func fault(err error) error {
	if err == nil {
		return nil
	}
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return domain.Errorf(domain.CodeConflict, "the restore has ended: look at what came of it").Because(err)
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		return domain.Errorf(domain.Code(app.Type()), "%s", app.Message()).Because(err)
	}
	var late *client.WorkflowUpdateServiceTimeoutOrCanceledError
	if errors.As(err, &late) {
		return domain.Errorf(domain.CodeUnavailable, "the restore has not answered in time: is a worker ready? Look at it again before you repeat this").Because(err)
	}
	return job.Fault(err)
}
