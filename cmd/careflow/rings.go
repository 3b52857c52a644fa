package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/fieldcrypt"
	"github.com/careflow/careflow/internal/postgres"
)

// rings are the key rings that backups hold wrapped by CAREFLOW_COLUMN_KEYS, each with its
// variable.
var rings = []struct {
	name, variable string
	of             func(config.Keys) config.KeyRing
}{
	{domain.RingPayload, "CAREFLOW_PAYLOAD_KEYS", func(k config.Keys) config.KeyRing { return k.Payload }},
	{domain.RingSigning, "CAREFLOW_SIGNING_KEYS", func(k config.Keys) config.KeyRing { return k.Signing }},
	{domain.RingCommand, "CAREFLOW_COMMAND_KEYS", func(k config.Keys) config.KeyRing { return k.Command }},
	{domain.RingLink, "CAREFLOW_LINK_KEYS", func(k config.Keys) config.KeyRing { return k.Link }},
}

// keepRings has the API, which holds every ring, keep them wrapped in the database when it
// starts. It serves all the same where that fails: the next start tries again.
func keepRings(lc fx.Lifecycle, c config.Config, store *postgres.DataKeys, log *slog.Logger) {
	lc.Append(fx.StartHook(func(ctx context.Context) {
		held := map[string]config.KeyRing{}
		for _, r := range rings {
			held[r.name] = r.of(c.Keys)
		}
		if err := fieldcrypt.Keep(ctx, c.Keys.Column, store, held); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "backups will not hold all keys", "error", err)
		}
	}))
}

func newKeysUnwrap(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "unwrap",
		Short: "Print the keys of a backup's part keys, read from standard input, as variables",
		Long: "Reads the part keys of a backup, decrypted and decompressed, from standard input, opens it with " +
			"CAREFLOW_COLUMN_KEYS, and prints the rings as variables: what another installation needs to go on with a " +
			"restored database. Data keys of columns stay in the database; it says on standard error how many open.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := settings(config.UnwrapKeys, in)
			if err != nil {
				return err
			}
			var keys []domain.WrappedKey
			if err := json.NewDecoder(c.InOrStdin()).Decode(&keys); err != nil {
				return fmt.Errorf("standard input holds no part keys of a backup: %w", err)
			}
			opened, err := fieldcrypt.OpenRings(cfg.Keys.Column, keys)
			if err != nil {
				return err
			}
			for _, r := range rings {
				if ring, ok := opened[r.name]; ok {
					if _, err := fmt.Fprintf(in.out, "%s=%s\n", r.variable, ring.Encode()); err != nil {
						return err
					}
				}
			}
			inside, _ := domain.WrappedKeyIDs(keys)
			_, err = fmt.Fprintf(in.errors, "data keys of columns that open: %d\n", len(inside[domain.RingColumn]))
			return err
		},
	}
}
