package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/searchattr"
	"github.com/careflow/careflow/internal/temporalx"
	"github.com/careflow/careflow/workflows/backup/backupclient"
	"github.com/careflow/careflow/workflows/housekeeping/housekeepingclient"
	"github.com/careflow/careflow/workflows/reconcile/reconcileclient"
)

func newTemporalSetup(in invocation) *cobra.Command {
	var patience time.Duration
	setup := &cobra.Command{
		Use:     "temporal-setup",
		Short:   "Register the namespace, its search attributes and schedules; safe to run twice",
		GroupID: groupPrepare,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.TemporalSetup, in)
			if err != nil {
				return err
			}
			temporal, err := temporalx.NewClient(temporalx.Options{Temporal: cfg.Temporal, Logger: logger})
			if err != nil {
				return err
			}
			defer temporal.Close()
			ctx, cancel := context.WithTimeout(c.Context(), patience)
			defer cancel()
			if err := temporalx.Setup(ctx, temporal, cfg.Temporal.Namespace, searchattr.All(), logger); err != nil {
				return err
			}
			if err := reconcileclient.New(temporal, cfg.Temporal.TaskQueue).EnsureSchedule(ctx, cfg.Reconcile.Every); err != nil {
				return err
			}
			if err := housekeepingclient.New(temporal, cfg.Temporal.TaskQueue).EnsureSchedule(ctx, cfg.Housekeeping.Every); err != nil {
				return err
			}
			if err := scheduleBackups(ctx, temporal, cfg); err != nil {
				return err
			}
			logger.InfoContext(ctx, "Temporal is set up", "reconcile_every", cfg.Reconcile.Every.String(), "housekeeping_every", cfg.Housekeeping.Every.String(), "task_queue", cfg.Temporal.TaskQueue, "namespace", cfg.Temporal.Namespace)
			return nil
		},
	}
	setup.Flags().DurationVar(&patience, "timeout", 2*time.Minute, "how long to wait for Temporal")
	return setup
}

// scheduleBackups makes the nightly backups run where targets are named.
func scheduleBackups(ctx context.Context, temporal client.Client, cfg config.Config) error {
	if len(cfg.Backup.Names) == 0 {
		return nil
	}
	hour, minute, err := cfg.Backup.Time()
	if err != nil {
		return fmt.Errorf("CAREFLOW_BACKUP_AT: %w", err)
	}
	return backupclient.New(temporal, cfg.Temporal.TaskQueue).EnsureSchedule(ctx, backupclient.Nightly{
		Targets: cfg.Backup.Names, Hour: hour, Minute: minute, Zone: cfg.Backup.Zone,
	})
}
