package worker

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/client"
	"go.uber.org/fx"

	backupacts "github.com/careflow/careflow/activities/backup"
	restoreacts "github.com/careflow/careflow/activities/restore"
)

// BackupActivities are the side effects of a host that holds PostgreSQL's programs.
// Proving is nil on one that may not open backups, Restoring and Tables on one that may not
// put them in the place of what lives, or beside it.
type BackupActivities struct {
	Saving  *backupacts.Saving
	Pruning *backupacts.Pruning
	Proving *backupacts.Proving

	Restoring *restoreacts.Host
	Tables    *restoreacts.Tables
}

// BackupModule runs the jobs of such a host, and nothing else: no appointment's process
// and no vendor's activity. It needs a Config, a Temporal client and BackupActivities.
var BackupModule = fx.Module("backup-worker",
	fx.Provide(NewBackup),
	fx.Invoke(runHost),
)

// NewBackup assembles the fleet of a host for backups without starting it. Its workers
// have no version: their activities are the same for every version of the workflows.
func NewBackup(temporal client.Client, cfg Config, a BackupActivities) *Fleet {
	cfg.BuildID = ""
	return &Fleet{temporal: temporal, cfg: cfg, backup: &a}
}

// backupAtOnce is how many jobs a host carries out at a time: each takes its disks and a core.
const backupAtOnce = 2

func (f *Fleet) assembleBackup() []poller {
	o := f.cfg.options(0)
	o.DisableWorkflowWorker = true
	o.MaxConcurrentActivityExecutionSize = backupAtOnce
	saving := f.poll(f.cfg.TaskQueue+backupacts.SaveQueueSuffix, o)
	backupacts.RegisterSaving(saving, f.backup.Saving, f.backup.Pruning)
	if f.backup.Proving == nil {
		return []poller{saving}
	}
	proving := f.poll(f.cfg.TaskQueue+backupacts.VerifyQueueSuffix, o)
	backupacts.RegisterProving(proving, f.backup.Proving)
	if f.backup.Restoring != nil {
		restoreacts.RegisterHost(proving, f.backup.Restoring)
		restoreacts.RegisterTables(proving, f.backup.Tables)
	}
	return []poller{saving, proving}
}

// runHost runs the fleet of a host for jobs as long as its process lives.
func runHost(lc fx.Lifecycle, fleet *Fleet, log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	started := make(chan struct{})
	lc.Append(fx.StartStopHook(
		func() {
			go func() { defer close(started); fleet.startWhenPossible(ctx, log) }()
		},
		func() { cancel(); <-started; fleet.Stop() },
	))
}
