package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
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
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/letters"
	"github.com/careflow/careflow/internal/links"
	"github.com/careflow/careflow/internal/mail"
	"github.com/careflow/careflow/internal/payments"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/telemetry"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/worker"
	"github.com/careflow/careflow/worker/figures"
	"github.com/careflow/careflow/worker/freshness"
	"github.com/careflow/careflow/worker/relay"
	"github.com/careflow/careflow/workflows/accountmail/accountmailclient"
	"github.com/careflow/careflow/workflows/appointment/appointmentclient"
	"github.com/careflow/careflow/workflows/paymentcase/paymentcaseclient"
)

func newWorker(in invocation) *cobra.Command {
	c := &cobra.Command{
		Use:     "worker",
		Short:   "Run the processes of appointments, and relay what the database owes them",
		GroupID: groupProcess,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.WorkerProcess, in)
			if err != nil {
				return err
			}
			return serve(c.Context(), cfg, logger, workerOptions())
		},
	}
	c.AddCommand(newWorkerReplay(in))
	return c
}

func workerOptions() fx.Option {
	return fx.Options(
		clinic,
		temporalx.Module,
		payments.Module,
		mail.Module,
		fx.Provide(
			paymentsConfig, mailConfig, workerConfig, newPromotion,
			func() relay.Config { return relay.Config{} },
			func(s *postgres.Store) figures.Clinic { return s },
			watchedQueues,
			func(c config.Config, temporal client.Client) (relay.Processes, reconcileacts.Processes) {
				processes := appointmentclient.New(temporal, c.Temporal.TaskQueue)
				return processes, processes
			},
			func(c config.Config, temporal client.Client) relay.Accounts {
				return accountmailclient.New(temporal, c.Temporal.TaskQueue)
			},
			func(c config.Config) reconcileacts.Config { return reconcileacts.Config{Still: c.Reconcile.Still} },
			func(c config.Config) housekeepingacts.Config {
				return housekeepingacts.Config{Keep: domain.Keeping{Outbox: c.Housekeeping.KeepOutbox, IdempotencyKeys: c.Housekeeping.KeepKeys}}
			},
			func(s *postgres.Store) (acts.RecordStore, acts.PaymentStore, acts.Ledger, accountacts.Ledger, relay.Outbox, reconcileacts.Store) {
				return s, s, s, s, s, s
			},
			func(s *postgres.Store) (caseacts.Store, housekeepingacts.Store) { return s, s },
			func(s *payments.Stripe) (acts.PaymentProvider, caseacts.Provider) { return s, s },
			func(c config.Config, temporal client.Client) relay.Cases {
				return paymentcaseclient.New(temporal, c.Temporal.TaskQueue)
			},
			func(s *postgres.Catalogue) (backupacts.Catalogue, alarmacts.Store, freshness.Store) { return s, s, s },
			func(s *postgres.Catalogue) (restoreacts.Catalogue, worker.Fence) { return s, s },
			func(c config.Config) freshness.Config {
				return freshness.Config{Targets: c.Backup.Names, Limit: c.Backup.Fresh}
			},
			func(s *postgres.Catalogue) deployacts.Catalogue { return s },
			func(c config.Config) domain.ApprovalKeys { return c.Keys.Approval },
			func(c config.Config, temporal client.Client) *worker.Fleets {
				return worker.NewFleets(temporal, c.Temporal.Namespace)
			},
			newReplayer,
			func(s *mail.SendGrid) alarmacts.Mailer { return s },
			func(c config.Config) alarmacts.Config {
				return alarmacts.Config{To: c.Backup.To, Installation: c.PublicURL.Hostname()}
			},
			func(s *mail.SendGrid) acts.Mailer { return s },
			func() (acts.Writer, accountacts.Writer) { return letters.Render, letters.RenderAccount },
			func(l *links.Links) accountacts.Linker { return l.Account },
			letterLinks, newLinks,
		),
		restoring,
		worker.Module,
		fx.Invoke(startPromotion, serveWorkerHealth),
	)
}

func workerConfig(c config.Config) worker.Config {
	return worker.Config{TaskQueue: c.Temporal.TaskQueue, Deployment: c.Worker.Deployment, BuildID: c.Worker.BuildID}
}

// watchedQueues are those of the workers and of the hosts that save and restore.
func watchedQueues(c config.Config, temporal client.Client) figures.Queues {
	own := workerConfig(c).Queues()
	activities := own[1:]
	if len(c.Backup.Names) > 0 {
		activities = append(activities, own[0]+backupacts.SaveQueueSuffix, own[0]+backupacts.VerifyQueueSuffix)
	}
	return figures.NewTemporal(temporal, c.Temporal.Namespace, own[0], activities...)
}

func mailConfig(c config.Config) (mail.Config, error) {
	m := mail.Config{Key: c.SendGrid.Key.Reveal(), URL: c.SendGrid.URL, From: c.SendGrid.From.String()}
	return m, m.Validate()
}

// letterLinks make a letter's link: the pay page where there is something to pay, else
// the visit's. A link holds IDs only, and opening it changes nothing. Doctors have a log-in:
// the link of a patient, which can cancel, is never theirs.
func letterLinks(c config.Config, signed *links.Links) acts.Linker {
	return func(kind domain.MessageKind, d domain.LetterData) string {
		toPatient := d.Recipient == domain.RecipientPatient
		switch paying := toPatient && kind == domain.MessageRequestReceived && d.IntentID != ""; {
		case paying && c.PayURL != "":
			return strings.ReplaceAll(c.PayURL, "{intent}", d.IntentID)
		case paying:
			return signed.Pay(d.AppointmentID, d.Generation, d.EndsAt)
		case c.AppointmentURL != "":
			return strings.ReplaceAll(c.AppointmentURL, "{appointment}", d.AppointmentID)
		case toPatient:
			return signed.Visit(d.AppointmentID, d.Sequence, d.EndsAt)
		}
		return c.PublicURL.String() + "/v1/appointments/" + d.AppointmentID
	}
}

// newLinks are the same for the API, which reads them, and the worker, which writes them.
func newLinks(c config.Config) (*links.Links, error) {
	return links.New(c.Keys.Link, c.PublicURL.String())
}

// serveWorkerHealth says that the worker is ready once it can do its work, which for a
// worker that promotes itself is when tasks are sent to it.
func serveWorkerHealth(lc fx.Lifecycle, shutdowner fx.Shutdowner, c config.Config, gatherer prometheus.Gatherer,
	store *postgres.Store, temporal client.Client, p *promotion, logger *slog.Logger,
) {
	handler := telemetry.OpsHandler(gatherer, logger,
		telemetry.Check{Name: "database", Probe: store.Ping},
		telemetry.Check{Name: "temporal", Probe: func(ctx context.Context) error {
			_, err := temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		}},
		telemetry.Check{Name: "version", Probe: p.ready},
	)
	telemetry.Serve(lc, shutdowner, "worker", telemetry.NewServer(c.HTTP.WorkerAddress, handler, logger), logger)
}
