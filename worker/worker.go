// Package worker says what runs where: which task queues exist, which workflows and
// activities each serves, in which version, and the relay that runs beside them.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	accountacts "github.com/careflow/careflow/activities/accountmail"
	alarmacts "github.com/careflow/careflow/activities/alarm"
	acts "github.com/careflow/careflow/activities/appointment"
	backupacts "github.com/careflow/careflow/activities/backup"
	deployacts "github.com/careflow/careflow/activities/deployment"
	housekeepingacts "github.com/careflow/careflow/activities/housekeeping"
	caseacts "github.com/careflow/careflow/activities/paymentcase"
	reconcileacts "github.com/careflow/careflow/activities/reconcile"
	restoreacts "github.com/careflow/careflow/activities/restore"
	"github.com/careflow/careflow/workflows/accountmail"
	"github.com/careflow/careflow/workflows/alarm"
	"github.com/careflow/careflow/workflows/appointment"
	"github.com/careflow/careflow/workflows/backup"
	"github.com/careflow/careflow/workflows/deployment"
	"github.com/careflow/careflow/workflows/housekeeping"
	"github.com/careflow/careflow/workflows/paymentcase"
	"github.com/careflow/careflow/workflows/reconcile"
	"github.com/careflow/careflow/workflows/restore"
)

// Config says which queues a worker serves and as which version.
type Config struct {
	// TaskQueue is the queue of workflows and database activities; the vendors' queues
	// are derived from it.
	TaskQueue string
	// Deployment and BuildID name the version. An empty BuildID is an unversioned worker.
	Deployment string
	BuildID    string
	// StripePerSecond and SendGridPerSecond bound the activities that all workers together
	// start on a vendor's queue. Default to 80 (Stripe allows 100 requests a second in
	// live mode) and 100.
	StripePerSecond   float64
	SendGridPerSecond float64
}

// Queues are the task queues of a worker.
func (c Config) Queues() []string {
	return []string{c.TaskQueue, c.TaskQueue + acts.StripeQueueSuffix, c.TaskQueue + acts.SendGridQueueSuffix}
}

// Activities are the side effects that the worker's queues serve.
type Activities struct {
	Records  *acts.Records
	Payments *acts.Payments
	Mail     *acts.Mail
	// Reconcile compares visits with their processes.
	Reconcile *reconcileacts.Activities
	// Backups keeps the catalogue of backups, Alarm tells the people who run this.
	Backups *backupacts.Logbook
	Alarm   *alarmacts.Activities
	// Restores bring rows up to their processes after a restore; Fence stops everything else
	// meanwhile, and Restoring is the process.
	Restores  *restoreacts.Books
	Fence     Fence
	Restoring *restore.Process
	// Deployments keeps what becomes of deployments, and Deploying is their process.
	Deployments *deployacts.Logbook
	Deploying   *deployment.Process
	// Fleets routes the work of fleets of workers, Replaying tries this program on open
	// processes.
	Fleets    *deployacts.Fleeting
	Replaying *deployacts.Replaying
	// Housekeeping removes rows that nobody needs any more.
	Housekeeping *housekeepingacts.Activities
	// AccountMail delivers the letters of accounts.
	AccountMail *accountacts.Activities
	// Cases follow money that does not go its usual way.
	Cases *caseacts.Activities
}

// cachedWorkflows bounds the worker's memory: so many processes stay in memory between
// two of their tasks, the others are replayed from history when they wake.
const cachedWorkflows = 2000

// Fleet is the workers of one process, one a task queue.
type Fleet struct {
	temporal client.Client
	cfg      Config
	acts     Activities
	backup   *BackupActivities   // of a host for backups; nil for every other
	agent    *deployacts.Hosting // of a host that is deployed to
	// deploying is of a host with the rights to deploy.
	deploying *deployacts.Deploying

	mu      sync.Mutex
	workers []poller
}

// poller is the worker of one task queue.
type poller struct {
	sdk.Worker
	queue string
}

// poll assembles the worker of a queue.
func (f *Fleet) poll(queue string, o sdk.Options) poller {
	return poller{Worker: sdk.New(f.temporal, queue, o), queue: queue}
}

// New assembles a fleet without starting it.
func New(temporal client.Client, cfg Config, a Activities) *Fleet {
	return &Fleet{temporal: temporal, cfg: cfg, acts: a}
}

// Start starts every worker, or none. It fails while Temporal cannot be reached, and may
// then be called again.
func (f *Fleet) Start() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	workers := f.assemble()
	for i, w := range workers {
		if err := w.Start(); err != nil {
			for _, started := range workers[:i] {
				started.Stop()
			}
			return fmt.Errorf("starting a worker: %w", err)
		}
	}
	f.workers = workers
	return nil
}

// Stop lets running activities finish, up to the stop timeout.
func (f *Fleet) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.workers) - 1; i >= 0; i-- {
		f.workers[i].Stop()
	}
	f.workers = nil
}

