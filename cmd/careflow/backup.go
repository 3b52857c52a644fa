package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

func newBackup(in invocation) *cobra.Command {
	r := &remote{in: in}
	c := &cobra.Command{
		Use: "backup", Short: "Make, prove, look at and keep backups, over the API",
		Long:    "Begins backups and looks at what became of them. For admin and ops." + remoteLong,
		GroupID: groupLook, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	r.flags(c)
	c.AddCommand(
		newBackupRun(r), newBackupList(r),
		newOfOneBackup(r, "show", "Show a backup with its evidence", func(ctx context.Context, p *demoPerson, path string) error {
			return get(ctx, r, p, path, tableOfBackup)
		}),
		newOfOneBackup(r, "verify", "Prove a backup again by restoring it, and wait for what comes of it", func(ctx context.Context, p *demoPerson, path string) error {
			return verifyBackup(ctx, r, p, path)
		}),
		newBackupDecision(r, "hold", "Keep a backup from being removed", "legal_hold, investigation, before_a_change or other"),
		newBackupDecision(r, "release", "End the hold of a backup", "hold_over, held_by_mistake or other"),
		newOfOneBackup(r, "cancel", "Break a backup off; what it has written so far is removed", func(ctx context.Context, p *demoPerson, path string) error {
			if _, err := p.do(ctx, http.MethodPost, path+"/cancel", nil, nil); err != nil {
				return err
			}
			return watchBackup(ctx, r, p, path, func(b openapi.Backup) bool { return b.State != openapi.BackupStateRunning })
		}),
		newBackupPrune(r), newBackupSchedule(r),
	)
	return c
}

// The flag that names a target.
const targetFlag = "target"

func newBackupRun(r *remote) *cobra.Command {
	var (
		target string
		leave  bool
	)
	c := &cobra.Command{
		Use: "run", Short: "Save a target now, or join the backup under way, and wait until it is proven", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			var started openapi.BackupStarted
			if _, err := p.do(c.Context(), http.MethodPost, "/v1/ops/backups", openapi.BackupRequest{Target: target}, &started); err != nil {
				return err
			}
			if leave {
				return show(r, started, func(w io.Writer, s openapi.BackupStarted) { row(w, s.ID) })
			}
			return followBackup(c.Context(), r, p, "/v1/ops/backups/"+started.ID)
		},
	}
	c.Flags().StringVar(&target, targetFlag, "clinic", "what to save")
	c.Flags().BoolVar(&leave, "no-wait", false, "print the backup's ID and do not wait for its end")
	return c
}

func newBackupList(r *remote) *cobra.Command {
	var (
		target, state string
		limit         int
	)
	c := &cobra.Command{
		Use: "list", Short: "List backups, the newest first", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			query := url.Values{"target": {target}}
			if state != "" {
				query.Set("state", state)
			}
			items, err := collect[openapi.Backup](c.Context(), p, "/v1/ops/backups", query, limit, nil)
			if err != nil {
				return err
			}
			return show(r, openapi.BackupPage{Items: items}, func(w io.Writer, page openapi.BackupPage) { rowsOfBackups(w, page.Items...) })
		},
	}
	c.Flags().StringVar(&target, targetFlag, "", "only this target's")
	c.Flags().StringVar(&state, "state", "", "only these: running, stored, verified, rejected, failed, cancelled or removed")
	c.Flags().IntVar(&limit, "limit", 50, "at most so many")
	return c
}

func newOfOneBackup(r *remote, name, short string, run func(ctx context.Context, p *demoPerson, path string) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " <backup-id>", Short: short,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("%s takes one backup ID", c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			return run(c.Context(), p, "/v1/ops/backups/"+url.PathEscape(args[0]))
		},
	}
}

func newBackupDecision(r *remote, name, short, reasons string) *cobra.Command {
	var reason string
	c := newOfOneBackup(r, name, short, func(ctx context.Context, p *demoPerson, path string) error {
		var done openapi.Backup
		if _, err := p.do(ctx, http.MethodPost, path+"/"+name, map[string]string{"reason_code": reason}, &done); err != nil {
			return err
		}
		return show(r, done, tableOfBackup)
	})
	c.Flags().StringVar(&reason, "reason", "", reasons+"; kept with the backup")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if reason == "" {
			return usageError{fmt.Errorf("%s needs --reason: %s", c.CommandPath(), reasons)}
		}
		return nil
	}
	return c
}

// verifyBackup waits for evidence other than that there was.
func verifyBackup(ctx context.Context, r *remote, p *demoPerson, path string) error {
	var before openapi.Backup
	if err := p.get(ctx, path, &before); err != nil {
		return err
	}
	if _, err := p.do(ctx, http.MethodPost, path+"/verify", nil, nil); err != nil {
		return err
	}
	return watchBackup(ctx, r, p, path, func(b openapi.Backup) bool { return b.Evidence.VerificationID != before.Evidence.VerificationID })
}

// followBackup tells how far a backup comes, until it has ended.
func followBackup(ctx context.Context, r *remote, p *demoPerson, path string) error {
	return watchBackup(ctx, r, p, path, func(b openapi.Backup) bool { return domain.BackupState(b.State).Ended() })
}

// watchBackup shows progress where people read errors, and the end as every command does. A
// backup that is not good is a failure of the command.
func watchBackup(ctx context.Context, r *remote, p *demoPerson, path string, ended func(openapi.Backup) bool) error {
	told, missing := "", time.Now().Add(10*time.Second)
	for {
		var b openapi.Backup
		status, err := p.do(ctx, http.MethodGet, path, nil, &b)
		switch {
		case status == http.StatusNotFound && time.Now().Before(missing): // its row comes a moment later
		case err != nil:
			return err
		case ended(b):
			if err := show(r, b, tableOfBackup); err != nil {
				return err
			}
			return failureOf(b)
		default:
			if line := progressOf(b); line != told {
				told = line
				_, _ = fmt.Fprintln(r.in.errors, line)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// progressOf is one line about a backup under way.
func progressOf(b openapi.Backup) string {
	line := b.Target + ": " + string(b.State)
	if b.Phase != "" {
		line += ", " + b.Phase
	}
	if b.Bytes > 0 {
		line += fmt.Sprintf(", %d bytes", b.Bytes)
	}
	return line
}

func failureOf(b openapi.Backup) error {
	switch domain.BackupState(b.State) { //nolint:exhaustive // the others are no failures
	case domain.BackupFailed:
		return fmt.Errorf("the backup failed: %s: %s", b.ErrorCode, b.ErrorDetail)
	case domain.BackupRejected:
		return fmt.Errorf("the backup is not what its source was: %d differences", len(b.Evidence.Failures))
	}
	return nil
}

func rowsOfBackups(w io.Writer, items ...openapi.Backup) {
	row(w, "ID", "TARGET", "STATE", "STARTED", "RESTORE POINT", "VERIFIED", "STORED BYTES", "ROWS", "HELD", "FAULT")
	for _, b := range items {
		row(w, b.ID, b.Target, b.State, b.StartedAt, b.SnapshotAt, b.VerifiedAt, b.StoredBytes, b.Rows, b.Held, b.ErrorCode)
	}
}

func tableOfBackup(w io.Writer, b openapi.Backup) {
	rowsOfBackups(w, b)
	if b.ErrorDetail != "" {
		row(w, "fault", b.ErrorDetail)
	}
	for _, what := range b.Evidence.Checks {
		row(w, "checked", what)
	}
	for _, what := range b.Evidence.Failures {
		row(w, "DIFFERS", what)
	}
}
