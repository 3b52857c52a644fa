package main

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/config"
)

func newKeys(in invocation) *cobra.Command {
	keys := &cobra.Command{
		Use:     "keys",
		Short:   "Generate keys, rewrap those that the database keeps, and unwrap those of a backup",
		GroupID: groupPrepare,
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("say `careflow keys generate`, `careflow keys backup`, `careflow keys approval`, `careflow keys temporal`, `careflow keys rewrap` or `careflow keys unwrap`")}
		},
	}
	keys.AddCommand(newKeysGenerate(in), newKeysBackup(in), newKeysApproval(in), newKeysTemporal(in), newKeysRewrap(in), newKeysUnwrap(in))
	return keys
}

// purposes are the key rings; each gets a key of its own.
var purposes = []struct{ variable, name string }{
	{"CAREFLOW_PAYLOAD_KEYS", "payload"},
	{"CAREFLOW_COLUMN_KEYS", "column"},
	{"CAREFLOW_SIGNING_KEYS", "signing"},
	{"CAREFLOW_COMMAND_KEYS", "command"},
	{"CAREFLOW_LINK_KEYS", "link"},
}

func newKeysGenerate(in invocation) *cobra.Command {
	var prefix string
	generate := &cobra.Command{
		Use:   "generate",
		Short: "Print a new key for each purpose, as variables",
		Long: "Prints a new key for each purpose, as variables. Without --prefix they are development keys, which " +
			"production refuses. To change a key, write the new one before the old one, with a comma between.",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			for _, p := range purposes {
				ring, err := newKeyRing(prefix + "-" + p.name)
				if err != nil {
					return usageError{fmt.Errorf("--prefix: %w", err)}
				}
				if _, err := fmt.Fprintf(in.out, "%s=%s\n", p.variable, ring.Encode()); err != nil {
					return err
				}
			}
			return nil
		},
	}
	generate.Flags().StringVar(&prefix, "prefix", "dev", "what the key IDs start with, such as 2026-03")
	return generate
}

func newKeyRing(id string) (config.KeyRing, error) {
	material := make([]byte, config.KeySize)
	_, _ = rand.Read(material) // never fails, see crypto/rand
	key, err := config.NewKey(id, material)
	if err != nil {
		return config.KeyRing{}, err
	}
	return config.NewKeyRing(key)
}
