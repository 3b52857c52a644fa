package restore

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	acts "github.com/careflow/careflow/activities/restore"
	"github.com/careflow/careflow/internal/domain"
)

// TableWorkflow is the restore of one table beside the live one: nothing that lives is
// touched, so that nobody has to approve it and no fence stands.
func (p *Process) TableWorkflow(ctx workflow.Context, in Input) (domain.RestoreRecord, error) {
	return p.carryOut(ctx, in, (*restore).runTable)
}

// runTable makes the copy and keeps it until somebody says finish, or its time is over.
func (r *restore) runTable(ctx, before workflow.Context) error {
	until := workflow.Now(ctx).UTC().Add(r.in.Keep)
	if err := r.place(before, until); err != nil {
		return r.takeBack(ctx, err)
	}
	r.enter(ctx, domain.RestoreKept)
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: until.Sub(workflow.Now(ctx)), TimerOptions: workflow.TimerOptions{Summary: "Then the copy goes"},
	}, func() bool { return r.agreed(domain.WordFinish) })
	if err != nil && !temporal.IsCanceledError(err) {
		return err
	}
	after, _ := workflow.NewDisconnectedContext(ctx)
	r.dropCopy(after)
	r.record.FinishedAt = workflow.Now(ctx).UTC()
	r.enter(after, domain.RestoreFinished)
	return workflow.ExecuteActivity(standing(after, "Note the end"), acts.Note, r.record).Get(after, nil)
}

// place puts the table of a proven backup beside the live one, and says how they differ.
func (r *restore) place(ctx workflow.Context, until time.Time) error {
	r.enter(ctx, domain.RestoreResolving)
	err := workflow.ExecuteActivity(calling(ctx), acts.ResolveTable, acts.ResolveTableInput{
		ResolveInput: acts.ResolveInput{Target: r.in.Target, BackupID: r.in.BackupID, Before: r.in.Before}, Table: r.in.Table,
	}).Get(ctx, &r.record.Point)
	if err != nil {
		return err
	}
	r.enter(ctx, domain.RestoreRestoring)
	err = workflow.ExecuteActivity(hosted(ctx, "Put the table beside the live one"), acts.PlaceTable, acts.PlaceTableInput{
		Target: r.in.Target, RestoreID: r.record.RestoreID, BackupID: r.record.Point.BackupID, Table: r.in.Table, Until: until,
	}).Get(ctx, r.record.Copy)
	if err != nil {
		return err
	}
	r.enter(ctx, domain.RestoreComparing)
	return workflow.ExecuteActivity(hosted(ctx, "Compare it with the live one"), acts.CompareTable, acts.CompareTableInput{
		Target: r.in.Target, Copy: *r.record.Copy,
	}).Get(ctx, r.record.Copy)
}

// dropCopy removes the copy, which holds what people may have deleted for good: whoever is to
// see to one that cannot be removed is told.
func (r *restore) dropCopy(ctx workflow.Context) {
	in := acts.DropTableInput{Target: r.in.Target, RestoreID: r.record.RestoreID}
	r.must(ctx, workflow.ExecuteActivity(hosted(ctx, "Remove the copy"), acts.DropTable, in).Get(ctx, nil))
}
