package api

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/links"
)

// Module serves the API for as long as the application runs. It takes a Config, a Store,
// Commands, Reconciler, Housekeeper, Backups, BackupLog, Deployments, DeploymentLog, PaymentWebhooks, MailWebhooks, *links.Links, *auth.Tokens, *auth.Passwords, *slog.Logger and
// *prometheus.Registry, and provides *Server.
var Module = fx.Module("api",
	fx.Provide(func(p parameters) (*Server, error) {
		return New(p.Config, Dependencies{
			Store: p.Store, Commands: p.Commands, Reconcile: p.Reconcile, Housekeeping: p.Housekeeping, Backups: p.Backups, BackupLog: p.BackupLog,
			Deployments: p.Deployments, DeploymentLog: p.DeploymentLog, Webhooks: p.Webhooks, MailEvents: p.MailEvents,
			Links: p.Links, Tokens: p.Tokens, Passwords: p.Passwords, Logger: p.Logger, Registry: p.Registry,
		})
	}),
	fx.Invoke(func(lifecycle fx.Lifecycle, s *Server) {
		lifecycle.Append(fx.StartStopHook(s.Start, s.Stop))
	}),
)

type parameters struct {
	fx.In

	Config        Config
	Store         Store
	Commands      Commands
	Reconcile     Reconciler
	Housekeeping  Housekeeper
	Backups       Backups
	BackupLog     BackupLog
	Deployments   Deployments
	DeploymentLog DeploymentLog
	Webhooks      PaymentWebhooks
	MailEvents    MailWebhooks
	Links         *links.Links
	Tokens        *auth.Tokens
	Passwords     *auth.Passwords
	Logger        *slog.Logger
	Registry      *prometheus.Registry
}
