package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
)

func newFirstAdmin(in invocation) *cobra.Command {
	zone := "UTC"
	command := &cobra.Command{
		Use:   "first-admin",
		Short: "Make the first admin of an installation, who makes all other accounts",
		Long: "Reads two lines, the e-mail address and the name of the first admin, and prints a password to hand over; " +
			"it is not shown again. Refused while there is an active admin. They are read and not given as arguments, " +
			"because every user of a machine can see those.",
		Example: "  careflow first-admin --time-zone Europe/Berlin",
		GroupID: groupPrepare,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := settings(config.FirstAdmin, in)
			if err != nil {
				return err
			}
			if _, err := domain.LocalStart(time.Now(), zone); err != nil {
				return usageError{fmt.Errorf("--time-zone: %q is not an IANA time zone such as Europe/Berlin", zone)}
			}
			email, name, err := askForAdmin(c)
			if err != nil {
				return err
			}
			pool, err := postgres.Open(c.Context(), cfg.DatabaseURL.Reveal(), 1)
			if err != nil {
				return err
			}
			defer pool.Close()
			password := auth.NewPassword()
			hash, err := auth.HashPassword(password)
			if err != nil {
				return err
			}
			made, err := postgres.New(pool, nil).CreateFirstAdmin(c.Context(), domain.NewAccount{
				Email: email, Name: name, Roles: []domain.Role{domain.RoleAdmin}, Locale: "en", Zone: zone, PasswordHash: hash,
			})
			if err != nil {
				return err
			}
			logger.InfoContext(c.Context(), "first admin made", "account_id", made.ID)
			_, err = fmt.Fprintln(in.out, password)
			return err
		},
	}
	command.Flags().StringVar(&zone, "time-zone", zone, "IANA time zone of the admin")
	return command
}

func askForAdmin(c *cobra.Command) (email, name string, err error) {
	lines := bufio.NewScanner(c.InOrStdin())
	ask := func(what string) string {
		fmt.Fprint(c.ErrOrStderr(), what+": ")
		if !lines.Scan() {
			return ""
		}
		return strings.TrimSpace(lines.Text())
	}
	email, name = ask("E-mail address"), ask("Name")
	fmt.Fprintln(c.ErrOrStderr())
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || name == "" {
		return "", "", usageError{errors.New("give an e-mail address such as ada@example.org and a name, a line each")}
	}
	return strings.ToLower(email), name, nil
}
