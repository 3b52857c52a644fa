package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/fieldcrypt"
	"github.com/careflow/careflow/internal/postgres"
)

func newKeysRewrap(in invocation) *cobra.Command {
	var fresh bool
	rewrap := &cobra.Command{
		Use:   "rewrap",
		Short: "Wrap what the database keeps of keys with the first of CAREFLOW_COLUMN_KEYS",
		Long: "Wraps the data keys of the encrypted columns, and the keys of rings that backups hold, with the first of CAREFLOW_COLUMN_KEYS. Afterwards the older " +
			"ones can be taken out. No row is touched, and running processes notice nothing.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.RewrapKeys, in)
			if err != nil {
				return err
			}
			return withCipher(c.Context(), cfg, func(cipher *fieldcrypt.Cipher, keys *postgres.DataKeys) error {
				changed, err := cipher.Rewrap(c.Context())
				if err != nil {
					return err
				}
				ofRings, err := fieldcrypt.RewrapRings(c.Context(), cfg.Keys.Column, keys)
				if err != nil {
					return err
				}
				changed += ofRings
				logger.InfoContext(c.Context(), "data keys rewrapped", "changed", changed, "column_key", cfg.Keys.Column.Active().ID)
				if !fresh {
					return nil
				}
				id, err := cipher.Rotate(c.Context())
				if err != nil {
					return err
				}
				logger.InfoContext(c.Context(), "new data key", "id", id)
				return nil
			})
		},
	}
	rewrap.Flags().BoolVar(&fresh, "new-data-key", false, "also make a data key for what is written from now on")
	return rewrap
}

func withCipher(ctx context.Context, cfg config.Config, use func(*fieldcrypt.Cipher, *postgres.DataKeys) error) error {
	pool, err := postgres.Open(ctx, cfg.DatabaseURL.Reveal(), 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	keys := postgres.NewDataKeys(pool)
	cipher, err := fieldcrypt.New(cfg.Keys.Column, keyStore{keys})
	if err != nil {
		return err
	}
	return use(cipher, keys)
}
