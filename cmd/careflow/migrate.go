package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/postgres"
)

func newMigrate(in invocation) *cobra.Command {
	migrate := &cobra.Command{
		Use:     "migrate",
		Short:   "Bring the database's schema up to this version",
		GroupID: groupPrepare,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return usageError{errors.New("say `careflow migrate up` or `careflow migrate status`")}
		},
	}
	migrate.AddCommand(newMigrateUp(in), newMigrateStatus(in))
	return migrate
}

func newMigrateUp(in invocation) *cobra.Command {
	var patience time.Duration
	up := &cobra.Command{
		Use:   "up",
		Short: "Apply what is missing; safe to run twice, and at the same time",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.Migrate, in)
			if err != nil {
				return err
			}
			url := cfg.DatabaseURL.Reveal()
			if err := retry(c.Context(), patience, "the database", func(ctx context.Context) error { return ping(ctx, url) }); err != nil {
				return err
			}
			applied, err := postgres.Migrate(c.Context(), url)
			if err != nil {
				return err
			}
			for _, name := range applied {
				logger.InfoContext(c.Context(), "migration applied", "name", name)
			}
			logger.InfoContext(c.Context(), "the schema is up to date", "applied", len(applied))
			return nil
		},
	}
	waitFlag(up, &patience, "how long to wait for the database to answer")
	return up
}

func newMigrateStatus(in invocation) *cobra.Command {
	var patience time.Duration
	status := &cobra.Command{
		Use:   "status",
		Short: "Say whether migrations are waiting; exit code 1 if so",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := settings(config.Migrate, in)
			if err != nil {
				return err
			}
			var state postgres.MigrationState
			err = retry(c.Context(), patience, "the migrations", func(ctx context.Context) error {
				if state, err = postgres.MigrationStatus(ctx, cfg.DatabaseURL.Reveal()); err != nil {
					return err
				}
				if state.Pending() {
					return fmt.Errorf("the schema is at version %d of %d: run `careflow migrate up`", state.Database, state.Build)
				}
				return nil
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(in.out, "the schema is at version %d, and this build knows %d\n", state.Database, state.Build)
			return err
		},
	}
	waitFlag(status, &patience, "how long to wait for someone else's `migrate up`")
	return status
}

func ping(ctx context.Context, url string) error {
	pool, err := postgres.Open(ctx, url, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	return pool.Ping(ctx)
}
