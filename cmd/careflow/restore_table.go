package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

func newRestoreTable(r *remote) *cobra.Command {
	var (
		asked  openapi.TableRestoreRequest
		before string
		leave  bool
	)
	c := &cobra.Command{
		Use: "table", Short: "Put a single table of a backup beside the live one, and say how they differ", Args: noArgs,
		Long: "Puts a table of a proven backup into a schema of its own in the live database, where it stays for --days or until " +
			"`restore table drop`. Nothing that lives is touched. Without --backup and --before it is of the newest proven backup.",
		RunE: func(c *cobra.Command, _ []string) error {
			if asked.Table == "" || asked.Reason == "" {
				return usageError{fmt.Errorf("%s needs --table, and --reason, which is kept with the restore", c.CommandPath())}
			}
			if err := setBefore(&asked.Before, before); err != nil {
				return err
			}
			return beginRestore(c.Context(), r, "/v1/ops/restores/tables", asked, leave)
		},
	}
	c.Flags().StringVar(&asked.Target, targetFlag, "clinic", "whose backup")
	c.Flags().StringVar(&asked.Table, "table", "", "which table of the schema public; of a partitioned one, a partition")
	c.Flags().StringVar(&asked.BackupID, "backup", "", "ID of the backup")
	c.Flags().StringVar(&before, "before", "", "the newest proven backup whose restore point is not later, RFC 3339")
	c.Flags().IntVar(&asked.KeepDays, "days", domain.DefaultCopyDays, "for how many days the copy stays")
	c.Flags().StringVar(&asked.Reason, "reason", "", "why; nothing about a patient")
	c.Flags().BoolVar(&leave, "no-wait", false, "print the restore's ID and do not wait")
	c.AddCommand(newRestoreTableDrop(r))
	return c
}

func newRestoreTableDrop(r *remote) *cobra.Command {
	return newRestoreWord(r, "drop", "Remove the copy of a table before its time", domain.WordFinish)
}

func rowsOfCopy(w io.Writer, c openapi.RestoreCopy) {
	if c.Table == "" {
		return
	}
	row(w, "table", fmt.Sprintf("%s: %d rows, as %s.%s until %s", c.Table, c.Rows, c.Schema, c.Table, instant(c.KeptUntil)))
	switch {
	case c.NotCompared != "":
		row(w, "compared", "not: "+c.NotCompared)
	case c.OnlyLive >= 0:
		row(w, "compared", fmt.Sprintf("%d rows only in the backup, %d only live, %d different", c.OnlyInBackup, c.OnlyLive, c.Different))
	}
	if len(c.ColumnsLeftOut) > 0 {
		row(w, "left out", "columns that only one of them has: "+strings.Join(c.ColumnsLeftOut, ", "))
	}
}
