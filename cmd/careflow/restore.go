package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

func newRestore(in invocation) *cobra.Command {
	r := &remote{in: in}
	c := &cobra.Command{
		Use: "restore", Short: "Restore a backup beside what lives, and put it in its place",
		Long: "Begins restores, approves them, looks at them and undoes them. For admin and ops. Up to the swap nothing changes; for a " +
			"day after it, it can be undone." + remoteLong,
		GroupID: groupLook, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	r.flags(c)
	c.AddCommand(
		newRestoreRun(r), newRestoreTable(r), newRestoreOffline(in), newRestoreList(r),
		newOfOneRestore(r, "show", "Show a restore", func(ctx context.Context, p *demoPerson, path string) error {
			return get(ctx, r, p, path, tableOfRestore)
		}),
		newOfOneRestore(r, "watch", "Follow a restore until it needs people, or has ended", func(ctx context.Context, p *demoPerson, path string) error {
			return followRestore(ctx, r, p, path)
		}),
		newOfOneRestore(r, "visits", "List the visits that a restore does not have, and those whose money moved since", func(ctx context.Context, p *demoPerson, path string) error {
			return restoreVisits(ctx, r, p, path)
		}),
		newRestoreWord(r, "approve", "Approve that the restore begins", domain.WordBegin),
		newRestoreWord(r, "swap", "Approve that the restored database takes the place of the live one", domain.WordSwap),
		newRestoreWord(r, "abort", "Stop a restore that has not swapped; all stays as it was", domain.WordAbort),
		newRestoreWord(r, "undo", "Put back what lived before the restore", domain.WordUndo),
		newRestoreWord(r, "finish", "Remove what lived before; there is no undo after that", domain.WordFinish),
	)
	return c
}

func newRestoreRun(r *remote) *cobra.Command {
	var (
		asked  openapi.RestoreRequest
		before string
		leave  bool
	)
	c := &cobra.Command{
		Use: "run", Short: "Begin a restore, and wait until it needs people", Args: noArgs,
		Long: "Begins a restore, which waits until enough people have approved it. Without --backup and --before it is of the newest proven backup.",
		RunE: func(c *cobra.Command, _ []string) error {
			if asked.Reason == "" {
				return usageError{fmt.Errorf("%s needs --reason: it is kept with the restore", c.CommandPath())}
			}
			if err := setBefore(&asked.Before, before); err != nil {
				return err
			}
			return beginRestore(c.Context(), r, "/v1/ops/restores", asked, leave)
		},
	}
	c.Flags().StringVar(&asked.Target, targetFlag, "clinic", "what to restore")
	c.Flags().StringVar(&asked.BackupID, "backup", "", "ID of the backup")
	c.Flags().StringVar(&before, "before", "", "the newest proven backup whose restore point is not later, RFC 3339")
	c.Flags().StringVar(&asked.Reason, "reason", "", "why; nothing about a patient")
	c.Flags().StringVar(&asked.UnsavedReason, "without-backup", "", "do not save what lives before, for this reason: it cannot be read any more")
	c.Flags().BoolVar(&leave, "no-wait", false, "print the restore's ID and do not wait")
	return c
}

// setBefore reads the flag --before, where it was given.
func setBefore(at *time.Time, before string) (err error) {
	if before == "" {
		return nil
	}
	if *at, err = time.Parse(time.RFC3339, before); err != nil {
		return usageError{errors.New("--before is a time such as 2026-03-01T09:00:00+01:00")}
	}
	return nil
}

// beginRestore asks for a restore and follows it, or prints its ID where nobody waits.
func beginRestore(ctx context.Context, r *remote, path string, asked any, leave bool) error {
	p, err := r.login(ctx)
	if err != nil {
		return err
	}
	var started openapi.RestoreStarted
	if _, err := p.do(ctx, http.MethodPost, path, asked, &started); err != nil {
		return err
	}
	if leave {
		return show(r, started, func(w io.Writer, s openapi.RestoreStarted) { row(w, s.ID) })
	}
	return followRestore(ctx, r, p, "/v1/ops/restores/"+started.ID)
}

func newRestoreList(r *remote) *cobra.Command {
	var (
		target string
		limit  int
	)
	c := &cobra.Command{
		Use: "list", Short: "List restores, the newest first", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			query := url.Values{"target": {target}}
			items, err := collect[openapi.Restore](c.Context(), p, "/v1/ops/restores", query, limit, nil)
			if err != nil {
				return err
			}
			return show(r, openapi.RestorePage{Items: items}, func(w io.Writer, page openapi.RestorePage) { rowsOfRestores(w, page.Items...) })
		},
	}
	c.Flags().StringVar(&target, targetFlag, "", "only this target's")
	c.Flags().IntVar(&limit, "limit", 50, "at most so many")
	return c
}

func newOfOneRestore(r *remote, name, short string, run func(ctx context.Context, p *demoPerson, path string) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " <restore-id>", Short: short,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("%s takes one restore ID", c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			p, err := r.login(c.Context())
			if err != nil {
				return err
			}
			return run(c.Context(), p, "/v1/ops/restores/"+url.PathEscape(args[0]))
		},
	}
}

func newRestoreWord(r *remote, name, short string, word domain.RestoreWord) *cobra.Command {
	var (
		reason string
		leave  bool
	)
	c := newOfOneRestore(r, name, short, func(ctx context.Context, p *demoPerson, path string) error {
		var now openapi.Restore
		if _, err := p.do(ctx, http.MethodPost, path+"/words", openapi.RestoreDecision{Word: openapi.RestoreWord(word), Reason: reason}, &now); err != nil {
			return err
		}
		if leave {
			return show(r, now, tableOfRestore)
		}
		return followRestore(ctx, r, p, path)
	})
	c.Flags().StringVar(&reason, "reason", "", "why; kept with the restore")
	c.Flags().BoolVar(&leave, "no-wait", false, "do not wait for what comes of it")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if reason == "" {
			return usageError{fmt.Errorf("%s needs --reason: it is kept with the restore", c.CommandPath())}
		}
		return nil
	}
	return c
}

