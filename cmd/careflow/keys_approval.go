package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/config"
)

func newKeysApproval(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "approval",
		Short: "Print the public halves of the signing keys, with which workers check approvals",
		Long: "Prints CAREFLOW_APPROVAL_KEYS for the workers. They need no private key to check that an approval of a restore or a " +
			"deployment comes from the API.",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, _, err := settings(config.ApprovalKeys, in)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(in.out, "CAREFLOW_APPROVAL_KEYS=%s\n", config.EncodeApprovalKeys(cfg.Keys.Signing.ApprovalKeys()))
			return err
		},
	}
}
