package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	accountacts "github.com/careflow/careflow/activities/accountmail"
	alarmacts "github.com/careflow/careflow/activities/alarm"
	acts "github.com/careflow/careflow/activities/appointment"
	backupacts "github.com/careflow/careflow/activities/backup"
	deployacts "github.com/careflow/careflow/activities/deployment"
	housekeepingacts "github.com/careflow/careflow/activities/housekeeping"
	caseacts "github.com/careflow/careflow/activities/paymentcase"
	reconcileacts "github.com/careflow/careflow/activities/reconcile"
	restoreacts "github.com/careflow/careflow/activities/restore"
	"github.com/careflow/careflow/worker/figures"
	"github.com/careflow/careflow/worker/freshness"
	"github.com/careflow/careflow/worker/relay"
	"github.com/careflow/careflow/workflows/deployment"
	"github.com/careflow/careflow/workflows/restore"
)

// Module runs the workers and the relay. It needs a Config, a relay.Config, a Temporal
// client, *Fleets and a Replayer, the stores and vendors of the activities (acts.RecordStore, acts.PaymentStore,
// acts.PaymentProvider, acts.Ledger, acts.Mailer, acts.Writer, acts.Linker), what the
// reconciler and housekeeping need (reconcileacts.Store, .Processes, .Config;
// housekeepingacts.Store, .Config), what letters of accounts need (accountacts.Ledger,
// .Writer, .Linker), what payment cases need (caseacts.Store, .Provider), a
// backupacts.Catalogue, a deployacts.Catalogue and the domain.ApprovalKeys that deployments
// check, what alarms need (alarmacts.Store, .Mailer, .Config), what the watch over backups
// needs (freshness.Store, .Config), what restores need (restoreacts.Catalogue, .Rows,
// .Processes, .Cases, .Payments, .Settler, .Balancer, a Fence and a restore.Process), a relay.Outbox,
// relay.Processes, relay.Accounts, relay.Cases, what is counted (figures.Clinic, .Queues), a
// prometheus.Registerer and a logger.
var Module = fx.Module("worker",
	fx.Provide(
		acts.NewRecords, acts.NewPayments, acts.NewMail,
		reconcileacts.New, accountacts.New, caseacts.New, housekeepingacts.New, backupacts.NewLogbook, alarmacts.New,
		restoreacts.NewBooks, deployacts.NewLogbook, deployment.New,
		func(r *acts.Records, p *acts.Payments, m *acts.Mail, c *reconcileacts.Activities, a *accountacts.Activities,
			cases *caseacts.Activities, h *housekeepingacts.Activities, b *backupacts.Logbook, alarms *alarmacts.Activities,
			restores *restoreacts.Books, fence Fence, restoring *restore.Process,
			deployments *deployacts.Logbook, deploying *deployment.Process, fleets *Fleets, replayer Replayer,
		) Activities {
			return Activities{
				Records: r, Payments: p, Mail: m, Reconcile: c, AccountMail: a, Cases: cases, Housekeeping: h,
				Backups: b, Alarm: alarms, Restores: restores, Fence: fence, Restoring: restoring,
				Deployments: deployments, Deploying: deploying,
				Fleets: deployacts.NewFleeting(fleets), Replaying: deployacts.NewReplaying(replayer),
			}
		},
		New,
		func(r prometheus.Registerer) *relay.Metrics { return relay.NewMetrics(r) },
		relay.New,
		figures.New,
		func(c freshness.Config, s freshness.Store, a *alarmacts.Activities, log *slog.Logger) *freshness.Watch {
			return freshness.New(s, a, c, log)
		},
	),
	fx.Invoke(run, count),
)

const backlogEvery = 5 * time.Second

// run starts the relay after the workers and stops it before them: what it hands over
// finds someone to take it.
func run(lc fx.Lifecycle, fleet *Fleet, r *relay.Relay, m *relay.Metrics, outbox relay.Outbox, backups *freshness.Watch, log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	lc.Append(fx.StartStopHook(
		func() { loops.Go(func() { fleet.startWhenPossible(ctx, log) }) },
		fleet.Stop,
	))
	lc.Append(fx.StartStopHook(
		func() {
			loops.Go(func() { r.Run(ctx) })
			loops.Go(func() { m.Watch(ctx, outbox, backlogEvery, log) })
			loops.Go(func() { backups.Run(ctx) })
		},
		func() { cancel(); loops.Wait() },
	))
}

// count tells what the clinic and its queues come to while the process runs.
func count(lc fx.Lifecycle, f *figures.Figures) {
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	lc.Append(fx.StartStopHook(
		func() { loop.Go(func() { f.Run(ctx) }) },
		func() { cancel(); loop.Wait() },
	))
}
