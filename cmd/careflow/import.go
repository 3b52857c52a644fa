package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/postgres"
	"github.com/careflow/careflow/internal/roster"
)

func newImport(in invocation) *cobra.Command {
	var apply bool
	command := &cobra.Command{
		Use:     "import doctors.csv",
		Short:   "Add or change doctors from a spreadsheet's CSV file; tries only, unless told to --apply",
		Long:    importHelp(),
		Example: "  careflow import doctors.csv\n  careflow import doctors.csv --apply",
		GroupID: groupPrepare,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("%s takes one file", c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			cfg, _, err := settings(config.Import, in)
			if err != nil {
				return err
			}
			lines, faults, err := readList(args[0])
			if err != nil {
				return err
			}
			report := domain.ImportReport{Faults: faults}
			// A list with faults is never applied, but the database may know of more.
			err = withStore(c.Context(), cfg, func(store *postgres.Store) error {
				tried, err := store.ImportDoctors(c.Context(), lines, apply && len(faults) == 0, time.Now())
				report.Created, report.Updated, report.Unchanged = tried.Created, tried.Updated, tried.Unchanged
				report.Faults = append(report.Faults, tried.Faults...)
				return err
			})
			if err != nil {
				return err
			}
			return tell(in, report, apply)
		},
	}
	command.Flags().BoolVar(&apply, "apply", false, "save it; without it, the list is only tried")
	return command
}

func importHelp() string {
	var help strings.Builder
	help.WriteString("Adds the doctors of a list, and changes those who are there already: found by external_id, or else by email. " +
		"The list is a CSV file in UTF-8, with commas, semicolons or tabs; its first line names the columns, in any order. " +
		"An empty cell leaves what is stored. It can be run again at any time.\n\n" +
		"Without --apply nothing is saved: it says what would happen, and names each bad line by number and reason. One bad " +
		"line keeps the whole list out. Hours and appointment types are set up through the API, see docs/clinic-setup.md.\n\n")
	fmt.Fprintf(&help, "At most %d doctors and %d MiB. Columns:\n", roster.MaxLines, roster.MaxBytes>>20)
	for _, c := range roster.Columns() {
		fmt.Fprintf(&help, "  %-17s %s\n", c.Name, c.Help)
	}
	return help.String()
}

func readList(path string) ([]domain.DoctorLine, []domain.LineFault, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, usageError{err}
	}
	defer func() { _ = file.Close() }()
	return roster.Parse(file)
}

// tell reports what an import did. Nothing of the list itself is repeated.
func tell(in invocation, report domain.ImportReport, apply bool) error {
	for _, f := range report.Faults {
		fmt.Fprintf(in.out, "line %d: %s\n", f.Line, f.Reason)
	}
	if n := len(report.Faults); n > 0 {
		return fmt.Errorf("nothing was saved: correct what is listed (%d)", n)
	}
	fmt.Fprintf(in.out, "%d new, %d changed, %d unchanged\n", report.Created, report.Updated, report.Unchanged)
	if !apply {
		fmt.Fprintln(in.out, "Nothing was saved: this was a trial. Run it again with --apply.")
	}
	return nil
}

// withStore opens the clinic's database for a command that touches no encrypted column.
func withStore(ctx context.Context, cfg config.Config, use func(*postgres.Store) error) error {
	pool, err := postgres.Open(ctx, cfg.DatabaseURL.Reveal(), 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	return use(postgres.New(pool, noCipher{}))
}

// noCipher stands where no column key is held.
type noCipher struct{}

var errNoColumnKey = errors.New("this command holds no column key")

func (noCipher) Seal([]byte, string) ([]byte, string, error) { return nil, "", errNoColumnKey }
func (noCipher) Open([]byte, string, string) ([]byte, error) { return nil, errNoColumnKey }
