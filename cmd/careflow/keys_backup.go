package main

import (
	"fmt"

	"filippo.io/age"
	"github.com/spf13/cobra"
)

func newKeysBackup(in invocation) *cobra.Command {
	var prefix string
	c := &cobra.Command{
		Use:   "backup",
		Short: "Print the keys of backups, as variables: a signing key, and two pairs to encrypt for",
		Long: "Prints a key that signs backups and two pairs of keys that they are encrypted for. CAREFLOW_BACKUP_IDENTITY opens " +
			"backups: give it only to hosts that prove and restore. The line CAREFLOW_BACKUP_OFFLINE_IDENTITY is for no host: " +
			"keep it where a fire that takes the hosts does not come, and take it out of the file. Without either of the two no " +
			"backup can ever be read.",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			ring, err := newKeyRing(prefix + "-backup")
			if err != nil {
				return usageError{fmt.Errorf("--prefix: %w", err)}
			}
			online, err := age.GenerateX25519Identity()
			if err != nil {
				return fmt.Errorf("making a pair of keys: %w", err)
			}
			offline, err := age.GenerateX25519Identity()
			if err != nil {
				return fmt.Errorf("making a pair of keys: %w", err)
			}
			_, err = fmt.Fprintf(in.out, "CAREFLOW_BACKUP_SIGNING_KEYS=%s\nCAREFLOW_BACKUP_RECIPIENTS=%s,%s\nCAREFLOW_BACKUP_IDENTITY=%s\nCAREFLOW_BACKUP_OFFLINE_IDENTITY=%s\n",
				ring.Encode(), online.Recipient(), offline.Recipient(), online, offline)
			return err
		},
	}
	c.Flags().StringVar(&prefix, "prefix", "dev", "what the signing key's ID starts with, such as 2026-03")
	return c
}
