package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/temporalx"
)

func newKeysTemporal(in invocation) *cobra.Command {
	temporal := &cobra.Command{
		Use:   "temporal",
		Short: "Make the authority whose tokens Temporal believes, and tokens",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("say `careflow keys temporal authority`, `careflow keys temporal public` or `careflow keys temporal token`")}
		},
	}
	temporal.AddCommand(newTemporalAuthority(in), newTemporalPublic(in), newTemporalToken(in))
	return temporal
}

func newTemporalAuthority(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "authority",
		Short: "Print a new authority: a private key, for no host",
		Long: "Prints a new authority: a private key that makes tokens for Temporal. Who has it may do everything there. Keep it " +
			"where backups' offline identity is kept, and on no host.",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			a, err := temporalx.NewAuthority()
			if err != nil {
				return err
			}
			text, err := a.Encode()
			if err != nil {
				return err
			}
			_, err = in.out.Write(text)
			return err
		},
	}
}

func newTemporalPublic(in invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "public <authority-file>...",
		Short: "Print the public halves of authorities, the file that Temporal reads",
		Long: "Prints the public halves of authorities as Temporal reads them (deploy/temporal: jwks.json). Give two files while " +
			"one authority takes the place of another.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("public takes the file of an authority, or of two")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			var all []temporalx.Authority
			for _, path := range args {
				a, err := readAuthority(path)
				if err != nil {
					return err
				}
				all = append(all, a)
			}
			set, err := temporalx.KeySet(all...)
			if err != nil {
				return err
			}
			_, err = in.out.Write(set)
			return err
		},
	}
}

// A token lives longer than a holiday, and no longer than a year.
const (
	tokenDays     = 90
	mostTokenDays = 366
)

func newTemporalToken(in invocation) *cobra.Command {
	var authority, namespace string
	var days int
	holders := strings.Join(temporalx.Holders(), ", ")
	token := &cobra.Command{
		Use:   "token <holder>",
		Short: "Print a token for a process or for Temporal UI",
		Long: "Prints a token for one of: " + holders + ". It opens what its holder's work needs: temporal-setup may change the " +
			"namespace, reader (worker replay, history-cost) and ui look, the others start, signal and poll.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(temporalx.Holders(), args[0]) {
				return usageError{fmt.Errorf("token takes one of %s", holders)}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if days < 1 || days > mostTokenDays {
				return usageError{fmt.Errorf("--days is %d: write a whole number from 1 to %d", days, mostTokenDays)}
			}
			if namespace == "" || strings.Contains(namespace, ":") || namespace == "temporal-system" {
				return usageError{fmt.Errorf("--namespace %q is no namespace of a clinic", namespace)}
			}
			a, err := readAuthority(authority)
			if err != nil {
				return err
			}
			text, err := a.Token(args[0], namespace, time.Now().AddDate(0, 0, days))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(in.out, text)
			return err
		},
	}
	token.Flags().StringVar(&authority, "authority", "", "the file that holds the authority")
	token.Flags().StringVar(&namespace, "namespace", "careflow", "the namespace that it opens")
	token.Flags().IntVar(&days, "days", tokenDays, "how long it is believed")
	_ = token.MarkFlagRequired("authority") // the flag exists
	return token
}

func readAuthority(path string) (temporalx.Authority, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return temporalx.Authority{}, fmt.Errorf("the authority: %w", err)
	}
	a, err := temporalx.ParseAuthority(text)
	if err != nil {
		return temporalx.Authority{}, fmt.Errorf("%s %w", path, err)
	}
	return a, nil
}
