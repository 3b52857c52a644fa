package main

import (
	"crypto/ed25519"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.uber.org/fx"

	"github.com/careflow/careflow/api"
	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/mail"
	"github.com/careflow/careflow/internal/payments"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/workflows/appointment/appointmentclient"
	"github.com/careflow/careflow/workflows/backup/backupclient"
	"github.com/careflow/careflow/workflows/deployment/deploymentclient"
	"github.com/careflow/careflow/workflows/housekeeping/housekeepingclient"
	"github.com/careflow/careflow/workflows/reconcile/reconcileclient"
	"github.com/careflow/careflow/workflows/restore/restoreclient"
)

func newAPI(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:     "api",
		Short:   "Serve the HTTP API",
		GroupID: groupProcess,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.API, in)
			if err != nil {
				return err
			}
			collectLessOften(in.environ)
			return serve(c.Context(), cfg, logger, apiOptions())
		},
	}
}

// gcPercent is the API's GOGC unless the environment has one: what a request allocates is
// many times what stays, so that at Go's own 100 the collector runs many times a second,
// for a heap of a few megabytes.
const gcPercent = 400

func collectLessOften(environ []string) {
	for _, variable := range environ {
		if strings.HasPrefix(variable, "GOGC=") {
			return
		}
	}
	debug.SetGCPercent(gcPercent)
}

func apiOptions() fx.Option {
	return fx.Options(
		clinic,
		temporalx.Module,
		auth.Module,
		payments.Module,
		fx.Provide(
			apiConfig, authConfig, paymentsConfig, newLinks,
			func(c config.Config) (api.MailWebhooks, error) { return mail.NewEvents(c.SendGrid.EventKeys) },
			func(s *postgres.Store) api.Store { return s },
			func(s *payments.Stripe) api.PaymentWebhooks { return s },
			func(c config.Config, temporal client.Client) api.Commands {
				return appointmentclient.New(temporal, c.Temporal.TaskQueue)
			},
			func(c config.Config, temporal client.Client) api.Reconciler {
				return reconcileclient.New(temporal, c.Temporal.TaskQueue)
			},
			func(c config.Config, temporal client.Client) api.Housekeeper {
				return housekeepingclient.New(temporal, c.Temporal.TaskQueue)
			},
			func(c config.Config, temporal client.Client) api.Backups {
				return backupclient.New(temporal, c.Temporal.TaskQueue)
			},
			func(c *postgres.Catalogue) (api.BackupLog, api.RestoreLog, api.DeploymentLog) { return c, c, c },
			func(c config.Config, temporal client.Client) api.Deployments {
				return deploymentclient.New(temporal, c.Temporal.TaskQueue)
			},
			func(c config.Config, temporal client.Client) api.Restores {
				return restoreclient.New(temporal, c.Temporal.TaskQueue)
			},
		),
		fx.Invoke(keepRings),
		api.Module,
	)
}

func apiConfig(c config.Config) api.Config {
	return api.Config{
		Address:         c.HTTP.Address,
		PublicURL:       c.PublicURL.String(),
		CommandKey:      c.Keys.Command.Active().Bytes(),
		CommandWait:     c.HTTP.CommandWait,
		TrustedProxies:  c.HTTP.TrustedProxies,
		PublishableKey:  c.Stripe.PublishableKey,
		PayURL:          c.PayURL,
		StripeScriptURL: c.Stripe.ScriptURL,
		BackupTargets:   c.Backup.Names,
		Tracing:         c.Tracing.On(),
		ApprovalKeyID:   c.Keys.Signing.Active().ID,
		ApprovalKey:     approvalKey(c.Keys.Signing),
		Release:         c.Release,
		BackupLimit:     c.Backup.Fresh,
	}
}

// approvalKey is none where no tokens are signed either.
func approvalKey(ring config.KeyRing) ed25519.PrivateKey {
	if ring.IsZero() {
		return nil
	}
	return ed25519.NewKeyFromSeed(ring.Active().Bytes())
}

func authConfig(c config.Config) auth.Config {
	var keys []auth.Key
	for _, k := range c.Keys.Signing.Keys() {
		keys = append(keys, auth.Key{ID: k.ID, Seed: k.Bytes()})
	}
	return auth.Config{Keys: keys}
}

func paymentsConfig(c config.Config) payments.Config {
	return payments.Config{Key: c.Stripe.Key.Reveal(), URL: c.Stripe.URL, WebhookSecret: c.Stripe.WebhookSecret.Reveal()}
}
