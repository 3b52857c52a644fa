package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/postgres/seed"
)

func newSeed(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:     "seed",
		Short:   "Fill a development database with a small clinic; safe to run twice",
		GroupID: groupPrepare,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.Seed, in)
			if err != nil {
				return err
			}
			// Everyone knows the seeded password.
			if !cfg.Development() {
				return usageError{errors.New("seed is for development only: its accounts have a password that everyone knows (CAREFLOW_ENV=development)")}
			}
			pool, err := postgres.Open(c.Context(), cfg.DatabaseURL.Reveal(), 1)
			if err != nil {
				return err
			}
			defer pool.Close()
			if err := seed.Clinic(c.Context(), pool, auth.HashPassword); err != nil {
				return err
			}
			logger.InfoContext(c.Context(), "clinic seeded")
			table := tabwriter.NewWriter(in.out, 0, 0, 2, ' ', 0)
			for _, a := range seed.Accounts() {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Role, a.Email, seed.Password, a.Name)
			}
			return table.Flush()
		},
	}
}
