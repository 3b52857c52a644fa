package main

import (
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
)

func newBackupPrune(r *remote) *cobra.Command {
	var (
		target string
		dry    bool
	)
	c := &cobra.Command{
		Use: "prune", Short: "Apply the retention now; --dry-run only says what it would do", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			if dry {
				return get(c.Context(), r, p, "/v1/ops/backup-retention?"+url.Values{"target": {target}}.Encode(), tableOfRetention)
			}
			var done openapi.BackupRetention
			if _, err := p.do(c.Context(), http.MethodPost, "/v1/ops/backup-retention", openapi.BackupRequest{Target: target}, &done); err != nil {
				return err
			}
			return show(r, done, tableOfRetention)
		},
	}
	c.Flags().StringVar(&target, targetFlag, "clinic", "whose backups")
	c.Flags().BoolVar(&dry, "dry-run", false, "change nothing")
	return c
}

func tableOfRetention(w io.Writer, d openapi.BackupRetention) {
	if d.Refused != "" {
		row(w, "nothing is removed", words(string(d.Refused)))
	}
	for _, k := range d.Keep {
		row(w, "keep", k.BackupID, words(string(k.Reason)))
	}
	for _, part := range []struct {
		what string
		ids  []string
	}{
		{"bury", d.Bury}, {"raise", d.Raise}, {"remove", d.Remove}, {"remove orphan", d.Orphans},
		{"MISSING", d.Missing}, {"adopt", d.Adopted}, {"UNREADABLE", d.Unreadable},
	} {
		for _, id := range part.ids {
			row(w, part.what, id)
		}
	}
}

func newBackupSchedule(r *remote) *cobra.Command {
	var pause, resume bool
	c := &cobra.Command{
		Use: "schedule", Short: "Show, pause or resume the nightly backups", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if pause && resume {
				return usageError{errors.New("--pause and --resume contradict each other")}
			}
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			table := func(w io.Writer, s openapi.BackupSchedule) {
				row(w, "PAUSED", s.Paused, s.Note)
				for _, at := range s.Next[:min(5, len(s.Next))] {
					row(w, "NEXT", at)
				}
			}
			if !pause && !resume {
				return get(c.Context(), r, p, "/v1/ops/backup-schedule", table)
			}
			path := "/v1/ops/backup-schedule/resume"
			if pause {
				path = "/v1/ops/backup-schedule/pause"
			}
			var done openapi.BackupSchedule
			if _, err := p.do(c.Context(), http.MethodPost, path, nil, &done); err != nil {
				return err
			}
			return show(r, done, table)
		},
	}
	c.Flags().BoolVar(&pause, "pause", false, "keep nightly backups from beginning")
	c.Flags().BoolVar(&resume, "resume", false, "let them begin again")
	return c
}
