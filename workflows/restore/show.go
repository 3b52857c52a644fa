package restore

import (
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/restore"
	"github.com/careflow/careflow/internal/domain"
)

// enter goes on to a state, writes down how long the last one took, and shows it.
func (r *restore) enter(ctx workflow.Context, state domain.RestoreState) {
	now := workflow.Now(ctx)
	if r.record.State != state {
		r.record.Phases = append(r.record.Phases, domain.RestorePhase{Name: r.record.State, Seconds: now.Sub(r.since).Seconds()})
	}
	r.record.State, r.since = state, now
	r.note(ctx)
}

// note shows how the restore stands in Temporal UI and in the catalogue, which may be in the
// database that is broken.
func (r *restore) note(ctx workflow.Context) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.record.Seq++
	workflow.SetCurrentDetails(ctx, details(r.record))
	if err := workflow.ExecuteActivity(noting(ctx), acts.Note, r.record).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("the catalogue does not show the restore", "restore_id", r.record.RestoreID, "error", err)
	}
}

func details(r domain.RestoreRecord) string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(fmt.Sprintf(format+"\n", args...)) } //nolint:staticcheck // Fprintf is unknown to the check for determinism
	line("**%s**: %s\n", r.Target, strings.ReplaceAll(string(r.State), "_", " "))
	line("- restore: %s", r.RestoreID)
	if r.Point.BackupID != "" {
		line("- backup %s, restore point %s, %d rows", r.Point.BackupID, r.Point.SnapshotAt.UTC().Format(time.RFC3339), r.Point.Rows)
	}
	if !r.ApproveBy.IsZero() {
		line("- waits until %s for %d people to approve", r.ApproveBy.Format(time.RFC3339), r.People)
	}
	for _, a := range r.Approvals {
		line("- %s: %s, %s", a.Word, a.By, a.At.Format(time.RFC3339))
	}
	if r.SafetyBackup != "" {
		line("- what lived was saved as backup %s", r.SafetyBackup)
	}
	if r.SwapMillis > 0 {
		line("- swapped in %.0f ms; %d visits written forward, %d listed", r.SwapMillis, r.Forward.Moved, r.Lost)
	}
	if !r.UndoUntil.IsZero() {
		line("- undo is possible until %s", r.UndoUntil.Format(time.RFC3339))
	}
	if c := r.Copy; c != nil {
		line("- table %s, kept as %s until %s", c.Table, c.Schema, c.Until.Format(time.RFC3339))
		line("- rows: %d; only in the backup %s, only live %s, different %s %s", c.Rows, rows(c.OnlySaved), rows(c.OnlyLive), rows(c.Different), c.Uncompared)
	}
	if r.Error != "" {
		line("- %s: %s", r.Error, r.Detail)
	}
	if len(r.Differences) > 0 {
		line("\n| table | live | restored |\n|---|---|---|")
	}
	for _, d := range r.Differences {
		if !d.Same() {
			line("| %s | %s | %s |", d.Table, rows(d.Live), rows(d.Restored))
		}
	}
	return b.String()
}

func rows(n *int64) string {
	if n == nil {
		return "–"
	}
	return fmt.Sprint(*n)
}

// reason is the code of a failed step, and what it says: nothing of a row.
func reason(err error) (domain.Code, string) {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		return domain.Code(app.Type()), app.Message()
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
		return domain.CodeNoBackupWorker, "no host took the job: start `careflow backup-worker` with CAREFLOW_BACKUP_IDENTITY and CAREFLOW_RESTORE_TARGETS on one"
	}
	if errors.As(err, &timeout) {
		return domain.CodeUnavailable, "it took too long: " + timeout.TimeoutType().String()
	}
	return domain.CodeInternal, "see the log of the worker"
}
