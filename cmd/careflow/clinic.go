package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
)

func newClinic(in invocation) *cobra.Command {
	var c domain.Clinic
	command := &cobra.Command{
		Use:     "clinic",
		Short:   "Name the clinic that this installation serves, or change what it is called",
		Example: "  careflow clinic --name \"Praxis am Park\" --time-zone Europe/Berlin --address \"Parkstr. 7, 10115 Berlin\" --email hello@praxis.example",
		GroupID: groupPrepare,
		Args:    noArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if strings.TrimSpace(c.Name) == "" {
				return usageError{errors.New("clinic needs a --name")}
			}
			if err := domain.ValidZone(c.Zone); err != nil {
				return usageError{fmt.Errorf("clinic needs a --time-zone, an IANA name such as Europe/Berlin")}
			}
			cfg, _, err := settings(config.Clinic, in)
			if err != nil {
				return err
			}
			return withStore(command.Context(), cfg, func(store *postgres.Store) error {
				created, err := store.SetClinic(command.Context(), c)
				if err != nil {
					return err
				}
				said := "changed"
				if created {
					said = "created"
				}
				fmt.Fprintln(in.out, "clinic "+said)
				return nil
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&c.Name, "name", "", "as it stands in letters")
	flags.StringVar(&c.Zone, "time-zone", "", "IANA name; that of new doctors")
	flags.StringVar(&c.Address, "address", "", "as it stands in letters and calendars")
	flags.StringVar(&c.Email, "email", "", "where patients write to")
	return command
}