// startWhenPossible starts the fleet, and waits for Temporal where it is not there yet:
// a worker outlives an outage that it was started into.
func (f *Fleet) startWhenPossible(ctx context.Context, log *slog.Logger) {
	for {
		err := f.Start()
		if err == nil {
			log.InfoContext(ctx, "the workers poll", "task_queues", f.queues())
			return
		}
		log.WarnContext(ctx, "waiting for Temporal", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(startEvery):
		}
	}
}

const startEvery = 2 * time.Second

// queues are those that the fleet polls, once it has started.
func (f *Fleet) queues() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for _, w := range f.workers {
		names = append(names, w.queue)
	}
	return names
}

// assemble makes one worker a queue. A worker that failed to start is not used again.
func (f *Fleet) assemble() []poller {
	if f.backup != nil {
		return f.assembleBackup()
	}
	if f.agent != nil {
		return f.assembleAgent()
	}
	if f.deploying != nil {
		return f.assembleDeploy()
	}
	cfg, a := f.cfg, f.acts
	sdk.SetStickyWorkflowCacheSize(cachedWorkflows)
	behind := &fenced{fence: a.Fence}
	options := func(perSecond float64) sdk.Options {
		o := cfg.options(perSecond)
		o.Interceptors = append(o.Interceptors, behind)
		return o
	}
	main := f.poll(cfg.TaskQueue, options(0))
	Register(main)
	main.RegisterWorkflowWithOptions(a.Restoring.Workflow, workflow.RegisterOptions{Name: restore.WorkflowName, VersioningBehavior: workflow.VersioningBehaviorPinned})
	// It keeps a copy for days: no version has to be kept for it.
	main.RegisterWorkflowWithOptions(a.Restoring.TableWorkflow, workflow.RegisterOptions{Name: restore.TableWorkflowName, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade})
	RegisterDeployments(main, a.Deploying)
	acts.RegisterRecords(main, a.Records)
	reconcileacts.Register(main, a.Reconcile)
	backupacts.RegisterLogbook(main, a.Backups)
	restoreacts.RegisterBooks(main, a.Restores)
	deployacts.RegisterLogbook(main, a.Deployments)
	deployacts.RegisterFleeting(main, a.Fleets)
	deployacts.RegisterReplaying(main, a.Replaying)
	housekeepingacts.Register(main, a.Housekeeping)

	stripe := f.poll(cfg.TaskQueue+acts.StripeQueueSuffix, options(orDefault(cfg.StripePerSecond, 80)))
	acts.RegisterPayments(stripe, a.Payments)
	caseacts.Register(stripe, a.Cases)

	sendgrid := f.poll(cfg.TaskQueue+acts.SendGridQueueSuffix, options(orDefault(cfg.SendGridPerSecond, 100)))
	acts.RegisterMail(sendgrid, a.Mail)
	alarmacts.Register(sendgrid, a.Alarm)
	accountacts.Register(sendgrid, a.AccountMail)

	return []poller{main, stripe, sendgrid}
}

// Register registers every workflow under its contract's name. Long processes follow
// the newest version as it becomes current; each change goes through GetVersion. Jobs of
// minutes end on the version they began with. Letters and alarms take seconds, but days while
// their vendor is away, and no old version should have to wait for that.
func Register(r sdk.WorkflowRegistry) {
	for name, process := range map[string]any{
		appointment.WorkflowName: appointment.Workflow, accountmail.WorkflowName: accountmail.Workflow, alarm.WorkflowName: alarm.Workflow,
		paymentcase.WorkflowName: paymentcase.Workflow, // a dispute takes months
	} {
		r.RegisterWorkflowWithOptions(process, workflow.RegisterOptions{Name: name, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade})
	}
	for name, job := range map[string]any{
		reconcile.WorkflowName: reconcile.Workflow, reconcile.ScheduledName: reconcile.Scheduled, reconcile.VisitName: reconcile.Visit,
		backup.WorkflowName: backup.Workflow, backup.ScheduledName: backup.Scheduled, backup.VerifyName: backup.Verify,
		backup.PruneName: backup.Prune, backup.HoldName: backup.Hold,
		housekeeping.WorkflowName: housekeeping.Workflow,
	} {
		r.RegisterWorkflowWithOptions(job, workflow.RegisterOptions{Name: name, VersioningBehavior: workflow.VersioningBehaviorPinned})
	}
}

func (c Config) options(perSecond float64) sdk.Options {
	o := sdk.Options{
		WorkerStopTimeout:            10 * time.Second,
		TaskQueueActivitiesPerSecond: perSecond,
		DisableRegistrationAliasing:  true,
		// A busy two-core machine must not look like a deadlock.
		DeadlockDetectionTimeout: 10 * time.Second,
	}
	if c.BuildID != "" {
		o.DeploymentOptions = sdk.DeploymentOptions{
			UseVersioning:             true,
			Version:                   sdk.WorkerDeploymentVersion{DeploymentName: c.Deployment, BuildID: c.BuildID},
			DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		}
	}
	return o
}

func orDefault(v, fallback float64) float64 {
	if v > 0 {
		return v
	}
	return fallback
}