// followRestore tells how far a restore comes, until people have to decide or it has ended.
// One that failed is a failure of the command.
func followRestore(ctx context.Context, r *remote, p *demoPerson, path string) error {
	told := ""
	for {
		var now openapi.Restore
		status, err := p.do(ctx, http.MethodGet, path, nil, &now)
		switch {
		case err == nil && waitsForPeople(now):
			if err := show(r, now, tableOfRestore); err != nil {
				return err
			}
			if now.State == openapi.RestoreStateFailed {
				return fmt.Errorf("the restore failed: %s: %s", now.ErrorCode, now.ErrorDetail)
			}
			return nil
		case err == nil:
			if line := fmt.Sprintf("%s: %s", now.Target, now.State); line != told {
				told = line
				_, _ = fmt.Fprintln(r.in.errors, line)
			}
		case status != 0 && status < http.StatusInternalServerError: // the API is away while databases change places
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// waitsForPeople is false while what people have decided is about to begin.
func waitsForPeople(r openapi.Restore) bool {
	switch domain.RestoreState(r.State) { //nolint:exhaustive // every other state goes on by itself, or has ended
	case domain.RestoreAwaitingApproval:
		return !approved(r, openapi.RestoreWordBegin, r.People)
	case domain.RestoreAwaitingSwap:
		return !approved(r, openapi.RestoreWordSwap, r.People)
	case domain.RestoreKept:
		return !approved(r, openapi.RestoreWordFinish, 1)
	case domain.RestoreSwapped:
		return !approved(r, openapi.RestoreWordUndo, r.People) && !approved(r, openapi.RestoreWordFinish, 1)
	}
	return domain.RestoreState(r.State).Ended()
}

func approved(r openapi.Restore, word openapi.RestoreWord, people int) bool {
	for _, a := range r.Approvals {
		if a.Word == word {
			people--
		}
	}
	return people <= 0
}

func restoreVisits(ctx context.Context, r *remote, p *demoPerson, path string) error {
	items, err := collect[openapi.RestoreVisit](ctx, p, path+"/visits", url.Values{}, math.MaxInt, nil)
	if err != nil {
		return err
	}
	return show(r, openapi.RestoreVisitPage{Items: items}, func(w io.Writer, page openapi.RestoreVisitPage) {
		row(w, "APPOINTMENT", "WHY", "BOOKED", "STARTS", "STATUS", "PROCESS", "PATIENT", "PAYMENTS")
		for _, v := range page.Items {
			paid := ""
			for _, i := range v.Payments {
				paid += fmt.Sprintf("%s %s %s %d-%d ", i.IntentID, i.Status, i.Amount.Currency, i.Captured, i.Refunded)
				if i.CaseKind != "" {
					paid += fmt.Sprintf("(%s: %s) ", i.CaseKind, cmp.Or(i.CaseOutcome, i.CaseState))
				}
			}
			row(w, v.AppointmentID, v.Why, v.BookedAt, v.StartsAt, v.Status, v.Process, v.PatientID, paid)
		}
	})
}

func rowsOfRestores(w io.Writer, items ...openapi.Restore) {
	row(w, "ID", "TARGET", "STATE", "STARTED", "RESTORE POINT", "SWAPPED", "UNDO UNTIL", "LISTED", "FAULT")
	for _, r := range items {
		row(w, r.ID, r.Target, r.State, r.StartedAt, r.RestorePoint, r.SwappedAt, r.UndoUntil, r.Lost, r.ErrorCode)
	}
}

func tableOfRestore(w io.Writer, r openapi.Restore) {
	rowsOfRestores(w, r)
	row(w, "reason", r.Reason)
	if !r.ApproveBy.IsZero() {
		row(w, "waits", fmt.Sprintf("until %s for %d people", instant(r.ApproveBy), r.People))
	}
	for _, a := range r.Approvals {
		row(w, string(a.Word), fmt.Sprintf("by %s at %s: %s", a.By, instant(a.At), a.Reason))
	}
	rowsOfCopy(w, r.Copy)
	for _, d := range r.Differences {
		if d.Live != d.Restored {
			row(w, "differs", fmt.Sprintf("%s: %d rows live, %d restored", d.Table, d.Live, d.Restored))
		}
	}
	for _, p := range r.Phases {
		row(w, "took", fmt.Sprintf("%s %.1f s", p.Name, p.Seconds))
	}
	if r.SwapMs > 0 {
		row(w, "swap", fmt.Sprintf("%.0f ms", r.SwapMs))
		row(w, "forward", fmt.Sprintf("%d visits looked at, %d written forward in %d steps, %d letters not sent again, %d not followed, %d without a row, %d whose money had moved",
			r.Forward.Visits, r.Forward.Moved, r.Forward.Steps, r.Forward.Letters, r.Forward.Failed, r.Forward.Missing, r.Forward.Money))
		row(w, "reconciled", fmt.Sprintf("%d checked, %d replaced, %d reported", r.Reconciled.Checked, r.Reconciled.Replaced, r.Reconciled.Reported))
	}
	if r.UndoMs > 0 {
		row(w, "undo", fmt.Sprintf("%.0f ms", r.UndoMs))
	}
	if r.ErrorDetail != "" {
		row(w, "fault", r.ErrorDetail)
	}
}
